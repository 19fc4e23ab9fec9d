import { setTimeout as sleep } from 'node:timers/promises'
import { BraidError, fail } from '../protocol/errors.ts'
import type { ErrorDetail, WordParams } from '../protocol/wording.ts'
import { eventsIn } from './sse.ts'

/** Times are in milliseconds, sizes in bytes. */
export interface Limits {
  /** Until a server answers a question that it need not think about. */
  answer: number
  /** Until the first piece of a text: the server may read a long prompt first. */
  first: number
  /** Between two pieces of a text. */
  next: number
  /** Wait before the second attempt; it doubles with each further one. */
  pause: number
  longestPause: number
  /** Attempts without any progress between them. */
  attempts: number
  answerBytes: number
}

export const LIMITS: Limits = {
  answer: 30_000,
  first: 280_000,
  next: 60_000,
  pause: 500,
  longestPause: 8000,
  attempts: 6,
  answerBytes: 16 << 20,
}

/** The most of a server's own words that an error quotes, in characters. */
const QUOTED = 300

/** A failure that may be gone at the next attempt. `after`: the wait that the server asks for. */
class Transient extends Error {
  constructor(
    readonly error: BraidError,
    readonly after: number | undefined = undefined,
  ) {
    super(error.message)
  }
}

export interface Place {
  /** Base URL without a last slash and without `/v1`. */
  url: string
  /** Sent as a bearer token; it occurs in no error, log or transcript. */
  key?: string | undefined
}

/**
 * Parses the URL of a server; a last `/v1` is removed. Errors: `bad-request` for anything but http
 * and https, and for a URL with a user name, a password or a query.
 */
export function serverUrl(text: string): string {
  let url: URL
  try {
    url = new URL(text.trim())
  } catch {
    throw fail('bad-request/server-url')
  }
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (!['http:', 'https:'].includes(url.protocol) || !plain) throw fail('bad-request/server-url')
  return (url.origin + url.pathname).replace(/\/+$/, '').replace(/\/v1$/, '')
}

/**
 * HTTP to one server: JSON questions and streamed texts, with bounded time, size and number of
 * attempts. Redirects are not followed, so the key reaches no other server. Every failure is a
 * `BraidError`; a cancelled request closes its connection.
 */
export class Server {
  readonly #place: Place
  readonly limits: Limits

  constructor(place: Place, limits: Limits = LIMITS) {
    this.#place = place
    this.limits = limits
  }

  get url(): string {
    return this.#place.url
  }

  /** Asks until there is an answer, since asking twice changes nothing. */
  ask(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    return this.insist(() => this.#answer(path, body, signal), signal)
  }

  /** Asks once; undefined if the server refuses or does not know the path. Errors: as `ask`. */
  async tryAsk(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    try {
      return await this.#answer(path, body, signal)
    } catch (error) {
      if (error instanceof Refused) return undefined
      throw settled(error)
    }
  }

  /** Yields the JSON events of a streamed text. Throws what `insist` understands. */
  async *stream(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<unknown> {
    const timer = new Timer(signal, this.limits.first)
    try {
      const response = await this.#fetch(path, body, timer)
      const stream = response.body
      if (stream === null) throw this.cutOff()
      // Comments do not count: a server could send them for ever.
      for await (const event of eventsIn(stream as AsyncIterable<Uint8Array>)) {
        timer.restart(this.limits.next)
        yield event
      }
    } catch (error) {
      throw this.#explained(error, timer, signal)
    } finally {
      timer.end()
    }
  }

  /**
   * Repeats work while its failures may be gone later; pauses grow, with jitter, and are at least
   * what the server asks for. `progress`: returns true if there was progress since the last call,
   * after which the attempts are counted from the beginning.
   */
  async insist<T>(
    work: () => Promise<T>,
    signal: AbortSignal,
    progress: () => boolean = () => false,
  ): Promise<T> {
    const { attempts, pause, longestPause } = this.limits
    for (let attempt = 1; ; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (signal.aborted) throw fail('cancelled/run')
        if (!(error instanceof Transient)) throw settled(error)
        if (progress()) attempt = 1
        const least = error.after ?? 0
        if (attempt >= attempts || least > this.limits.next) throw error.error
        const most = Math.min(longestPause, pause * 2 ** (attempt - 1))
        const wait = Math.max(least, most * (0.5 + Math.random() / 2))
        await sleep(wait, undefined, { signal }).catch(() => {
          throw fail('cancelled/run')
        })
      }
    }
  }

  /** Returns the error of an answer that is not what the server's interface promises. */
  broken(reason: string): BraidError {
    return this.#error('io/server-wrong', { reason: this.#quoted(reason) })
  }

  /** Returns the failure of a stream that ended without saying so, which a further attempt may mend. */
  cutOff(): Error {
    return new Transient(this.#error('io/server-cut-off'))
  }

  async #answer(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const timer = new Timer(signal, this.limits.answer)
    try {
      const text = await this.#text(await this.#fetch(path, body, timer))
      return JSON.parse(text) as unknown
    } catch (error) {
      if (error instanceof SyntaxError) throw this.broken('no JSON')
      throw this.#explained(error, timer, signal)
    } finally {
      timer.end()
    }
  }

  async #text(response: Response, most = this.limits.answerBytes): Promise<string> {
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      length += chunk.length
      if (length > most) throw this.broken(`more than ${most >> 20} MB`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  }

  async #fetch(path: string, body: unknown, timer: Timer): Promise<Response> {
    const { url, key } = this.#place
    const response = await fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      signal: timer.signal,
      headers: {
        accept: 'application/json, text/event-stream',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    if (response.status === 200) return response
    throw await this.#refusal(response)
  }

  async #refusal(response: Response): Promise<Error> {
    const { status } = response
    if (status >= 300 && status < 400) {
      await response.body?.cancel()
      return this.#error('io/server-redirects')
    }
    const text = await this.#text(response, 1 << 20).catch(() => '')
    const reason = this.#quoted(reasonIn(text))
    const after = secondsAfter(response.headers.get('retry-after'))
    if (status === 429) return new Transient(this.#error('io/server-busy'), after)
    if (status === 502 || status === 503 || status === 504)
      return new Transient(this.#error('io/server-not-ready', { reason }), after)
    if (status === 401 || status === 403) return this.#error('bad-request/server-key')
    const long = /context|too long|maximum.*(?:length|tokens)|exceed/i.test(reason)
    if (status === 400 && long) return fail('context-too-small/server', { reason })
    return new Refused(this.#error('io/server-refused', { status, reason }))
  }

  #explained(error: unknown, timer: Timer, signal: AbortSignal): unknown {
    if (signal.aborted) return fail('cancelled/run')
    if (timer.over)
      return new Transient(this.#error('io/server-silent', { seconds: timer.seconds }))
    if (error instanceof BraidError || error instanceof Transient || error instanceof Refused)
      return error
    return new Transient(this.#error('io/server-unreachable', { reason: causeOf(error) }))
  }

  #error(detail: ErrorDetail, params: WordParams = {}): BraidError {
    return fail(detail, { server: this.url, ...params })
  }

  /** Returns a server's words without control characters and without the key, should it repeat that. */
  #quoted(text: string): string {
    const { key } = this.#place
    const safe = key === undefined || key === '' ? text : text.replaceAll(key, '***')
    return safe.replace(/\p{C}+/gu, ' ').slice(0, QUOTED)
  }
}

/** The server answered with a status that no further attempt changes. */
class Refused extends Error {
  constructor(readonly error: BraidError) {
    super(error.message)
  }
}

const settled = (error: unknown): unknown =>
  error instanceof Transient || error instanceof Refused ? error.error : error

/** Aborts once a time is over, or with the signal. */
class Timer {
  readonly #abort = new AbortController()
  readonly signal: AbortSignal
  #timer: NodeJS.Timeout
  #ms: number
  over = false

  constructor(signal: AbortSignal, ms: number) {
    this.signal = AbortSignal.any([signal, this.#abort.signal])
    this.#ms = ms
    this.#timer = this.#start()
  }

  get seconds(): number {
    return this.#ms / 1000
  }

  restart(ms: number): void {
    clearTimeout(this.#timer)
    this.#ms = ms
    this.#timer = this.#start()
  }

  /** Ends the request, too, should it still run. */
  end(): void {
    clearTimeout(this.#timer)
    this.#abort.abort()
  }

  #start(): NodeJS.Timeout {
    return setTimeout(() => {
      this.over = true
      this.#abort.abort()
    }, this.#ms)
  }
}

/** Returns the message of an error in OpenAI's form, or the text itself. */
function reasonIn(text: string): string {
  try {
    const { error, message, detail } = JSON.parse(text) as Record<string, unknown>
    const inner = (error as { message?: unknown } | null)?.message ?? error ?? message ?? detail
    if (typeof inner === 'string') return inner
  } catch {
    // not JSON
  }
  return text
}

/** Returns the milliseconds of a Retry-After header, which holds seconds or a date. */
function secondsAfter(header: string | null): number | undefined {
  if (header === null) return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined
}

function causeOf(error: unknown): string {
  const { cause, message } = error as { cause?: { code?: unknown }; message?: string }
  return typeof cause?.code === 'string' ? cause.code : (message ?? String(error))
}
