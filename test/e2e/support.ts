import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  chromium,
  type Browser,
  type BrowserContext,
  type Locator,
  type Page,
} from 'playwright-core'
import { newLinks } from '../../engine/serve/index.ts'
import { ensureRenderer } from '../../scripts/renderer.ts'
import { until } from '../support/test-client.ts'

/** Drives the real window in a real Chromium, over the real host process and engine. */

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
export const CHROMIUM = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((file) => file !== undefined && existsSync(file))
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const SECONDS = 1000

/** `braid serve` as a separate process with its own data folder. */
export class Braid {
  readonly data: string
  url = ''
  #server: ChildProcess | undefined
  #browser: Browser | undefined

  constructor() {
    this.data = mkdtempSync(join(tmpdir(), 'braid-e2e-'))
  }

  async start(model?: string): Promise<this> {
    ensureRenderer()
    const args = [
      '--import',
      'tsx',
      join(root, 'engine', 'cli', 'main.ts'),
      'serve',
      '--no-open',
      ...(model === undefined ? [] : ['--model', model]),
    ]
    const server = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, BRAID_DATA: this.data },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#server = server
    let said = ''
    server.stderr.on('data', (chunk: Buffer) => {
      said += chunk
    })
    this.url = await new Promise<string>((resolve, reject) => {
      let out = ''
      server.stdout.on('data', (chunk: Buffer) => {
        out += chunk
        const url = /http:\S+/.exec(out)?.[0]
        if (url !== undefined) resolve(url)
      })
      server.on('exit', (code) => reject(new Error(`braid serve ended with ${code}: ${said}`)))
    })
    this.#browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS })
    return this
  }

  /** Returns a link for one use, as `braid serve --link` prints it. */
  #link(): string {
    return newLinks(this.data).find((link) => link.startsWith(new URL(this.url).origin))!
  }

  /** Opens a window with a profile of its own. */
  async open(options: { width?: number; height?: number } = {}): Promise<Window> {
    const context = await this.#browser!.newContext({
      viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
      acceptDownloads: true,
    })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    context.setDefaultTimeout(60 * SECONDS)
    const page = await context.newPage()
    const window = new Window(page, context)
    await page.goto(this.#link())
    await page.waitForSelector('[data-connection="open"]')
    return window
  }

  /** Kills the host process, like a crash of the engine. */
  killHost(): void {
    const pids = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(this.#server!.pid)])
      .toString()
      .split('\n')
      .filter((line) => line.includes('host-main'))
    if (pids.length !== 1) throw new Error(`expected one host process, found: ${pids.join('; ')}`)
    process.kill(Number(pids[0]!.trim().split(/\s+/)[0]), 'SIGKILL')
  }

  async close(): Promise<void> {
    await this.#browser?.close()
    const server = this.#server
    if (server !== undefined && server.exitCode === null) {
      const gone = new Promise((resolve) => server.on('exit', resolve))
      server.kill('SIGTERM')
      await gone
    }
    rmSync(this.data, { recursive: true, force: true })
  }
}

export interface Pose {
  problem: string
  strategy?: string
  paths?: number
  budget?: number
  finish?: 'first' | 'half' | 'last'
  question?: 'auto' | 'value' | 'text' | 'code'
  summary?: number
  alternatives?: number
  /** Number of KV cells that the run may use. */
  context?: number
  temperature?: number
  seed?: number
  /** What has the large place: the paths, unless it is left to the window. */
  stage?: 'paths' | 'auto'
}

/** The actions of a user in the window. */
export class Window {
  readonly page: Page
  readonly context: BrowserContext
  /** Errors of the page and violations of its policy. Must stay empty. */
  readonly trouble: string[] = []

  constructor(page: Page, context: BrowserContext) {
    this.page = page
    this.context = context
    page.on('pageerror', (error) => this.trouble.push(String(error)))
    page.on('console', (message) => {
      if (
        message.type() === 'error' &&
        !message.text().includes('WebSocket') &&
        !message.location().url.endsWith('/favicon.ico')
      )
        this.trouble.push(message.text())
    })
  }

  async pose({
    problem,
    strategy,
    paths,
    budget,
    finish,
    question,
    summary,
    alternatives,
    context,
    temperature,
    seed,
    stage = 'paths',
  }: Pose): Promise<void> {
    const { page } = this
    await this.command('New run')
    await page.getByLabel('Problem', { exact: true }).fill(problem)
    await this.openSettings()
    if (strategy !== undefined)
      await page.getByLabel('Strategy', { exact: true }).selectOption({ label: strategy })
    if (paths !== undefined) await page.getByLabel('Paths', { exact: true }).fill(String(paths))
    if (budget !== undefined)
      await page.getByLabel('Tokens per path', { exact: true }).fill(String(budget))
    if (finish !== undefined) await page.getByLabel('Stop the paths when').selectOption(finish)
    if (question !== undefined) await page.getByLabel('Kind of question').selectOption(question)
    // One thread, because several threads that wait for one another on a busy machine are a hundred times slower.
    await page.getByLabel('Threads', { exact: true }).fill('1')
    if (summary !== undefined) await page.getByLabel('Tokens for the summary').fill(String(summary))
    if (alternatives !== undefined)
      await page.getByLabel('Alternatives per token').fill(String(alternatives))
    if (context !== undefined)
      await page.getByLabel('Context size (cells)', { exact: true }).fill(String(context))
    if (temperature !== undefined)
      await page.getByLabel('Temperature', { exact: true }).fill(String(temperature))
    if (seed !== undefined) await page.getByLabel('Seed', { exact: true }).fill(String(seed))
    await page.getByRole('button', { name: 'Start', exact: true }).click()
    await page.waitForURL(/#\/run\//)
    if (stage === 'paths') await this.showPaths()
  }

  /** Opens all settings of the composer, which wait for the model's metadata. */
  async openSettings(): Promise<void> {
    const { page } = this
    await page.locator('.advanced').waitFor()
    if ((await page.locator('.advanced[open]').count()) === 0)
      await page.locator('.advanced > summary').click()
    await page.getByLabel('Strategy', { exact: true }).waitFor()
  }

  /** Puts the paths of the run on the screen into the large place, as a grid. */
  async showPaths(): Promise<void> {
    await this.page.locator('[data-run-view]').waitFor()
    await this.page.keyboard.press('Alt+1')
  }

  /** Opens the view of a run, and waits until it is drawn. */
  async show(run: string): Promise<void> {
    const { page } = this
    await page.goto(new URL(`#/run/${run}`, page.url()).href)
    await page.locator(`[data-run-view="${run}"]`).waitFor()
  }

  get run(): string {
    return /#\/run\/([\w-]+)/.exec(this.page.url())![1]!
  }

  /** Runs a command from the palette, which works in any view. */
  async command(name: string): Promise<void> {
    const { page } = this
    await page.keyboard.press('Control+K')
    await page.locator('dialog.palette input').fill(name)
    await page
      .getByRole('option', { name: new RegExp(`^${name}`) })
      .first()
      .waitFor()
    await page.keyboard.press('Enter')
    await until(
      async () => (await page.locator('dialog.palette').count()) === 0,
      'the palette to close',
    )
  }

  lane(path: number): Locator {
    return this.page.locator(`[data-lane="p${path}"]`)
  }

  /** Returns the tokens of a path as counted by its lane. */
  async tokens(path: number): Promise<number> {
    const text = await this.lane(path).locator('.lane-count').textContent()
    return Number(/^[\d,]+/.exec(text ?? '')?.[0].replace(/,/g, '') ?? 0)
  }

  async status(path: number): Promise<string | null> {
    return this.lane(path).locator('[data-status]').first().getAttribute('data-status')
  }

  async untilTokens(path: number, count: number): Promise<void> {
    await until(
      async () => (await this.tokens(path)) >= count,
      `${count} tokens of path ${path}`,
      90 * SECONDS,
    )
  }

  /** Returns the run's status as its view shows it. */
  runStatus(): Promise<string | null> {
    return this.page.locator('[data-run-status]').getAttribute('data-run-status')
  }

  async untilRunIs(status: 'running' | 'ended' | 'interrupted' | 'failed'): Promise<void> {
    await until(
      async () => (await this.runStatus()) === status,
      `the run to be ${status}`,
      100 * SECONDS,
    )
  }

  /** Waits for the status, and after the end until every lane has its text. */
  async untilRun(status: 'running' | 'ended' | 'interrupted' | 'failed'): Promise<void> {
    await this.untilRunIs(status)
    // The lanes are drawn in turn, a few per frame.
    if (status === 'ended')
      for (const path of await this.page.locator('[data-lane]:has(.lane-count)').all())
        await until(
          async () => !/^0 /.test((await path.locator('.lane-count').textContent()) ?? ''),
          'the lanes to be drawn',
        )
  }

  async laneMenu(path: number, item: string): Promise<void> {
    await this.lane(path)
      .getByRole('button', { name: `Actions for path ${path}` })
      .click()
    await this.page.getByRole('menuitem', { name: new RegExp(`^${item}`) }).click()
  }

  /** Exports the run from the menu and reads the downloaded file. */
  async exportAs(
    format: 'Markdown' | 'HTML' | 'JSON',
  ): Promise<{ name: string; path: string; text: string }> {
    await this.page.getByRole('button', { name: 'Export', exact: true }).click()
    const [download] = await Promise.all([
      this.page.waitForEvent('download'),
      this.page.getByRole('menuitem', { name: `Export as ${format}` }).click(),
    ])
    const path = await download.path()
    return { name: download.suggestedFilename(), path, text: readFileSync(path, 'utf8') }
  }
}

export const runFiles = (data: string): string[] =>
  readdirSync(join(data, 'runs'), { recursive: true, encoding: 'utf8' })
