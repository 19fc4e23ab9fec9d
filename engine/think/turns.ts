import { BraidError } from '../protocol/errors.ts'

const cancelled = () => new BraidError('cancelled', 'Cancelled.')

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
      if (signal.aborted) throw cancelled()
      return await work()
    } finally {
      done()
    }
  }
}

/** The promise, or `cancelled` as soon as the signal fires; `onAbort` asks the work itself to stop. */
export async function abortable<T>(
  signal: AbortSignal,
  promise: Promise<T>,
  onAbort?: () => void,
): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {})
    onAbort?.()
    throw cancelled()
  }
  let listener!: () => void
  const aborted = new Promise<never>((_, reject) => {
    listener = () => {
      onAbort?.()
      reject(cancelled())
    }
    signal.addEventListener('abort', listener)
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', listener)
    promise.catch(() => {})
    aborted.catch(() => {})
  }
}
