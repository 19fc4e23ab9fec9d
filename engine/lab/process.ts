import { fork, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { programFile, sourceOptions } from '../programs/index.ts'
import { BraidError, toBraidError } from '../protocol/errors.ts'
import { runError, thrownError, type RunError } from '../protocol/events.ts'
import type { Digest } from './digest.ts'
import type { Job, Runner } from './experiment.ts'

/** A program that serves jobs as `worker-main.ts` does. */
export interface Entry {
  file: string
  execArgv: readonly string[]
}

const workerEntry = (): Entry => ({
  file: programFile('lab/worker-main'),
  execArgv: sourceOptions(),
})

export type Reply = { digest: Digest } | { failed: RunError }

/**
 * Runs an engine in its own process. For small models, several engines with one thread each use the
 * cores better than one engine with many threads. If the process dies during a run, the run is
 * repeated once in a new process and then counts as failed (`engine-lost`).
 */
export class EngineProcess implements Runner {
  #child: ChildProcess | null = null
  #closed = false
  /** True once a run has ended, which shows that the engine itself works. */
  #proven = false

  constructor(private readonly entry: Entry = workerEntry()) {}

  async run(job: Job): Promise<Digest> {
    for (let attempt = 1; ; attempt++) {
      try {
        const digest = await this.#ask(job)
        this.#proven = true
        return digest
      } catch (error) {
        const failed = toBraidError(error)
        if (failed.code !== 'engine-lost' || this.#closed) throw error
        if (attempt === 2 && !this.#proven) throw error
        if (attempt === 2)
          return {
            status: 'failed',
            paths: [],
            summaries: [],
            over: null,
            usage: null,
            timings: null,
            error: runError(failed),
          }
      }
    }
  }

  close(): void {
    this.#closed = true
    this.#child?.kill('SIGKILL')
    this.#child = null
  }

  #ask(job: Job): Promise<Digest> {
    if (this.#closed)
      return Promise.reject(new BraidError('cancelled', 'The engine process was stopped.'))
    const child = (this.#child ??= fork(this.entry.file, [], {
      execArgv: [...this.entry.execArgv],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }))
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        child.removeAllListeners()
        act()
      }
      child.on('message', (reply: Reply) =>
        settle(() =>
          'digest' in reply ? resolve(reply.digest) : reject(thrownError(reply.failed)),
        ),
      )
      const lost = (why: string) =>
        settle(() => {
          if (this.#child === child) this.#child = null
          reject(new BraidError('engine-lost', `The engine process ended (${why}).`))
        })
      child.on('error', (error) => lost(error.message))
      child.on('exit', (code, signal) => lost(signal ?? `exit code ${code}`))
      child.send(job)
    })
  }
}

/**
 * Returns the number of cores without hyper-threads or, if the system does not report it, the
 * number that Node sees.
 */
export function physicalCores(): number {
  try {
    const cores = new Set(
      readFileSync('/proc/cpuinfo', 'utf8')
        .split('\n\n')
        .flatMap((block) => {
          const of = (name: string) => new RegExp(`^${name}\\s*: (\\d+)`, 'm').exec(block)?.[1]
          return of('core id') === undefined ? [] : [`${of('physical id')}/${of('core id')}`]
        }),
    )
    if (cores.size > 0) return Math.min(cores.size, cpus().length)
  } catch {
    // This is not Linux.
  }
  return Math.max(1, cpus().length)
}
