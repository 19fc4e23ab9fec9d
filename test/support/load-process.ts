/** A process that loads model files and survives none of llama.cpp's faults; see load-child.ts. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { nativeFolder } from '../../engine/native/load.ts'

/** `unchecked`: opens a plan of the file without Braid's own checks. */
export type Request =
  | { file: string }
  | { unchecked: string }
  | { learn: { variant: string; scratch: string; all: boolean } }

export interface Answer {
  /**
   * `died`: the process ended. `hung`: it did not answer in time and was killed. `fault`: an error
   * without a code for the file's fault. `trying` and `tried` are messages before the answer: if the
   * process dies between them, the engine's trial in another process would refuse the file.
   */
  outcome: 'ran' | 'refused' | 'fault' | 'died' | 'hung' | 'learned' | 'trying' | 'tried'
  code?: string
  /** The error's message; or the signal and the last line that the process wrote. */
  message?: string
  tokens?: number
  /** How much the process's memory grew at most. */
  bytes?: number
  tensors?: [name: string, shape: readonly number[]][]
}

/** Processor time, where the system reports it, so that other load on the machine does not count. */
const LIMIT_MS = 8000
/** To learn what a tiny model needs, it is loaded again for each tensor. */
const LEARN_MS = 60_000
const PATIENCE_MS = 180_000

export class LoadProcess {
  readonly #folder = mkdtempSync(join(tmpdir(), 'braid-load-'))
  readonly #program = join(this.#folder, 'load-child.mjs')
  #child: ChildProcess | undefined
  #written = ''

  constructor() {
    // Compiled once, since a process is started for each fault.
    buildSync({
      entryPoints: [join(import.meta.dirname, 'load-child.ts')],
      outfile: this.#program,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
      banner: {
        js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url)",
      },
    })
  }

  #start(): ChildProcess {
    this.#written = ''
    const child = spawn(process.execPath, [this.#program], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { ...process.env, BRAID_NATIVE: nativeFolder() },
    })
    const collect = (text: Buffer) => {
      this.#written = (this.#written + String(text)).slice(-4000)
    }
    child.stdout!.on('data', collect)
    child.stderr!.on('data', collect)
    return child
  }

  /** Answers one request; starts a process if none lives. */
  ask(request: Request): Promise<Answer> {
    const child = (this.#child ??= this.#start())
    const [begin, spent] = [performance.now(), cpuMs(child.pid)]
    const limit = 'learn' in request ? LEARN_MS : LIMIT_MS
    return new Promise((resolve) => {
      const done = (answer: Answer) => {
        clearInterval(timer)
        child.removeAllListeners()
        resolve(answer)
      }
      const timer = setInterval(() => {
        const wall = performance.now() - begin
        if (wall < PATIENCE_MS && (cpuMs(child.pid) ?? wall) - (spent ?? 0) < limit) return
        this.#child = undefined
        child.kill('SIGKILL')
        done({ outcome: 'hung' })
      }, 500)
      let trying = false
      child.on('message', (answer: Answer) => {
        if (answer.outcome === 'trying') trying = true
        else if (answer.outcome === 'tried') trying = false
        else done(answer)
      })
      child.once('close', (code, signal) => {
        this.#child = undefined
        const line = this.#written.trim().split('\n').at(-1) ?? ''
        done({
          outcome: trying ? 'refused' : 'died',
          message: `${signal ?? `exit ${code}`} ${line}`.trim(),
        })
      })
      child.send(request)
    })
  }

  close(): void {
    this.#child?.removeAllListeners()
    this.#child?.kill('SIGKILL')
    this.#child = undefined
    rmSync(this.#folder, { recursive: true })
  }
}

/** Returns the processor time of a process (proc(5): utime and stime, in ticks of 10 ms). */
function cpuMs(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return 10 * (Number(fields[11]) + Number(fields[12]))
  } catch {
    return undefined
  }
}
