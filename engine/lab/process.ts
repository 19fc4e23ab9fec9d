import { fork, type ChildProcess } from 'node:child_process'
import { programFile, sourceOptions } from '../programs/index.ts'
import { passOn } from '../terminal/index.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
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

export type Request = Job & { id: number }
export type Reply = { id: number } & ({ digest: Digest } | { failed: RunError })

interface Pending {
  resolve: (digest: Digest) => void
  reject: (error: unknown) => void
}

/**
 * Runs an engine in its own process, which makes several runs at once. If the process dies, each of
 * its runs is repeated once alone in a new process, since any of them may be the cause; one that
 * fails again counts as failed (`engine-lost`).
 */
export class EngineProcess implements Runner {
  #child: ChildProcess | null = null
  #closed = false
  /** True once a run has ended, which shows that the engine itself works. */
  #proven = false
  readonly #pending = new Map<number, Pending>()
  #nextId = 0
  /** The runs that are repeated, one after another. */
  #repeats: Promise<unknown> = Promise.resolve()

  /** `jobs`: how many runs the engine may work on at once. */
  constructor(
    private readonly jobs = 1,
    private readonly entry: Entry = workerEntry(),
  ) {}

  async run(job: Job): Promise<Digest> {
    let repeats: Promise<unknown>
    do await (repeats = this.#repeats)
    while (repeats !== this.#repeats)
    try {
      return await this.#ask(job)
    } catch (error) {
      if (this.#closed || toBraidError(error).code !== 'engine-lost') throw error
      const repeat = this.#repeats.then(() => this.#repeat(job))
      this.#repeats = repeat.catch(() => {})
      return repeat
    }
  }

  async #repeat(job: Job): Promise<Digest> {
    try {
      return await this.#ask(job)
    } catch (error) {
      const failed = toBraidError(error)
      if (this.#closed || failed.code !== 'engine-lost' || !this.#proven) throw error
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

  close(): void {
    this.#closed = true
    this.#child?.kill('SIGKILL')
    this.#child = null
  }

  async #ask(job: Job): Promise<Digest> {
    if (this.#closed) throw fail('cancelled/run')
    const child = (this.#child ??= this.#start())
    const id = this.#nextId++
    const digest = await new Promise<Digest>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      child.send({ ...job, id } satisfies Request)
    })
    this.#proven = true
    return digest
  }

  #start(): ChildProcess {
    const child = fork(this.entry.file, [String(this.jobs)], {
      execArgv: [...this.entry.execArgv],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    passOn(child.stderr)
    child.on('message', (reply: Reply) => {
      const pending = this.#pending.get(reply.id)
      this.#pending.delete(reply.id)
      if ('digest' in reply) pending?.resolve(reply.digest)
      else pending?.reject(thrownError(reply.failed))
    })
    const lost = (why: string) => {
      child.removeAllListeners()
      if (this.#child === child) this.#child = null
      const pending = [...this.#pending.values()]
      this.#pending.clear()
      for (const { reject } of pending) reject(fail('engine-lost/process', { reason: why }))
    }
    child.on('error', (error) => lost(error.message))
    child.on('exit', (code, signal) => lost(signal ?? `exit code ${code}`))
    return child
  }
}
