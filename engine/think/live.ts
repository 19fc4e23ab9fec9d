import { BraidError } from '../protocol/errors.ts'
import type { NativeDecode } from '../native/types.ts'
import type { Run } from './run.ts'

/**
 * Waits until a decode is over. Meanwhile commands reach it as `run.live`, and cancelling the run cancels it; the time it took is
 * added to `run.clock`. Throws `cancelled` when the run was.
 */
export async function untilOver(
  run: Run,
  live: NativeDecode,
  clock: 'pathsMs' | 'summaryMs',
): Promise<void> {
  const began = performance.now()
  const cancel = () => live.cancel()
  run.live = live
  run.signal.addEventListener('abort', cancel)
  if (run.signal.aborted) cancel()
  try {
    await live.done
  } finally {
    run.signal.removeEventListener('abort', cancel)
    run.live = null
    run.clock[clock] += performance.now() - began
  }
  if (run.signal.aborted) throw new BraidError('cancelled', 'Cancelled.')
}
