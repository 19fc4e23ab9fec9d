import { Client, type Push } from '../../engine/protocol/client.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { eventsIn, type Channel, type HostMessage } from '../../engine/protocol/wire.ts'

/** Returns two ends of a channel in one process; messages pass through JSON and arrive in a later turn, as on a real channel. */
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

/** A client that keeps every push and can send what is not a request. */
export class TestClient extends Client {
  readonly pushes: Push[] = []
  closed = false
  readonly #channel: Channel
  readonly #waiting = new Map<number, (message: HostMessage) => void>()

  constructor(channel: Channel) {
    super(channel)
    this.#channel = channel
    this.onPush((push) => this.pushes.push(push))
    channel.onMessage((raw) => {
      const { id } = raw as { id?: number }
      if (id === undefined) return
      this.#waiting.get(id)?.(raw as HostMessage)
      this.#waiting.delete(id)
    })
    this.onClose(() => (this.closed = true))
  }

  /** Sends anything; resolves with the answer to its id. */
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
