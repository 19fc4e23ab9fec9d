import {
  eventsIn,
  METHODS,
  type Channel,
  type HostMessage,
  type Method,
  type Params,
  type Result,
} from '../../engine/protocol/wire.ts'
import { BraidError, toBraidError } from '../../engine/protocol/errors.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'

/** Two ends of a line in one process; what is sent passes through JSON and arrives in a later turn, as on a real one. */
export function channelPair(): [Channel, Channel] {
  const end = () => ({
    listeners: [] as ((message: unknown) => void)[],
    closers: [] as (() => void)[],
  })
  const [a, b] = [end(), end()]
  let open = true
  const close = () => {
    if (!open) return
    open = false
    setImmediate(() => [...a.closers, ...b.closers].forEach((closer) => closer()))
  }
  const channel = (own: typeof a, other: typeof a): Channel => ({
    send: (message) => {
      if (!open) return
      const text = JSON.stringify(message)
      setImmediate(() => other.listeners.forEach((listener) => listener(JSON.parse(text))))
    },
    onMessage: (listener) => void own.listeners.push(listener),
    onClose: (listener) => void own.closers.push(listener),
    close,
  })
  return [channel(a, b), channel(b, a)]
}

/** A client that checks every answer against the schemas. */
export class TestClient {
  readonly pushes: HostMessage[] = []
  closed = false
  readonly #channel: Channel
  readonly #waiting = new Map<number, (message: HostMessage) => void>()
  #next = 1
  #listener: ((push: HostMessage) => void) | undefined

  constructor(channel: Channel) {
    this.#channel = channel
    channel.onMessage((raw) => {
      const message = raw as HostMessage
      if (message.kind === 'result' || message.kind === 'error') {
        this.#waiting.get(message.id)?.(message)
        this.#waiting.delete(message.id)
      } else {
        this.pushes.push(message)
        this.#listener?.(message)
      }
    })
    channel.onClose(() => (this.closed = true))
  }

  async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const message = await this.raw({ id: this.#next++, method, params })
    if (message.kind === 'error')
      throw new BraidError(toBraidError(message.error).code, message.error.message)
    return METHODS[method].result.parse((message as { result: unknown }).result) as Result<M>
  }

  /** Each push as it comes. */
  onPush(listener: (push: HostMessage) => void): void {
    this.#listener = listener
  }

  /** Sends anything; the answer to its id. */
  raw(message: unknown, id = (message as { id: number }).id): Promise<HostMessage> {
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#channel.send(message)
    })
  }

  events(run: string): RunEvent[] {
    return this.pushes.flatMap((push) =>
      (push.kind === 'events' || push.kind === 'backlog') && push.run === run ? eventsIn(push) : [],
    )
  }

  close(): void {
    this.#channel.close()
  }
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'it',
  ms = 60_000,
): Promise<void> {
  for (const start = Date.now(); !(await condition());) {
    if (Date.now() - start > ms) throw new Error(`Waited ${ms} ms for ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
