import {
  BraidError,
  ERROR_CODES,
  toBraidError,
  type ErrorCode,
} from '../../engine/protocol/errors.ts'
import { thrownError } from '../../engine/protocol/events.ts'
import {
  HostMessage,
  type Channel,
  type Method,
  type Params,
  type Result,
} from '../../engine/protocol/wire.ts'

/** `closed`: given up by `close()`. */
export type Connection = 'connecting' | 'open' | 'lost' | 'closed'
export type Push = Exclude<HostMessage, { kind: 'result' } | { kind: 'error' }>

interface Waiting {
  resolve(result: unknown): void
  reject(error: BraidError): void
}

/**
 * The one client of the engine host. Requests are typed by METHODS. When the channel closes, what was pending
 * fails with `engine-lost` and the client connects again, by itself, until it succeeds.
 */
export class Client {
  #connect: () => Promise<Channel>
  #channel: Channel | null = null
  #waiting = new Map<number, Waiting>()
  #nextId = 1
  #attempt = 0
  #state: Connection = 'connecting'
  #pushes = new Set<(push: Push) => void>()
  #states = new Set<(state: Connection) => void>()

  constructor(connect: () => Promise<Channel>) {
    this.#connect = connect
  }

  get state(): Connection {
    return this.#state
  }

  /** Connects, and keeps connected. Resolves with the first success or failure. */
  async start(): Promise<void> {
    if (this.#state === 'closed') return
    try {
      const channel = await this.#connect()
      this.#channel = channel
      this.#attempt = 0
      channel.onMessage((message) => this.#receive(message))
      channel.onClose(() => this.#lost(channel))
      this.#set('open')
    } catch {
      this.#set('lost')
      this.#retry()
    }
  }

  close(): void {
    this.#set('closed')
    this.#channel?.close()
  }

  onPush(listener: (push: Push) => void): () => void {
    this.#pushes.add(listener)
    return () => this.#pushes.delete(listener)
  }

  onState(listener: (state: Connection) => void): () => void {
    this.#states.add(listener)
    return () => this.#states.delete(listener)
  }

  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const channel = this.#channel
    if (channel === null || this.#state !== 'open')
      return Promise.reject(new BraidError('engine-lost', 'The engine is not connected.'))
    const id = this.#nextId++
    return new Promise<Result<M>>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (result) => resolve(result as Result<M>), reject })
      try {
        channel.send({ id, method, params })
      } catch (error) {
        this.#waiting.delete(id)
        reject(toBraidError(error))
      }
    })
  }

  #receive(message: unknown): void {
    const parsed = parseHostMessage(message)
    if (parsed === null) return
    if (parsed.kind !== 'result' && parsed.kind !== 'error') {
      for (const listener of this.#pushes) listener(parsed)
      return
    }
    const waiting = this.#waiting.get(parsed.id)
    this.#waiting.delete(parsed.id)
    if (parsed.kind === 'result') waiting?.resolve(parsed.result)
    else waiting?.reject(thrownError({ ...parsed.error, code: knownCode(parsed.error.code) }))
  }

  #lost(channel: Channel): void {
    if (channel !== this.#channel) return
    this.#channel = null
    const pending = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of pending)
      reject(new BraidError('engine-lost', 'The engine stopped before it answered.'))
    if (this.#state === 'closed') return
    this.#set('lost')
    this.#retry()
  }

  #retry(): void {
    const delay = Math.min(3000, 150 * 2 ** this.#attempt++)
    setTimeout(() => void this.start(), delay)
  }

  #set(state: Connection): void {
    if (this.#state === state) return
    this.#state = state
    for (const listener of this.#states) listener(state)
  }
}

const knownCode = (code: string): ErrorCode =>
  (ERROR_CODES as readonly string[]).includes(code) ? (code as ErrorCode) : 'internal'

/**
 * What the host sent, checked. Runs of events are checked by their envelope only: the host validated each event
 * before it wrote it, and a schema pass over every token would cost the frame.
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
