import { BraidError, fail } from '../protocol/errors.ts'
import type { Term } from '../protocol/wording-more.ts'

/** Returns the error of a failed file operation. `doing`: what failed. */
export function diskError(error: unknown, doing: Term): BraidError {
  if (error instanceof BraidError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return fail('disk-full/doing', { doing }, { cause: error })
  }
  if (code === 'ENOENT') return fail('no-such-run/no-file', { doing }, { cause: error })
  if (code === 'ELOOP') return fail('bad-path/link', { doing }, { cause: error })
  return fail('io/disk', { doing, reason: message }, { cause: error })
}
