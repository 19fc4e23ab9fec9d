import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { compileEngine, compileShell } from './compile.ts'
import { ensureNative } from './native/index.ts'
import { ensureRenderer, root } from './renderer.ts'

const MISSING = "Electron's program is not installed; `npx install-electron` fetches it"

/** Returns Electron's program, or why the browser is used. */
function electron(args: string[]): { program: string } | { reason: string } {
  if (args.some((arg) => arg === '--browser' || arg === '--no-open' || arg.startsWith('--port')))
    return { reason: 'as asked' }
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY)
    return { reason: 'there is no display' }
  try {
    const folder = join(createRequire(import.meta.url).resolve('electron/package.json'), '..')
    const program = join(folder, 'dist', readFileSync(join(folder, 'path.txt'), 'utf8'))
    return existsSync(program) ? { program } : { reason: MISSING }
  } catch {
    return { reason: MISSING }
  }
}

try {
  await ensureNative()
  ensureRenderer()
  const args = process.argv.slice(2)
  const shell = electron(args)
  if ('program' in shell) {
    const dist = join(root, 'dist')
    await compileEngine(join(dist, 'engine'))
    await compileShell(join(dist, 'electron'))
    const child = spawn(shell.program, [join(dist, 'electron', 'main.cjs'), ...args], {
      stdio: 'inherit',
    })
    child.on('exit', (code) => process.exit(code ?? 1))
  } else {
    console.error(`Opening in the browser (${shell.reason}). Press Ctrl-C to stop.`)
    process.argv = [
      process.argv[0]!,
      'braid',
      'serve',
      ...args.filter((arg) => arg !== '--browser'),
    ]
    await import('../engine/cli/main.ts')
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
