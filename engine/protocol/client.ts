import { BraidError, toBraidError } from './errors.ts'
import { thrownError } from './events.ts'
import {
  HostMessage,
  METHODS,
  type Channel,
  type Method,
  type Params,
  type Result,
} from './wire.ts'

/** Timers exist in browsers and Node; this project has no DOM library and no Node types. */
declare function setTimeout(work: () => void, ms: number): unknown

export type Push = Exclude<HostMessage, { kind: 'result' } | { kind: 'error' }>

interface Waiting {
  method: Method
  resolve(result: unknown): void
  reject(error: BraidError): void
}

/**
 * The client's end of a channel to the engine host, used by the page, the shell and tests. METHODS
 * types the requests and validates the results. When the channel closes, pending requests fail with
 * `engine-lost`.
 */
export class Client {
  readonly #channel: Channel
  readonly #waiting = new Map<number, Waiting>()
  readonly #pushes = new Set<(push: Push) => void>()
  readonly #closers = new Set<() => void>()
  #nextId = 1
  #lost = false

  constructor(channel: Channel) {
    this.#channel = channel
    channel.onMessage((message) => this.#receive(message))
    channel.onClose(() => this.#end())
  }

  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    if (this.#lost) return Promise.reject(notConnected())
    const id = this.#nextId++
    return new Promise<Result<M>>((resolve, reject) => {
      this.#waiting.set(id, { method, resolve: (result) => resolve(result as Result<M>), reject })
      try {
        this.#channel.send({ id, method, params })
      } catch (error) {
        this.#waiting.delete(id)
        reject(toBraidError(error))
      }
    })
  }

  /** Adds a listener; returns a function that removes it. */
  onPush(listener: (push: Push) => void): () => void {
    this.#pushes.add(listener)
    return () => this.#pushes.delete(listener)
  }

  /** Calls the listener once, when the channel is gone and pending requests have failed. */
  onClose(listener: () => void): void {
    this.#closers.add(listener)
  }

  close(): void {
    this.#channel.close()
  }

  #receive(raw: unknown): void {
    const message = parseHostMessage(raw)
    if (message === null) return
    if (message.kind !== 'result' && message.kind !== 'error') {
      for (const listener of this.#pushes) listener(message)
      return
    }
    const waiting = this.#waiting.get(message.id)
    if (waiting === undefined) return
    this.#waiting.delete(message.id)
    const { method, resolve, reject } = waiting
    if (message.kind === 'error') {
      reject(thrownError(message.error))
      return
    }
    const result = METHODS[method].result.safeParse(message.result)
    if (result.success) resolve(result.data)
    else reject(new BraidError('internal', `The engine's answer to ${method} is not valid.`))
  }

  #end(): void {
    this.#lost = true
    const pending = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of pending)
      reject(new BraidError('engine-lost', 'The engine stopped before it answered.'))
    for (const closer of this.#closers) closer()
  }
}

/** `closed`: `close()` was called. */
export type ConnectionState = 'connecting' | 'open' | 'lost' | 'closed'

/** A client that reconnects, retrying until it succeeds, whenever its channel closes. */
export class Connection {
  readonly #connect: () => Promise<Channel>
  readonly #pushes = new Set<(push: Push) => void>()
  readonly #states = new Set<(state: ConnectionState) => void>()
  #client: Client | null = null
  #attempt = 0
  #state: ConnectionState = 'connecting'

  constructor(connect: () => Promise<Channel>) {
    this.#connect = connect
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** Connects, and reconnects when needed. Resolves after the first attempt, even if it failed. */
  async start(): Promise<void> {
    if (this.#isClosed()) return
    try {
      const channel = await this.#connect()
      if (this.#isClosed()) return channel.close()
      const client = new Client(channel)
      this.#client = client
      this.#attempt = 0
      client.onPush((push) => {
        for (const listener of this.#pushes) listener(push)
      })
      client.onClose(() => this.#lose(client))
      this.#set('open')
    } catch {
      this.#set('lost')
      this.#retry()
    }
  }

  /** Sends a request. Errors: `engine-lost` if there is no connection, and those of the method. */
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    return this.#client?.call(method, params) ?? Promise.reject(notConnected())
  }

  /** Adds a listener to the pushes of every channel; returns a function that removes it. */
  onPush(listener: (push: Push) => void): () => void {
    this.#pushes.add(listener)
    return () => this.#pushes.delete(listener)
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    this.#states.add(listener)
    return () => this.#states.delete(listener)
  }

  close(): void {
    this.#set('closed')
    this.#client?.close()
  }

  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #lose(client: Client): void {
    if (client !== this.#client) return
    this.#client = null
    if (this.#isClosed()) return
    this.#set('lost')
    this.#retry()
  }

  #retry(): void {
    const delay = Math.min(3000, 150 * 2 ** this.#attempt++)
    setTimeout(() => void this.start(), delay)
  }

  #set(state: ConnectionState): void {
    if (this.#state === state || this.#isClosed()) return
    this.#state = state
    for (const listener of this.#states) listener(state)
  }
}

const notConnected = () => new BraidError('engine-lost', 'The engine is not connected.')

/**
 * Returns a message of the host, validated, or null if it is not valid. Of `events` messages only
 * the envelope is checked: the host has validated each event, and parsing every token with a schema
 * would delay the frame.
 */
export function parseHostMessage(message: unknown): HostMessage | null {
  if (typeof message !== 'object' || message === null) return null
  const { kind, run, events } = message as Record<string, unknown>
  if (kind === 'events') {
    if (typeof run !== 'string' || !Array.isArray(events)) return null
    const wellFormed = events.every(
      (event) =>
        typeof event === 'object' &&
        event !== null &&
        typeof event.type === 'string' &&
        typeof event.at === 'number',
    )
    return wellFormed ? (message as HostMessage) : null
  }
  const parsed = HostMessage.safeParse(message)
  return parsed.success ? parsed.data : null
}
