/** A process that loads model files and survives none of llama.cpp's faults; see load-child.ts. */
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { sourceOptions } from '../../engine/programs/index.ts'

/** `unchecked`: opens a plan of the file without Braid's own checks. */
export type Request =
  | { file: string }
  | { unchecked: string }
  | { learn: { variant: string; scratch: string; all: boolean } }

export interface Answer {
  /**
   * `died`: the process ended. `hung`: it did not answer in time and was killed. `fault`: an error
   * without a code for the file's fault.
   */
  outcome: 'ran' | 'refused' | 'fault' | 'died' | 'hung' | 'learned'
  code?: string
  /** Of the error; or the signal and the last line that the process wrote. */
  message?: string
  tokens?: number
  /** How much the process's memory grew at most. */
  bytes?: number
  tensors?: [name: string, shape: readonly number[]][]
}

const LIMIT_MS = 60_000

export class LoadProcess {
  #child: ChildProcess | undefined
  #written = ''
  /** How many processes have been started. */
  started = 0

  #start(): ChildProcess {
    this.started++
    this.#written = ''
    const child = spawn(
      process.execPath,
      [...sourceOptions(), fileURLToPath(new URL('load-child.ts', import.meta.url))],
      { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...process.env, MALLOC_ARENA_MAX: '2' } },
    )
    const collect = (text: Buffer) => {
      this.#written = (this.#written + String(text)).slice(-4000)
    }
    child.stdout!.on('data', collect)
    child.stderr!.on('data', collect)
    return child
  }

  /** Answers one request; starts a process if none lives. */
  ask(request: Request, limitMs = LIMIT_MS): Promise<Answer> {
    const child = (this.#child ??= this.#start())
    return new Promise((resolve) => {
      const done = (answer: Answer) => {
        clearTimeout(timer)
        child.removeAllListeners()
        resolve(answer)
      }
      const timer = setTimeout(() => {
        this.#child = undefined
        child.removeAllListeners()
        child.kill('SIGKILL')
        resolve({ outcome: 'hung' })
      }, limitMs)
      child.once('message', (answer: Answer) => done(answer))
      child.once('close', (code, signal) => {
        this.#child = undefined
        const line = this.#written.trim().split('\n').at(-1) ?? ''
        done({ outcome: 'died', message: `${signal ?? `exit ${code}`} ${line}`.trim() })
      })
      child.send(request)
    })
  }

  close(): void {
    this.#child?.removeAllListeners()
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}
