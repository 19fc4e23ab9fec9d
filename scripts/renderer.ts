/** Keeps the built page in dist/renderer up to date with its sources. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const page = join(root, 'dist', 'renderer', 'index.html')

export function ensureRenderer(): void {
  const sources = [
    join(root, 'renderer'),
    join(root, 'engine', 'protocol'),
    join(root, 'vite.config.ts'),
    join(root, 'package-lock.json'),
  ]
  if (existsSync(page) && statSync(page).mtimeMs >= Math.max(...sources.map(newest))) return
  console.error('Building the page')
  buildPage([])
}

/**
 * Builds a page with Vite in a process of its own: within `tsx`, which strips types in its own way, Vite leaves out the
 * loading of style sheets. Throws if it fails.
 */
export function buildPage(args: readonly string[]): void {
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
  const { status } = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'error', ...args], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Error('The page could not be built.')
}

function newest(path: string): number {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))))
}
