import { fail } from '../protocol/errors.ts'

/** The longest line of a stream, in bytes. A line holds one token with its alternatives. */
const LONGEST = 1 << 20

/**
 * Yields the JSON objects of server-sent events until the stream ends or says `[DONE]`. Comments and
 * other fields are ignored, and so is a line that the end of the stream cut. Errors: `io` for a line that is too long or is not JSON.
 */
export async function* eventsIn(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  for await (const line of linesIn(chunks)) {
    if (!line.startsWith('data:')) continue
    const data = line.slice('data:'.length).trim()
    if (data === '[DONE]') return
    let event: unknown
    try {
      event = JSON.parse(data)
    } catch {
      throw fail('io/server-events', { reason: data.replace(/\p{C}+/gu, ' ').slice(0, 80) })
    }
    yield event
  }
}

async function* linesIn(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true })
    let from = 0
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
      yield rest.slice(from, end).replace(/\r$/, '')
      from = end + 1
    }
    rest = rest.slice(from)
    if (rest.length > LONGEST) throw fail('io/server-line', { megabytes: LONGEST >> 20 })
  }
}
