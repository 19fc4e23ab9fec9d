import { spawn, type ChildProcess } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import { _electron, type ElectronApplication, type Page } from 'playwright-core'
import { compileEngine, compileShell } from '../../scripts/compile.ts'
import { ensureRenderer, root } from '../../scripts/renderer.ts'
import { electron22 } from './electron22.ts'

/** Drives the shell in a real Electron 22, which contains Node 16. The programs are compiled for that here. */
const xvfb = ['/usr/bin/Xvfb'].find((file) => existsSync(file))
const electron = await electron22()
const LOADER = join(
  createRequire(import.meta.url).resolve('playwright-core/package.json'),
  '..',
  'lib',
  'server',
  'electron',
  'loader.js',
)
const ARGS = ['--no-sandbox', '--disable-gpu', '--password-store=basic']
/** Without a session bus, Electron would start one and wait for it. */
export const QUIET = {
  DBUS_SESSION_BUS_ADDRESS: 'disabled:',
  NO_AT_BRIDGE: '1',
  ELECTRON_DISABLE_SECURITY_WARNINGS: '1',
}

/** Returns why the shell cannot run here, or null. */
export const unavailable: string | null =
  'missing' in electron
    ? `no Electron 22: ${electron.missing}`
    : process.env.DISPLAY === undefined && xvfb === undefined
      ? 'no display and no Xvfb'
      : null
export const found = 'missing' in electron ? undefined : electron

/** A separate display for one test file. */
export class Display {
  #process: ChildProcess | undefined

  async open(): Promise<string> {
    if (xvfb === undefined) return process.env.DISPLAY!
    const display = spawn(
      xvfb,
      ['-displayfd', '3', '-screen', '0', '1440x900x24', '-nolisten', 'tcp'],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
    )
    this.#process = display
    return new Promise((resolve, reject) => {
      display.stdio[3]!.once('data', (chunk: Buffer) => resolve(`:${String(chunk).trim()}`))
      display.once('exit', (code) => reject(new Error(`Xvfb ended with ${code}`)))
    })
  }

  close(): void {
    this.#process?.kill()
  }
}

export class Shell {
  readonly data = mkdtempSync(join(tmpdir(), 'braid-shell-'))
  app!: ElectronApplication
  page!: Page
  /** The error output of the app. */
  said = ''

  readonly #folder: string
  readonly #display = new Display()
  #env: Record<string, string> = {}

  /** `folder`: the result of `compile`. */
  constructor(folder: string) {
    this.#folder = folder
  }

  get preload(): string {
    return join(this.#folder, 'dist', 'electron', 'preload.cjs')
  }

  get program(): string {
    return join(this.#folder, 'electron22', 'electron')
  }

  async start(args: string[] = [], env: Record<string, string> = {}): Promise<this> {
    const display = this.#env.DISPLAY ?? (await this.#display.open())
    // As in an installed app, the engine's helper processes run on a separate Node.
    this.#env = {
      ...(process.env as Record<string, string>),
      ...QUIET,
      BRAID_NODE: process.execPath,
      DISPLAY: display,
      BRAID_DATA: this.data,
      BRAID_SHELL: join(this.#folder, 'dist', 'electron', 'main.cjs'),
      ...env,
    }
    this.app = await _electron.launch({
      executablePath: this.program,
      args: [...ARGS, ...args],
      cwd: root,
      env: { ...this.#env, BRAID_LOADER: LOADER },
      timeout: 60_000,
    })
    this.app.process().stderr?.on('data', (chunk: Buffer) => {
      this.said += String(chunk)
    })
    this.app.context().setDefaultTimeout(60_000)
    this.page = await this.app.firstWindow()
    await this.page.waitForSelector('[data-connection="open"]')
    return this
  }

  /** Starts the app a second time on the same data and returns its exit code. */
  again(args: string[] = []): Promise<number | null> {
    return new Promise((resolve) =>
      spawn(this.program, [...ARGS, ...args], { cwd: root, env: this.#env, stdio: 'ignore' }).on(
        'exit',
        resolve,
      ),
    )
  }

  /** Quits the app and keeps the data. */
  async quit(): Promise<void> {
    const ended = new Promise((resolve) => this.app.process().once('exit', resolve))
    await this.app.evaluate(({ app }) => setTimeout(() => app.quit(), 0)).catch(() => undefined)
    await ended
  }

  async close(): Promise<void> {
    await (this.app as ElectronApplication | undefined)?.close().catch(() => undefined)
    this.#display.close()
    rmSync(this.data, { recursive: true, force: true })
  }
}

/** Compiles for Node 16 into a new folder, laid out like a checkout with Electron beside it. */
export async function compile(): Promise<string> {
  if (found === undefined) throw new Error('There is no Electron 22.')
  const folder = mkdtempSync(join(tmpdir(), 'braid-electron22-'))
  const dist = join(folder, 'dist')
  await compileFor22(dist)
  ensureRenderer()
  // A copy, since another build of the page may replace it in the meantime.
  cpSync(join(root, 'dist', 'renderer'), join(dist, 'renderer'), { recursive: true })
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'))
  // Chat templates run in a thread that loads its library itself.
  for (const name of ['build', 'models', 'patches', 'node_modules'])
    symlinkSync(join(root, name), join(folder, name))
  cpSync(found.dist, join(folder, 'electron22'), { recursive: true })
  const app = join(folder, 'electron22', 'resources', 'app')
  mkdirSync(app, { recursive: true })
  writeFileSync(
    join(app, 'package.json'),
    JSON.stringify({ name: 'braid', version: '0.1.0', main: 'index.js' }),
  )
  copyFileSync(join(import.meta.dirname, 'old-electron.cjs'), join(app, 'index.js'))
  copyFileSync(join(import.meta.dirname, 'old-host.cjs'), join(app, 'host.cjs'))
  return folder
}

/** Before Electron 29, a file's path came from the file itself. */
const OLD_PATH = `try { require('electron').webUtils ??= { getPathForFile: (file) => file.path } } catch {}`

/** Replacements for imports that Node 16 does not have: the free disk space is large. */
const lendNode16: Plugin = {
  name: 'lend-node-16',
  setup(build) {
    build.onResolve({ filter: /^node:fs\/promises$/ }, () => ({
      path: 'fs-promises',
      namespace: 'node16',
    }))
    build.onLoad({ filter: /^fs-promises$/, namespace: 'node16' }, () => ({
      contents: `import * as fs from 'fs/promises'\nexport * from 'fs/promises'\nexport const statfs = fs.statfs ?? (async () => ({ bsize: 4096, blocks: 1 << 28, bfree: 1 << 28, bavail: 1 << 28 }))`,
    }))
  },
}

/** Compiles engine and shell for Electron 22 to `dist/engine` and `dist/electron`. */
export async function compileFor22(dist: string): Promise<void> {
  await compileEngine(join(dist, 'engine'), {
    target: 'node16',
    packages: 'bundle',
    sourcemap: false,
    plugins: [lendNode16],
    banner: {
      js: `import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);`,
    },
  })
  await compileShell(join(dist, 'electron'), {
    target: 'node16',
    sourcemap: false,
    banner: { js: OLD_PATH },
  })
}
