import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { BraidError, fail } from '../protocol/errors.ts'
import { thrownError, type RunError } from '../protocol/events.ts'
import type { WorkerDevice } from '../protocol/workers.ts'
import { spawnProgram } from '../programs/index.ts'
import { passOn } from '../terminal/index.ts'
import type { Pulse } from './wire.ts'

/** Requests to `tunnel-main`. */
export interface Ask {
  id: number
  what: 'look' | 'open'
  worker: string
  code: string
  pulse?: Pulse | undefined
}

/** What `tunnel-main` says. */
export type Told =
  | { type: 'answer'; id: number; devices: WorkerDevice[]; endpoint: string }
  | { type: 'refused'; id: number; error: RunError }
  | { type: 'lost'; worker: string; reason: string }

export interface Opened {
  devices: WorkerDevice[]
  /** For ggml; '' after a look. */
  endpoint: string
}

/** The process that connects this one with workers; it starts when it is first needed. */
export class Tunnel {
  #child: ChildProcess | null = null
  #next = 0
  readonly #pending = new Map<
    number,
    { resolve: (opened: Opened) => void; reject: (error: BraidError) => void }
  >()

  constructor(private readonly onLost: (worker: string, error: BraidError) => void) {}

  /** Asks about a worker or opens an endpoint to it. Errors: those of `connect`, `internal`. */
  ask(request: Omit<Ask, 'id'>): Promise<Opened> {
    const child = (this.#child ??= this.#start())
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      // It must not keep this process alive while nobody waits for it.
      child.ref()
      child.channel?.ref()
      child.send({ ...request, id } satisfies Ask)
    })
  }

  close(): void {
    this.#child?.kill()
  }

  #start(): ChildProcess {
    const child = spawnProgram('workers/tunnel-main', [], { ipc: true })
    for (const output of [child.stdout, child.stderr] as Socket[]) output.unref()
    child.stdout!.resume()
    passOn(child.stderr)
    child.on('message', (told: Told) => {
      if (told.type === 'lost') {
        const { worker, reason } = told
        return this.onLost(worker, fail('engine-lost/worker', { worker, reason }))
      }
      const pending = this.#pending.get(told.id)
      this.#pending.delete(told.id)
      if (told.type === 'refused') pending?.reject(thrownError(told.error))
      else pending?.resolve(told)
      if (this.#pending.size > 0) return
      child.unref()
      child.channel?.unref()
    })
    const ended = () => {
      if (this.#child === child) this.#child = null
      for (const { reject } of this.#pending.values())
        reject(new BraidError('internal', 'The process that connects to workers ended.'))
      this.#pending.clear()
    }
    child.on('error', ended)
    child.on('exit', ended)
    return child
  }
}
