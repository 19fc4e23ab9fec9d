import { ERRORS, render, type ErrorDetail, type WordParams } from './wording.ts'

/**
 * Every failure that reaches a user has one of these codes, and a sentence that says what to do.
 */
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

/**
 * What is needed to word an error in any language. An error without a detail has only its message.
 */
export interface Detail {
  detail: ErrorDetail
  params: WordParams
}

export class BraidError extends Error {
  readonly code: ErrorCode
  readonly detail: Detail | undefined
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; detail?: Detail }) {
    super(message, options)
    this.name = 'BraidError'
    this.code = code
    this.detail = options?.detail
  }
}

/** Returns the error that wording.ts words as `detail`; the part before the slash is the code. */
export function fail(
  detail: ErrorDetail,
  params: WordParams = {},
  options?: { cause?: unknown },
): BraidError {
  const code = detail.slice(0, detail.indexOf('/')) as ErrorCode
  return new BraidError(code, render(ERRORS[detail], params), {
    ...options,
    detail: { detail, params },
  })
}

/** Returns any thrown value as a typed error; an unexpected one has the code `internal`. */
export function toBraidError(error: unknown): BraidError {
  if (error instanceof BraidError) return error
  const code = (error as { code?: unknown } | null)?.code
  const said = (error as { message?: unknown } | null)?.message
  const message = typeof said === 'string' ? said : String(error)
  if (typeof code === 'string' && (ERROR_CODES as readonly string[]).includes(code))
    return new BraidError(code as ErrorCode, message, { cause: error })
  if (code === 'ENOSPC' || code === 'EDQUOT') return fail('disk-full/write', {}, { cause: error })
  return new BraidError('internal', message, { cause: error })
}
