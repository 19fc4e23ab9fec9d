// First step of every command in a checkout: installs npm dependencies that are missing or out of date.
// Plain JavaScript without dependencies, since nothing is installed yet. `node scripts/setup.mjs [args]` continues with setup.ts.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** npm writes this file in every install; we set its date afterwards. */
const installed = join(root, 'node_modules', '.package-lock.json')

function dependenciesAreCurrent() {
  const wanted = join(root, 'package-lock.json')
  return (
    existsSync(installed) &&
    (!existsSync(wanted) || statSync(installed).mtimeMs >= statSync(wanted).mtimeMs)
  )
}

/** Installs if needed. If the install fails, exits the process with npm's status. */
export function ensureDependencies() {
  const [major] = process.versions.node.split('.').map(Number)
  if (major < 20) {
    console.error(`Braid needs Node 20 or newer; this is ${process.version}. https://nodejs.org`)
    process.exit(1)
  }
  if (dependenciesAreCurrent()) return
  console.error('Installing npm dependencies')
  const cli = process.env.npm_execpath
  const args = ['install', '--no-fund', '--no-audit', '--loglevel=error']
  const options = { cwd: root, stdio: ['ignore', 2, 2] }
  // on Windows, npm is a script, not a program
  const result =
    cli && /npm-cli\.[cm]?js$/.test(cli)
      ? spawnSync(process.execPath, [cli, ...args], options)
      : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
  if (result.status !== 0) process.exit(result.status ?? 1)
  utimesSync(installed, new Date(), new Date())
}

if (process.argv[1] && pathToFileURL(process.argv[1]).href === import.meta.url) {
  ensureDependencies()
  const { tsImport } = await import('tsx/esm/api')
  await tsImport('./setup.ts', import.meta.url)
}
