import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BraidError } from '../protocol/errors.ts'
import { findAbove, lastLine, sourceOptions } from '../programs/index.ts'

let built: Promise<string> | undefined

/**
 * Returns the folder that the child runs from: `sandbox` beside the compiled engine. In a checkout it is built
 * first, which takes seconds, and built again when its sources change. Throws `internal` if it cannot be had.
 */
export function sandboxFolder(): Promise<string> {
  const compiled = findAbove('sandbox', 'main.mjs')
  if (compiled !== undefined) return Promise.resolve(dirname(compiled))
  built ??= build().catch((error: unknown) => {
    built = undefined
    throw error
  })
  return built
}

async function build(): Promise<string> {
  const script = findAbove('scripts', 'sandbox', 'build.ts')
  if (script === undefined)
    throw new BraidError('internal', 'The sandbox is missing from this installation.')
  const root = dirname(dirname(dirname(script)))
  const folder = join(root, 'build', 'sandbox', stamp(root))
  if (existsSync(folder)) return folder
  const child = spawn(process.execPath, [...sourceOptions(), script, folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said = lastLine(child.stderr)
  await new Promise((resolve) => child.once('close', resolve).once('error', resolve))
  if (!existsSync(folder))
    throw new BraidError('internal', `The sandbox could not be built: ${said()}`)
  return folder
}

/** Returns a digest of what the folder is built from. */
function stamp(root: string): string {
  const hash = createHash('sha256')
  for (const folder of ['engine/sandbox/child', 'scripts/sandbox'])
    for (const name of readdirSync(join(root, folder)).sort())
      hash.update(name).update(readFileSync(join(root, folder, name)))
  for (const name of ['pyodide', 'quickjs-emscripten-core', 'sucrase'])
    hash.update(readFileSync(join(root, 'node_modules', name, 'package.json')))
  return hash.digest('hex').slice(0, 16)
}
