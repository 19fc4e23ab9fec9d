/**
 * Runs `work` and yields what it emits, in order. Its end ends the iteration, its error is thrown
 * after what it emitted. The signal that it is given fires with `signal`, and when the reader leaves
 * the loop, which then waits for the end of the work.
 */
export async function* emitted<T>(
  signal: AbortSignal,
  work: (emit: (value: T) => void, signal: AbortSignal) => Promise<void>,
): AsyncGenerator<T, void, undefined> {
  const left = new AbortController()
  const queue: T[] = []
  let wake = () => {}
  let end: { error?: unknown } | undefined
  const emit = (value: T) => {
    queue.push(value)
    wake()
  }
  const working = work(emit, AbortSignal.any([signal, left.signal]))
    .then(
      () => (end = {}),
      (error: unknown) => (end = { error }),
    )
    .finally(() => wake())
  try {
    for (;;) {
      while (queue.length > 0) yield queue.shift()!
      if (end !== undefined) break
      await new Promise<void>((resolve) => (wake = resolve))
    }
    if ('error' in end) throw end.error
  } finally {
    left.abort()
    await working
  }
}
