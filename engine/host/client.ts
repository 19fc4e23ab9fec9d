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

  /** `backlog`, events as JSON, is sent in its chunks, then what `push` was given meanwhile, then live events. Resolves with the number of the backlog's. */
  async subscribe(run: string, backlog: Iterable<string[]>): Promise<number> {
    this.unsubscribe(run)
    const subscription = new Subscription(run, (message) => this.send(message))
    this.#subscriptions.set(run, subscription)
    try {
      return await subscription.start(backlog)
    } catch (error) {
      if (this.#subscriptions.get(run) === subscription) this.unsubscribe(run)
      throw error
    }
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
  readonly #run: string
  readonly #send: (message: HostMessage) => void
  #queue: RunEvent[] = []
  #timer: NodeJS.Timeout | undefined
  #live = false
  #closed = false

  constructor(run: string, send: (message: HostMessage) => void) {
    this.#run = run
    this.#send = send
  }

  /** Each chunk goes out before the next is read: the window takes it in meanwhile, and other clients are served. */
  async start(backlog: Iterable<string[]>): Promise<number> {
    let sent = 0
    this.#send({ kind: 'backlog', run: this.#run, events: '[]', start: true })
    for (const events of backlog) {
      this.#send({ kind: 'backlog', run: this.#run, events: `[${events.join(',')}]`, start: false })
      sent += events.length
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#closed) return sent
    }
    this.#live = true
    this.#flush()
    return sent
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
    this.#send({ kind: 'events', run: this.#run, events })
  }
}
