import { abortable } from '../native/index.ts'
import { fail } from '../protocol/errors.ts'

/** One at a time, in order of asking. */
export class Turns {
  #tail: Promise<void> = Promise.resolve()

  /** Runs `work` when its turn comes; one that is cancelled while it waits gives its turn up. Errors: `cancelled`, and those of `work`. */
  async take<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#tail
    let done!: () => void
    const mine = new Promise<void>((resolve) => (done = resolve))
    this.#tail = before.then(() => mine)
    try {
      await abortable(signal, before)
      if (signal.aborted) throw fail('cancelled/run')
      return await work()
    } finally {
      done()
    }
  }
}
