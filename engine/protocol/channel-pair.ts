import type { Channel } from './wire.ts'

/**
 * Returns the two ends of a channel within a process. Messages are passed on as they are, in a later
 * turn, so that a listener never runs within a sender.
 */
export function channelPair(): [Channel, Channel] {
  const [a, b] = [new End(), new End()]
  a.other = b
  b.other = a
  return [a, b]
}

class End implements Channel {
  other!: End
  readonly #listeners: ((message: unknown) => void)[] = []
  readonly #closers: (() => void)[] = []
  #open = true

  send(message: unknown): void {
    if (this.#open) void Promise.resolve().then(() => this.other.#receive(message))
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#listeners.push(listener)
  }

  onClose(listener: () => void): void {
    this.#closers.push(listener)
  }

  close(): void {
    for (const end of [this, this.other]) end.#end()
  }

  #receive(message: unknown): void {
    if (this.#open) for (const listener of this.#listeners) listener(message)
  }

  #end(): void {
    if (!this.#open) return
    this.#open = false
    for (const closer of this.#closers) closer()
  }
}
