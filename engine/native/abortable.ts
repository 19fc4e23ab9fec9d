import { fail } from '../protocol/errors.ts'

const cancelled = () => fail('cancelled/run')

/**
 * Returns the promise's result, or throws `cancelled` once the signal fires; `onAbort` must make
 * the work itself stop.
 */
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
