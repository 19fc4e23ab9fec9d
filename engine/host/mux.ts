import { z } from 'zod'
import type { Channel } from '../protocol/wire.ts'

/** Names the variable in which an engine process finds the keys of servers, a JSON object by their addresses. */
export const KEYS_VARIABLE = 'BRAID_SERVER_KEYS'

/**
 * Messages that carry several clients over the one connection between a supervisor and its host
 * process. The supervisor numbers the clients. `fatal` is the host's last message before it ends
 * itself.
 */
export const ToHost = z.discriminatedUnion('type', [
  z.object({ type: z.literal('open'), client: z.int() }),
  z.object({ type: z.literal('message'), client: z.int(), message: z.unknown() }),
  z.object({ type: z.literal('close'), client: z.int() }),
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('end') }),
])
export type ToHost = z.infer<typeof ToHost>

export const FromHost = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('message'), client: z.int(), message: z.unknown() }),
  z.object({ type: z.literal('pong') }),
  z.object({ type: z.literal('fatal'), message: z.string() }),
])
export type FromHost = z.infer<typeof FromHost>

/** The host's end of the connection. */
export interface HostPort {
  send(message: FromHost): void
  onMessage(listener: (message: unknown) => void): void
}

/**
 * Gives each client of the connection its own channel. `end` asks the process to finish its work
 * and exit.
 */
export function serveLine(
  port: HostPort,
  serve: (channel: Channel) => void,
  end: () => void,
): void {
  const clients = new Map<number, HostChannel>()
  port.onMessage((raw) => {
    const parsed = ToHost.safeParse(raw)
    if (!parsed.success) return
    const message = parsed.data
    switch (message.type) {
      case 'open': {
        const channel = new HostChannel(message.client, port)
        clients.set(message.client, channel)
        return serve(channel)
      }
      case 'message':
        return clients.get(message.client)?.receive(message.message)
      case 'close':
        clients.get(message.client)?.close()
        clients.delete(message.client)
        return
      case 'ping':
        return port.send({ type: 'pong' })
      case 'end':
        return end()
    }
  })
  port.send({ type: 'ready' })
}

/** Returns the number of a request, -1 if it has none. */
export function idOf(message: unknown): number {
  const id = (message as { id?: unknown } | null)?.id
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : -1
}

class HostChannel implements Channel {
  readonly #client: number
  readonly #port: HostPort
  readonly #listeners: ((message: unknown) => void)[] = []
  readonly #closers: (() => void)[] = []
  #open = true

  constructor(client: number, port: HostPort) {
    this.#client = client
    this.#port = port
  }

  send(message: unknown): void {
    if (!this.#open) return
    try {
      this.#pass(message)
    } catch (error) {
      // Such as a result that is longer than a string can be.
      const id = idOf(message)
      if (id < 0) return
      const why = `The answer cannot be passed on: ${(error as Error).message}`
      this.#pass({ kind: 'error', id, error: { code: 'out-of-range', message: why } })
    }
  }

  #pass(message: unknown): void {
    this.#port.send({ type: 'message', client: this.#client, message })
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#listeners.push(listener)
  }

  onClose(listener: () => void): void {
    this.#closers.push(listener)
  }

  receive(message: unknown): void {
    for (const listener of this.#listeners) listener(message)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    for (const listener of this.#closers) listener()
  }
}
