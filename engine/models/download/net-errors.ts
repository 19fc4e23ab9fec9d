/** Words for what goes wrong between Braid and a server. */
import { BraidError, fail } from '../../protocol/errors.ts'

/**
 * Returns the error for a request that failed: `cancelled` if its signal ended it, the `BraidError`
 * that caused it, else `io`.
 */
export function netError(error: unknown, at: URL, signal?: AbortSignal): BraidError {
  if (signal?.aborted)
    return signal.reason instanceof BraidError ? signal.reason : fail('cancelled/download')
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof BraidError) return cause
  return fail(
    'io/unreachable',
    { host: at.hostname, reason: networkReason(error) },
    { cause: error },
  )
}

/** Describes a network error in words. */
export function networkReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ECONNRESET' ? 'The server closed the connection.' : message
}

/** Returns the error for an HTTP status other than success. */
export function statusError(status: number, url: URL): BraidError {
  if (status === 401 || status === 403) return fail('io/no-access', { host: url.hostname, status })
  if (status === 404)
    return fail('model-not-found/no-such-page', { host: url.hostname, path: url.pathname })
  return fail('io/status', { host: url.hostname, status })
}
