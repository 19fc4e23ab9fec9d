import type { RunEvent } from '../protocol/events.ts'

/**
 * A queue of events for one reader, which may start late. `read` calls `onLeave` when the reader
 * leaves the loop.
 */
export class Outbox {
  #waiting: RunEvent[] = []
  #wake: (() => void) | null = null
  #closed = false

  push(event: RunEvent): void {
    if (this.#closed) return
    this.#waiting.push(event)
    this.#wake?.()
  }

  /** Ends the reader's loop after the events already pushed. */
  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async *read(onLeave: () => void): AsyncGenerator<RunEvent, void, undefined> {
    try {
      for (;;) {
        const batch = this.#waiting
        this.#waiting = []
        for (const event of batch) yield event
        if (this.#waiting.length > 0) continue
        if (this.#closed) return
        await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = null
      }
    } finally {
      onLeave()
    }
  }
}
