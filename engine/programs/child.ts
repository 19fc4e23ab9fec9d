/**
 * Braid's own small programs, each run in a Node process of its own: what may crash, hang or cannot be interrupted
 * (a driver, the quantiser) takes only itself down.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createRequire } from 'node:module'
import type { Readable } from 'node:stream'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** All of them; scripts/compile.ts compiles this list. */
export const PROGRAMS = [
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

/** Its stdout and stderr are pipes; with `ipc` it also has a channel for messages. */
export function spawnProgram(
  name: (typeof PROGRAMS)[number],
  args: readonly string[],
  options: { ipc?: boolean } = {},
): ChildProcess {
  // The Node that an installed app carries: its own program, Electron, is none.
  return spawn(
    process.env.BRAID_NODE ?? process.execPath,
    [
      ...sourceOptions(),
      fileURLToPath(new URL(`./${name}.${fromSource() ? 'ts' : 'js'}`, import.meta.url)),
      ...args,
    ],
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
