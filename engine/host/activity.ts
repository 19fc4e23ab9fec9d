import type { RunProgress } from '../protocol/wire.ts'
import type { Client } from './client.ts'

const TELL_MS = 250

/**
 * Sends the progress of all runs, without tokens, to the clients that asked for it (`runs.watch`),
 * at most a few times per second.
 */
export class Activity {
  readonly #current: () => RunProgress[]
  readonly #watchers = new Set<Client>()
  #ended: RunProgress[] = []
  #timer: NodeJS.Timeout | undefined

  /** `current` returns the runs that are thinking or waiting. */
  constructor(current: () => RunProgress[]) {
    this.#current = current
  }

  watch(client: Client): void {
    if (!this.#watchers.has(client))
      client.gone.addEventListener('abort', () => this.#watchers.delete(client))
    this.#watchers.add(client)
    client.send({ kind: 'activity', runs: this.#current() })
  }

  /** Call this when a run starts or makes progress. */
  changed(): void {
    if (this.#watchers.size === 0) return
    this.#timer ??= setTimeout(() => this.#tell(), TELL_MS)
  }

  ended(run: RunProgress): void {
    if (this.#watchers.size > 0) this.#ended.push(run)
    this.changed()
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #tell(): void {
    this.#timer = undefined
    const runs = [...this.#ended.splice(0), ...this.#current()]
    for (const client of this.#watchers) client.send({ kind: 'activity', runs })
  }
}
