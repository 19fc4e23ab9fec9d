import {
  app,
  dialog,
  Menu,
  Notification,
  powerSaveBlocker,
  shell,
  type BrowserWindow,
} from 'electron'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PageMenu } from '../engine/protocol/bridge.ts'
import type { DoingOfAll } from '../engine/protocol/doing.ts'
import type { RunProgress } from '../engine/protocol/wire.ts'
import { makeFolder } from '../engine/files/index.ts'
import { KEYS_VARIABLE, Supervisor } from '../engine/host/index.ts'
import { say } from '../engine/terminal/index.ts'
import { DATA_PARTS, dataFolder } from '../engine/transcripts/index.ts'
import { OPEN_FILTERS, readGiven } from './files.ts'
import { about, licences, ReleaseCheck } from './help.ts'
import { spawnHost } from './host.ts'
import { KeyStore, SecretStore } from './keychain.ts'
import { buildMenu, type MenuActions } from './menu.ts'
import { releaseSource } from './releases.ts'
import { answerRequests, tellPage } from './requests.ts'
import { ShellState } from './state.ts'
import { RunWatch } from './watch.ts'
import { openWindow } from './window.ts'

export interface WorkbenchOptions {
  /** Holds package.json, the licences and the native engine. */
  root: string
  /** Folder of the compiled `host-main`. */
  engine: string
  /** GGUF file to start with, or ''. */
  model: string
  openLink: (url: string) => Promise<void>
}

/** Connects the window, its engine, and what the system shows: menus, progress, notifications. */
export class Workbench {
  readonly #options: WorkbenchOptions
  readonly #state = new ShellState()
  readonly #token = new SecretStore('hub-token')
  readonly #keys = new KeyStore()
  readonly #supervisor: Supervisor
  readonly #watch: RunWatch
  readonly #releases: ReleaseCheck | undefined
  #window: BrowserWindow | undefined
  #menu: PageMenu | undefined
  /** Files to give to the page once it is ready. */
  #given: string[] = []
  #ready = false
  #awake: number | undefined

  constructor(options: WorkbenchOptions) {
    this.#options = options
    const source = releaseSource(this.#package().repository)
    this.#releases =
      source && new ReleaseCheck(source, this.#state, () => this.#window, options.openLink)
    this.#setMenu(undefined)
    this.#supervisor = new Supervisor({
      spawn: (first, env) =>
        spawnHost(join(options.engine, 'host', 'host-main.js'), {
          // Later processes keep the model that was chosen since.
          BRAID_OPEN_MODEL: first ? options.model : '',
          ...this.#node(),
          ...this.#hub(),
          ...env,
          ...this.#serverKeys(env),
        }),
      onState: (state, message) => state !== 'up' && say(message),
    })
    answerRequests({
      window: () => this.#window,
      connect: (channel) => this.#supervisor.connect(channel),
      openLink: options.openLink,
      openFolder: async (part) => {
        const folder = join(dataFolder(), DATA_PARTS[part])
        makeFolder(folder)
        const failure = await shell.openPath(folder)
        if (failure !== '') throw new Error(failure)
      },
      setMenu: (menu) => this.#setMenu(menu),
      rememberToken: (token) => this.#token.set(token),
      rememberKey: ({ server, key }) => this.#keys.set(server, key),
      ready: () => {
        this.#ready = true
        this.openFiles(this.#given.splice(0))
      },
    })
    const window = (this.#window = openWindow(this.#state))
    window.webContents.on('did-navigate', () => {
      this.#ready = false
    })
    window.on('closed', () => {
      this.#window = undefined
    })
    this.#watch = new RunWatch({
      connect: (channel) => this.#supervisor.connect(channel),
      onActivity: (activity) => this.#show(activity),
      onEnd: (run) => this.#ended(run),
    })
    void this.#releases?.atStart()
  }

  show(): void {
    if (this.#window?.isMinimized() === true) this.#window.restore()
    this.#window?.show()
    this.#window?.focus()
  }

  /** Gives files to the page, or keeps them until the page is ready. */
  openFiles(paths: readonly string[]): void {
    if (!this.#ready) this.#given.push(...paths)
    else for (const path of paths) tellPage(this.#window, 'file', readGiven(path))
  }

  async close(): Promise<void> {
    this.#stayAwake(false)
    this.#watch.close()
    await this.#supervisor.close()
  }

  #package(): { repository?: unknown } {
    return JSON.parse(readFileSync(join(this.#options.root, 'package.json'), 'utf8')) as {
      repository?: unknown
    }
  }

  /** Names the Node program for processes that the engine starts; an installed Electron cannot act as Node. */
  #node(): Record<string, string> {
    const node = join(this.#options.root, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return app.isPackaged ? { BRAID_NODE: node } : {}
  }

  /** Passes the saved Hugging Face token to an engine that starts. */
  #hub(): Record<string, string> {
    const token = this.#token.get()
    return token === undefined ? {} : { HF_TOKEN: token }
  }

  /** Passes the keys of servers to an engine that starts: those in the keychain, and those given since. */
  #serverKeys(env: Record<string, string>): Record<string, string> {
    const since = JSON.parse(env[KEYS_VARIABLE] ?? '{}') as Record<string, string>
    return { [KEYS_VARIABLE]: JSON.stringify({ ...this.#keys.get(), ...since }) }
  }

  #engineTag(): string {
    try {
      const { llamaCpp } = JSON.parse(
        readFileSync(join(this.#options.root, 'build', 'native', 'backends.json'), 'utf8'),
      ) as { llamaCpp: { tag: string; bundleCommit: string } }
      return `${llamaCpp.tag} (${llamaCpp.bundleCommit.slice(0, 12)})`
    } catch {
      return 'not built'
    }
  }

  #setMenu(menu: PageMenu | undefined): void {
    this.#menu = menu
    const releases = this.#releases
    const actions: MenuActions = {
      command: (id) => tellPage(this.#window, 'command', id),
      open: () => void this.#openDialog(),
      about: () => void about(this.#window, this.#engineTag(), this.#options.root),
      licences: () => void licences(this.#window, this.#options.root),
      releases: releases && {
        check: () => void releases.asked().then(() => this.#setMenu(this.#menu)),
        daily: releases.daily,
        setDaily: (daily) => releases.setDaily(daily),
      },
    }
    Menu.setApplicationMenu(buildMenu(menu, actions))
  }

  async #openDialog(): Promise<void> {
    const options = {
      properties: ['openFile' as const, 'multiSelections' as const],
      filters: OPEN_FILTERS,
    }
    const { filePaths } = await (this.#window === undefined
      ? dialog.showOpenDialog(options)
      : dialog.showOpenDialog(this.#window, options))
    this.openFiles(filePaths)
  }

  /** Shows the progress of runs in the taskbar, and keeps the machine awake while there are any. */
  #show({ running, fraction }: DoingOfAll): void {
    if (this.#window?.isDestroyed() === false) this.#window.setProgressBar(fraction ?? -1)
    this.#stayAwake(running > 0)
  }

  #stayAwake(wanted: boolean): void {
    if (wanted === (this.#awake !== undefined)) return
    if (this.#awake !== undefined) powerSaveBlocker.stop(this.#awake)
    this.#awake = wanted ? powerSaveBlocker.start('prevent-app-suspension') : undefined
  }

  /** Notifies the user of the end of a run, unless the window has the focus. */
  #ended({ run, title, answer, status }: RunProgress): void {
    if (this.#window?.isFocused() === true || !Notification.isSupported()) return
    const notification = new Notification({
      title: title || 'Braid',
      body:
        status === 'failed'
          ? 'The run failed.'
          : answer === null
            ? 'Done, no answer found.'
            : `Answer: ${answer.slice(0, 200)}`,
    })
    notification.on('click', () => {
      this.show()
      tellPage(this.#window, 'show', run)
    })
    notification.show()
  }
}
