/**
 * Braid's helper programs, each of which runs in a separate Node process. Code that may crash, hang
 * or not be interruptible (a driver, the quantiser) then affects only its own process.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import type { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { findAbove } from './above.ts'

/** All programs, named by their files in `engine`; scripts/compile.ts compiles this list. */
export const PROGRAMS = [
  'host/host-main',
  'lab/worker-main',
  'native/probe-main',
  'workers/tunnel-main',
  'models/trial-main',
  'models/convert/quantise-main',
  'models/convert/convert-main',
] as const

/** Returns whether programs run from source, as in a checkout. */
export const fromSource = (): boolean => import.meta.url.endsWith('.ts')
/** Returns the Node options needed to run from source (tsx), if any. */
export const sourceOptions = (): string[] =>
  fromSource()
    ? ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href]
    : []

/**
 * Returns the file of a program: its source in a checkout, else its compiled file, which is above
 * the calling chunk.
 */
export function programFile(name: (typeof PROGRAMS)[number]): string {
  const file = findAbove(...`${name}.${fromSource() ? 'ts' : 'js'}`.split('/'))
  if (file === undefined) throw new Error(`The program ${name} is missing from this installation.`)
  return file
}

/** Starts a program. Its stdout and stderr are pipes; with `ipc` it also has a message channel. */
export function spawnProgram(
  name: (typeof PROGRAMS)[number],
  args: readonly string[],
  options: { ipc?: boolean } = {},
): ChildProcess {
  // An installed app brings its own Node (BRAID_NODE), since its executable is Electron.
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

/**
 * Collects a child's output; the returned function gives the last line so far, or '' if there is
 * none. Only the last `limit` characters are kept.
 */
export function lastLine(stream: Readable, limit = 4096): () => string {
  let said = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(-limit)))
  return () => said.trim().split('\n').at(-1)!
}

/** How a child ended. `error`: it could not be started. `late`: it was killed at its limit. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  error?: Error
  late: boolean
}

/** Waits for the end of a child, and kills it after `limitMs`. Never rejects. */
export async function endOf(child: ChildProcess, limitMs: number): Promise<Ended> {
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, limitMs)
  const ended = await new Promise<Omit<Ended, 'late'>>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  clearTimeout(timer)
  return { ...ended, late }
}
