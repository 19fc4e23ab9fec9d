import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { buildPage } from '../../../scripts/renderer.ts'

/** The system's Chromium. This suite never downloads one. */
export const CHROMIUM = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((file) => file !== undefined && existsSync(file))
export const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.jsonl': 'text/plain',
}
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

export interface Harness {
  url: string
  browser: Browser
  /** Paths requested from the server. */
  requests: string[]
  close(): Promise<void>
}

/** Builds the harness page, serves it with the window's policy, and starts the browser. */
export async function openHarness(): Promise<Harness> {
  // A separate folder, since test files run at the same time.
  const out = mkdtempSync(join(tmpdir(), 'braid-harness-'))
  const config = fileURLToPath(new URL('../harness/vite.config.ts', import.meta.url))
  buildPage(['--config', config, '--outDir', out, '--emptyOutDir'])
  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname
    requests.push(path)
    const file = join(out, normalize(path === '/' ? '/index.html' : path))
    if (!existsSync(file)) return void response.writeHead(404).end()
    response
      .writeHead(200, {
        'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
        'content-security-policy': CSP,
      })
      .end(readFileSync(file))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    browser,
    requests,
    close: async () => {
      await browser.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      rmSync(out, { recursive: true, force: true })
    },
  }
}

/** Opens a route of the harness and returns the page once the window is connected. */
export async function openPage(
  harness: Harness,
  hash: string,
  options: { scene?: string; theme?: 'light' | 'dark'; width?: number; height?: number } = {},
): Promise<Page> {
  const { scene = 'full', theme = 'light', width = 1440, height = 900 } = options
  const context = await harness.browser.newContext({
    viewport: { width, height },
    colorScheme: theme,
  })
  await context.addInitScript('globalThis.__name = (f) => f') // tsx adds calls of it to functions
  context.setDefaultTimeout(60_000)
  const page = await context.newPage()
  await page.goto(`${harness.url}?scene=${scene}${hash}`)
  await page.waitForSelector('[data-connection="open"]')
  if (
    !(await page.evaluate(() =>
      [...document.styleSheets].some((sheet) => sheet.cssRules.length > 0),
    ))
  )
    throw new Error('The page has no style sheet.')
  return page
}
