import { toBraidError, type ErrorCode } from '../protocol/errors.ts'
import type { z } from 'zod'

/** The form in which OpenAI's API reports an error; clients show `message`. */
export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null }
}

/** A request that is answered with an error. */
export class ApiError extends Error {
  readonly status: number
  /** The field that is wrong, such as `messages[0].content`. */
  readonly param: string | null
  readonly code: string | null
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    message: string,
    { param = null, code = null, headers = {} }: Partial<Omit<ApiError, 'status'>> = {},
  ) {
    super(message)
    this.status = status
    this.param = param
    this.code = code
    this.headers = headers
  }
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  'bad-request': 400,
  'bad-combination': 400,
  'context-too-small': 400,
  'too-many-paths': 400,
  'cannot-join': 400,
  'out-of-range': 400,
  'unknown-device': 400,
  'model-not-found': 404,
  'no-such-run': 404,
  'out-of-memory': 503,
  'engine-lost': 503,
  'native-missing': 503,
}
/** Codes that clients of OpenAI's API know. */
const CODES: Partial<Record<ErrorCode, string>> = {
  'context-too-small': 'context_length_exceeded',
  'model-not-found': 'model_not_found',
}

/** Returns any failure as an answer. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  const { code, message } = toBraidError(error)
  return new ApiError(STATUS[code] ?? 500, message, { code: CODES[code] ?? code })
}

export const errorBody = ({ status, message, param, code }: ApiError): ErrorBody => ({
  error: { message, type: typeOf(status), param, code },
})

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 429) return 'rate_limit_error'
  return status < 500 ? 'invalid_request_error' : 'server_error'
}

/** Returns the answer to a body that a schema refused, which names the field. */
export function invalid({ issues: [issue] }: z.ZodError): ApiError {
  const path = [...(issue?.path ?? [])]
  // An unknown key of an object that knows all of its keys.
  if (issue?.code === 'unrecognized_keys') path.push(issue.keys[0]!)
  return new ApiError(400, `${fieldOf(path)}: ${issue?.message ?? 'is not valid'}.`, {
    param: fieldOf(path),
  })
}

/** Returns a path within a body as people write it: `messages[0].content`. */
export const fieldOf = (path: readonly PropertyKey[]): string =>
  path.reduce<string>(
    (text, key) =>
      typeof key === 'number'
        ? `${text}[${key}]`
        : text === ''
          ? String(key)
          : `${text}.${String(key)}`,
    '',
  ) || 'body'
