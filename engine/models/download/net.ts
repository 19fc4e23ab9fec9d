/**
 * HTTP client for downloads. Follows and checks each redirect itself, refuses private addresses
 * unless the user named that host, sends the hub's token only to the hub, and uses the proxy from
 * the environment.
 */
import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import { BraidError } from '../../protocol/errors.ts'

export const DEFAULT_HUB = 'https://huggingface.co'
const MAX_REDIRECTS = 8

export interface NetOptions {
  /** Address of the hub; mirrors and tests use another one. */
  hub?: string
  /** Token for gated repositories. */
  token?: string
  /** Milliseconds to connect and to receive the response headers. */
  timeoutMs?: number
  /** Resolves host names; default: the system's resolver. */
  resolve?: typeof lookup
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Dispatcher.ResponseData['body']
  /** Headers of the first response. Here the hub announces what its file store will send. */
  first: Record<string, string | string[] | undefined>
}

export const headerOf = (headers: Answer['headers'], name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Sends requests to addresses that the user asked for. Close it when done. */
export class Net {
  readonly hub: URL
  readonly #token: string | undefined
  readonly #timeoutMs: number
  readonly #resolve: typeof lookup
  /** Hosts that the user named; these may be private. */
  readonly #named = new Set<string>()
  readonly #dispatcher: Dispatcher

  constructor(options: NetOptions = {}) {
    this.hub = parseUrl(options.hub ?? process.env.HF_ENDPOINT ?? DEFAULT_HUB)
    this.#token = options.token ?? process.env.HF_TOKEN
    this.#timeoutMs = options.timeoutMs ?? 30_000
    this.#resolve = options.resolve ?? lookup
    this.#named.add(this.hub.hostname)
    const settings = {
      connect: { timeout: this.#timeoutMs, lookup: this.#lookup },
      headersTimeout: this.#timeoutMs,
      bodyTimeout: 0,
    }
    const { https_proxy, HTTPS_PROXY, http_proxy, HTTP_PROXY } = process.env
    this.#dispatcher =
      https_proxy || HTTPS_PROXY || http_proxy || HTTP_PROXY
        ? new EnvHttpProxyAgent({ headersTimeout: this.#timeoutMs, bodyTimeout: 0 })
        : new Agent(settings)
  }

  /**
   * Records that the user named this address, so that its host may be private. Throws
   * `bad-request`.
   */
  allow(url: string): URL {
    const parsed = parseUrl(url)
    this.#named.add(parsed.hostname)
    return parsed
  }

  /**
   * Sends a GET request and follows redirects; returns the response, whatever its status. Throws
   * `bad-request` (the address is not allowed), `cancelled` or `io`.
   */
  async get(url: URL, headers: Record<string, string>, signal?: AbortSignal): Promise<Answer> {
    let first: Answer['headers'] | undefined
    let at = url
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      this.#check(at, url)
      const trusted = at.origin === this.hub.origin
      const authorization: Record<string, string> =
        trusted && this.#token ? { authorization: `Bearer ${this.#token}` } : {}
      let answer: Dispatcher.ResponseData
      try {
        answer = await request(at, {
          method: 'GET',
          headers: {
            'user-agent': 'braid',
            'accept-encoding': 'identity',
            ...headers,
            ...authorization,
          },
          dispatcher: this.#dispatcher,
          signal,
        })
      } catch (error) {
        throw netError(error, at, signal)
      }
      // A discarded body emits an error that must have a listener; a reader of the body receives
      // the error as well.
      answer.body.on('error', () => undefined)
      first ??= answer.headers
      const location = headerOf(answer.headers, 'location')
      if (![301, 302, 303, 307, 308].includes(answer.statusCode) || location === undefined)
        return { status: answer.statusCode, headers: answer.headers, body: answer.body, first }
      await answer.body.dump({ limit: 2 ** 16 }).catch(() => undefined)
      try {
        at = new URL(location, at)
      } catch {
        throw new BraidError('io', `${at.hostname} redirects to an invalid address.`)
      }
    }
    throw new BraidError('io', `${url.hostname} redirects more than ${MAX_REDIRECTS} times.`)
  }

  /**
   * Returns JSON of at most `limit` bytes, and the response headers. Throws as `get` and
   * `statusError` do.
   */
  async json(
    url: URL,
    limit: number,
    signal?: AbortSignal,
  ): Promise<{ value: unknown; headers: Answer['headers'] }> {
    const answer = await this.get(url, { accept: 'application/json' }, signal)
    if (answer.status !== 200) {
      await answer.body.dump({ limit: 2 ** 16 }).catch(() => undefined)
      throw statusError(answer.status, url)
    }
    const chunks: Buffer[] = []
    let length = 0
    try {
      for await (const chunk of answer.body) {
        length += (chunk as Buffer).length
        if (length > limit)
          throw new BraidError('io', `${url.hostname} sent more than ${limit} bytes.`)
        chunks.push(chunk as Buffer)
      }
      return {
        value: JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown,
        headers: answer.headers,
      }
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new BraidError('io', `${url.hostname} sent invalid JSON.`)
      throw netError(error, url, signal)
    }
  }

  close(): Promise<void> {
    return this.#dispatcher.destroy()
  }

  #check(at: URL, from: URL): void {
    if (at.protocol !== 'https:' && at.protocol !== 'http:')
      throw new BraidError(
        'bad-request',
        `${from.hostname} redirects to ${at.protocol}, which is not followed.`,
      )
    if (at.protocol === 'http:' && from.protocol === 'https:')
      throw new BraidError(
        'bad-request',
        `${from.hostname} redirects to an unencrypted address, which is not followed.`,
      )
    const host = at.hostname.replace(/^\[|\]$/g, '')
    if (
      !this.#named.has(at.hostname) &&
      (isPrivate(host) || /(^|\.)(localhost|local|internal|home|lan)\.?$/i.test(host))
    )
      throw privateError(at.hostname)
  }

  /**
   * Resolves and checks the addresses that the socket will use, so that a name cannot turn private
   * between check and use.
   */
  readonly #lookup: LookupFunction = (hostname, options, callback) => {
    this.#resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '')
      if (!this.#named.has(hostname) && addresses.some(({ address }) => isPrivate(address)))
        return callback(privateError(hostname), '')
      if (options.all) callback(null, addresses)
      else callback(null, addresses[0]!.address, addresses[0]!.family)
    })
  }
}

export function parseUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new BraidError('bad-request', `${text} is not a valid address.`)
  }
  if (
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    url.username !== '' ||
    url.password !== ''
  )
    throw new BraidError(
      'bad-request',
      'Only http and https addresses without user name and password can be downloaded.',
    )
  return url
}

const privateError = (host: string) =>
  new BraidError(
    'bad-request',
    `The download leads to ${host}, an address of this machine or its network that was not asked for.`,
  )

/** Returns whether an IP address is outside the public internet; false for host names. */
export function isPrivate(address: string): boolean {
  const kind = isIP(address)
  if (kind === 4) {
    const [a, b] = address.split('.').map(Number) as [number, number]
    return (
      a === 0 ||
      a === 10 ||
      a === 127 ||
      a >= 224 ||
      (a === 100 && b >= 64 && b < 128) ||
      (a === 169 && b === 254) ||
      (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168) ||
      (a === 192 && b === 0) ||
      (a === 198 && (b === 18 || b === 19))
    )
  }
  if (kind === 6) {
    const mapped = /^(?:::ffff:|64:ff9b::)(.+)$/i.exec(address)?.[1]
    if (mapped !== undefined) return isIP(mapped) === 4 ? isPrivate(mapped) : true
    return !/^[23]/.test(address)
  }
  return false
}

export function netError(error: unknown, at: URL, signal?: AbortSignal): BraidError {
  if (signal?.aborted)
    return signal.reason instanceof BraidError
      ? signal.reason
      : new BraidError('cancelled', 'The download was cancelled.')
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof BraidError) return cause
  return new BraidError('io', `${at.hostname} cannot be reached: ${(error as Error).message}`, {
    cause: error,
  })
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
