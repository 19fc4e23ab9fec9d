/** Every failure that reaches a user has one of these codes and a sentence that says what to do. */
export const ERROR_CODES = [
  'bad-request',
  'bad-model',
  'wrong-model',
  'model-not-found',
  'out-of-memory',
  'out-of-cells',
  'context-too-small',
  'too-many-paths',
  'bad-combination',
  'out-of-range',
  'unknown-device',
  'cannot-join',
  'cancelled',
  'not-running',
  'no-such-path',
  'no-such-run',
  'bad-transcript',
  'bad-path',
  'io',
  'disk-full',
  'engine-lost',
  'engine-stalled',
  'decode-failed',
  'template-failed',
  'native-missing',
  'internal',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

export class BraidError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'BraidError'
    this.code = code
  }
}

/** Any thrown value as a typed error; what we did not foresee is `internal`. */
export function toBraidError(error: unknown): BraidError {
  if (error instanceof BraidError) return error
  const code = (error as { code?: unknown } | null)?.code
  const said = (error as { message?: unknown } | null)?.message
  const message = typeof said === 'string' ? said : String(error)
  if (typeof code === 'string' && (ERROR_CODES as readonly string[]).includes(code))
    return new BraidError(code as ErrorCode, message, { cause: error })
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new BraidError('disk-full', 'The disk is full. Free some space and try again.', {
      cause: error,
    })
  return new BraidError('internal', message, { cause: error })
}
