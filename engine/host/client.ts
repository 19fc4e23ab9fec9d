import { fail } from '../protocol/errors.ts'
import type { RunEvent } from '../protocol/events.ts'
import type { Channel, HostMessage, Result } from '../protocol/wire.ts'

type Opened = Result<'run.open'>

/**
 * Milliseconds to collect events: the events of one engine step arrive within this time and are
 * sent as one message.
 */
const BATCH_MS = 8

/** One window or browser tab. All messages from the host to the client go through this class. */
export class Client {
  readonly #channel: Channel
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #gone = new AbortController()
  #search = new AbortController()

  constructor(channel: Channel) {
    this.#channel = channel
  }

  /** Fires when the client disconnects. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Cancels the client's search, and returns the signal for its next one. */
  nextSearch(): AbortSignal {
    this.#search.abort(fail('cancelled/run'))
    this.#search = new AbortController()
    return AbortSignal.any([this.#search.signal, this.gone])
  }

  send(message: HostMessage): void {
    if (!this.gone.aborted) this.#channel.send(message)
  }

  /**
   * Sends the `backlog` (events as JSON) in its chunks, then the events that `push` received
   * meanwhile, then live events. Resolves with the number of events in the backlog, and with what
   * `isLive` returned after the last event that was sent before.
   */
  async subscribe(
    run: string,
    backlog: Iterable<string[]>,
    isLive: () => boolean,
  ): Promise<Opened> {
    this.unsubscribe(run)
    const subscription = new Subscription(run, (message) => this.send(message))
    this.#subscriptions.set(run, subscription)
    try {
      return await subscription.start(backlog, isLive)
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

  /**
   * Sends each chunk before reading the next, so that the window can process it and other clients
   * are served meanwhile.
   */
  async start(backlog: Iterable<string[]>, isLive: () => boolean): Promise<Opened> {
    let sent = 0
    this.#send({ kind: 'backlog', run: this.#run, events: '[]', start: true })
    for (const events of backlog) {
      this.#send({ kind: 'backlog', run: this.#run, events: `[${events.join(',')}]`, start: false })
      sent += events.length
      await new Promise((resolve) => setImmediate(resolve))
      if (this.#closed) return { events: sent, live: isLive() }
    }
    this.#live = true
    this.#flush()
    return { events: sent, live: isLive() }
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
