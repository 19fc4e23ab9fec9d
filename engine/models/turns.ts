import { abortable } from '../native/index.ts'
import { fail } from '../protocol/errors.ts'

/** Runs asynchronous work one at a time, in order of request. */
export class Turns {
  #tail: Promise<void> = Promise.resolve()

  /** Runs `work` when its turn comes. Errors: `cancelled` while waiting, and those of `work`. */
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
