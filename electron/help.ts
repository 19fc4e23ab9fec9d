import { app, clipboard, dialog, shell, type BrowserWindow, type MessageBoxOptions } from 'electron'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { newestRelease, type Source } from './releases.ts'
import type { ShellState } from './state.ts'

const DAY_MS = 24 * 3600_000

const show = (window: BrowserWindow | undefined, options: MessageBoxOptions) =>
  window === undefined ? dialog.showMessageBox(options) : dialog.showMessageBox(window, options)

/** Shows the About box. `engine`: tag and commit of the pinned llama.cpp. */
export async function about(
  window: BrowserWindow | undefined,
  engine: string,
  root: string,
): Promise<void> {
  const { electron, chrome, node } = process.versions
  const detail = [
    `Engine: llama.cpp ${engine}`,
    `Electron ${electron}, Chromium ${chrome}, Node ${node}`,
    `${process.platform} ${process.arch}`,
    'MIT licence',
  ].join('\n')
  const { response } = await show(window, {
    type: 'info',
    title: 'About Braid',
    message: `Braid ${app.getVersion()}`,
    detail,
    buttons: ['Close', 'Copy', 'Licences'],
    defaultId: 0,
    cancelId: 0,
    noLink: true,
  })
  if (response === 1) clipboard.writeText(`Braid ${app.getVersion()}\n${detail}`)
  if (response === 2) await licences(window, root)
}

/** Opens the licences of everything in this copy in the system's viewer. */
export async function licences(window: BrowserWindow | undefined, root: string): Promise<void> {
  const file = ['LICENCES.txt', 'LICENSE']
    .map((name) => join(root, name))
    .find((one) => existsSync(one))
  const problem =
    file === undefined
      ? 'The licence file is missing from this copy of Braid.'
      : await shell.openPath(file)
  if (problem !== '')
    await show(window, {
      type: 'error',
      message: 'The licences cannot be displayed.',
      detail: problem,
    })
}

/**
 * Reports a new release and opens its page. The first check asks for consent; only the name of the latest release is
 * fetched.
 */
export class ReleaseCheck {
  constructor(
    private readonly source: Source,
    private readonly state: ShellState,
    private readonly window: () => BrowserWindow | undefined,
    private readonly open: (url: string) => Promise<void>,
  ) {}

  get daily(): boolean {
    return this.state.get().checkReleases === true
  }

  setDaily(daily: boolean): void {
    this.state.set({ checkReleases: daily })
  }

  /**
   * Checks at startup: only if the user turned it on, at most once a day, and silently unless there is a new release.
   */
  async atStart(): Promise<void> {
    if (!this.daily || Date.now() - this.state.get().checkedAt < DAY_MS) return
    await this.#look(true)
  }

  /** Checks because the user chose the menu item, and shows every outcome. */
  async asked(): Promise<void> {
    if (this.state.get().checkReleases === null) {
      const { response } = await show(this.window(), {
        type: 'question',
        message: 'Check for a new release?',
        buttons: ['Cancel', 'Check now', 'Check now and once a day'],
        defaultId: 1,
        cancelId: 0,
        noLink: true,
        detail: `Braid asks ${new URL(this.source.api).host} for the name of the latest release. Nothing about you or your runs is sent, and nothing is downloaded.`,
      })
      if (response === 0) return
      if (response === 2) this.setDaily(true)
    }
    await this.#look(false)
  }

  async #look(quiet: boolean): Promise<void> {
    try {
      this.state.set({ checkedAt: Date.now() })
      const newest = await newestRelease(this.source, app.getVersion())
      if (newest.newer) {
        const { response } = await show(this.window(), {
          type: 'info',
          message: `Braid ${newest.version} is available.`,
          detail: `You have ${app.getVersion()}. Download the new release from ${newest.page}`,
          buttons: ['Later', 'Open release page'],
          defaultId: 1,
          cancelId: 0,
          noLink: true,
        })
        if (response === 1) await this.open(newest.page)
      } else if (!quiet)
        await show(this.window(), {
          type: 'info',
          message: 'You have the latest release.',
          detail: `Braid ${app.getVersion()}`,
        })
    } catch (error) {
      if (!quiet)
        await show(this.window(), {
          type: 'warning',
          message: 'Braid could not check for a new release.',
          detail: (error as Error).message,
        })
    }
  }
}
