/**
 * Braid's own small programs, each run in a Node process of its own: what may crash, hang or cannot be interrupted
 * (a driver, the quantiser) takes only itself down.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import type { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { findAbove } from './above.ts'

/** All of them, named by their files in `engine`; scripts/compile.ts compiles this list. */
export const PROGRAMS = [
  'host/host-main',
  'lab/worker-main',
  'native/probe-main',
  'models/convert/quantise-main',
  'models/convert/convert-main',
] as const

/** Braid's programs run from source here, as in a checkout. */
export const fromSource = (): boolean => import.meta.url.endsWith('.ts')
/** Options of Node that its source needs: tsx. */
export const sourceOptions = (): string[] =>
  fromSource()
    ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href]
    : []

/** Returns the file of a program: its source in a checkout, else its compiled file, which lies above the chunk that asks. */
export function programFile(name: (typeof PROGRAMS)[number]): string {
  const file = findAbove(...`${name}.${fromSource() ? 'ts' : 'js'}`.split('/'))
  if (file === undefined) throw new Error(`The program ${name} is missing from this installation.`)
  return file
}

/** Its stdout and stderr are pipes; with `ipc` it also has a channel for messages. */
export function spawnProgram(
  name: (typeof PROGRAMS)[number],
  args: readonly string[],
  options: { ipc?: boolean } = {},
): ChildProcess {
  // The Node that an installed app carries: its own program, Electron, is none.
  return spawn(
    process.env.BRAID_NODE ?? process.execPath,
    [...sourceOptions(), programFile(name), ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe', ...(options.ipc === true ? ['ipc' as const] : [])],
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      windowsHide: true,
    },
  )
}

/** The last line that a child has said when it is asked for; '' where it said nothing. Of what it says no more than the last `limit` characters are kept. */
export function lastLine(stream: Readable, limit = 4096): () => string {
  let said = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(-limit)))
  return () => said.trim().split('\n').at(-1)!
}
