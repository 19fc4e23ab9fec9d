import type { IncomingMessage } from 'node:http'
import { parseJson } from '../protocol/json.ts'
import { ApiError } from './errors.ts'

/** The largest body, in bytes: a million characters of a question and its conversation. */
export const MAX_BODY = 4 << 20

/** Reads the JSON body of a request. Throws 400, 413 or 415. */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  const { headers } = request
  const type = (headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
  // Pages of other sites can send other types without asking first.
  if (type !== 'application/json')
    throw new ApiError(415, 'The body must be JSON: send `Content-Type: application/json`.')
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new ApiError(415, 'A compressed body is not supported.')
  if (Number(headers['content-length'] ?? 0) > MAX_BODY) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY) throw tooLarge()
    chunks.push(chunk)
  }
  try {
    return parseJson(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw new ApiError(400, `The body is not valid JSON: ${(error as Error).message}`)
  }
}

const tooLarge = () =>
  new ApiError(413, `The body has more than ${MAX_BODY >> 20} MiB.`, {
    headers: { Connection: 'close' },
  })
