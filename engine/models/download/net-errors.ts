/** Words for what goes wrong between Braid and a server. */
import { BraidError } from '../../protocol/errors.ts'

/**
 * Returns the error for a request that failed: `cancelled` if its signal ended it, the `BraidError`
 * that caused it, else `io`.
 */
export function netError(error: unknown, at: URL, signal?: AbortSignal): BraidError {
  if (signal?.aborted)
    return signal.reason instanceof BraidError
      ? signal.reason
      : new BraidError('cancelled', 'The download was cancelled.')
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof BraidError) return cause
  return new BraidError('io', `${at.hostname} cannot be reached: ${networkReason(error)}`, {
    cause: error,
  })
}

/** Describes a network error in words. */
export function networkReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ECONNRESET' ? 'The server closed the connection.' : message
}

/** Returns the error for an HTTP status other than success. */
export function statusError(status: number, url: URL): BraidError {
  if (status === 401 || status === 403)
    return new BraidError(
      'io',
      `${url.hostname} refuses access (${status}): the model is gated or private. Accept its terms on its page and provide a token.`,
    )
  if (status === 404)
    return new BraidError('model-not-found', `${url.hostname} has no ${url.pathname}.`)
  return new BraidError('io', `${url.hostname} answered ${status}.`)
}
