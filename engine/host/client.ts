import type { RunEvent } from '../protocol/events.ts'
import type { Channel, HostMessage } from '../protocol/wire.ts'

/** Events of one engine step come within a few milliseconds of one another: they go out as one message. */
const BATCH_MS = 8

/** One window or browser tab. Everything the host sends goes through here. */
export class Client {
  readonly #channel: Channel
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #gone = new AbortController()

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Fires when the other end is gone. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  send(message: HostMessage): void {
    if (!this.gone.aborted) this.#channel.send(message)
  }

  /** `backlog` is sent in its chunks, then what `push` was given meanwhile, then live events. */
  subscribe(run: string, backlog: readonly RunEvent[][]): void {
    this.unsubscribe(run)
    const subscription = new Subscription((events, more) => this.send({ kind: 'events', run, events, more }))
    this.#subscriptions.set(run, subscription)
    void subscription.start(backlog)
  }

  unsubscribe(run: string): void {
    this.#subscriptions.get(run)?.close()
    this.#subscriptions.delete(run)
  }

  push(run: string, event: RunEvent): void {
    this.#subscriptions.get(run)?.push(event)
  }

  leave(): void {
    this.#gone.abort()
    for (const run of [...this.#subscriptions.keys()]) this.unsubscribe(run)
  }
}

class Subscription {
  readonly #send: (events: RunEvent[], more: boolean) => void
  #queue: RunEvent[] = []
  #timer: NodeJS.Timeout | undefined
  #live = false
  #closed = false

  constructor(send: (events: RunEvent[], more: boolean) => void) {
    this.#send = send
  }

  async start(backlog: readonly RunEvent[][]): Promise<void> {
    for (const [i, events] of backlog.entries()) {
      // A turn of the event loop each: other clients are served, and the answer to `run.open` goes first.
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#closed) return
      this.#send(events, i < backlog.length - 1)
    }
    this.#live = true
    this.#flush()
  }

  push(event: RunEvent): void {
    this.#queue.push(event)
    if (this.#live) this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #flush(): void {
    this.#timer = undefined
    if (this.#queue.length === 0) return
    const events = this.#queue
    this.#queue = []
    this.#send(events, false)
  }
}
