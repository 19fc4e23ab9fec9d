import { BraidError } from '../protocol/errors.ts'

/** Returns the error of a failed file operation. `doing`: what failed, such as "Saving". */
export function diskError(error: unknown, doing: string): BraidError {
  if (error instanceof BraidError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new BraidError(
      'disk-full',
      `The disk is full: ${doing} failed. Free some space and try again; what was saved before is intact.`,
      { cause: error },
    )
  }
  if (code === 'ENOENT')
    return new BraidError('no-such-run', `${doing} failed: the file is not there.`, {
      cause: error,
    })
  if (code === 'ELOOP')
    return new BraidError('bad-path', `${doing} failed: the file is a link.`, { cause: error })
  return new BraidError('io', `${doing} failed: ${message}`, { cause: error })
}
