import { attributionTask, type Attribution } from '../protocol/wire.ts'
import { fail } from '../protocol/errors.ts'
import type { SegmentId } from '../protocol/events.ts'
import type { Client } from './client.ts'
import type { Runs } from './runs.ts'
import type { Watchdog } from './watchdog.ts'

const FRAME_MS = 50

/**
 * Computes attributions for clients. Each computation ends when its request is answered, when its
 * client cancels it, or when the client disconnects.
 */
export class Attributions {
  readonly #runs: Runs
  readonly #watchdog: Watchdog
  readonly #asked = new WeakMap<Client, Map<string, AbortController>>()

  constructor(runs: Runs, watchdog: Watchdog) {
    this.#runs = runs
    this.#watchdog = watchdog
  }

  /** Computes an attribution. Throws the errors of `run.attribution`. */
  async ask(client: Client, run: string, segment: SegmentId): Promise<Attribution> {
    const task = attributionTask(run, segment)
    const asked = this.#asked.get(client) ?? new Map<string, AbortController>()
    this.#asked.set(client, asked)
    if (asked.has(task)) throw fail('bad-request/already-reading')
    const own = new AbortController()
    asked.set(task, own)
    const signal = AbortSignal.any([own.signal, client.gone])
    let cancelled: (() => void) | undefined
    const watch = () => (cancelled = this.#watchdog.watch('run.attribution.cancel'))
    signal.addEventListener('abort', watch)
    let told = 0
    const onProgress = (fraction: number) => {
      if (fraction < 1 && performance.now() - told < FRAME_MS) return
      told = performance.now()
      client.send({ kind: 'progress', task, fraction })
    }
    try {
      return await this.#runs.attribute(run, segment, { signal, onProgress })
    } finally {
      signal.removeEventListener('abort', watch)
      cancelled?.()
      asked.delete(task)
    }
  }

  cancel(client: Client, run: string, segment: SegmentId): void {
    this.#asked.get(client)?.get(attributionTask(run, segment))?.abort()
  }
}
