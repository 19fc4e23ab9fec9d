import type { RunEvent } from '../protocol/events.ts'

/** Events on their way to one reader, who may come late. `onLeave`: the reader broke off. */
export class Outbox {
  #waiting: RunEvent[] = []
  #wake: (() => void) | null = null
  #closed = false

  push(event: RunEvent): void {
    if (this.#closed) return
    this.#waiting.push(event)
    this.#wake?.()
  }

  /** What was pushed is still read; then the reader's loop ends. */
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
