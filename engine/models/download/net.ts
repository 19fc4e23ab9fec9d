/**
 * HTTP for downloads: redirects are followed by hand and checked one by one, private addresses are refused unless the
 * user named that host, the hub's token goes to the hub alone, and the proxy of the environment is used.
 */
import { lookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, EnvHttpProxyAgent, request, type Dispatcher } from 'undici'
import { BraidError } from '../../protocol/errors.ts'

export const DEFAULT_HUB = 'https://huggingface.co'
const MAX_REDIRECTS = 8

export interface NetOptions {
  /** Where repositories are looked up; another one for mirrors and tests. */
  hub?: string
  /** For gated repositories. */
  token?: string
  /** Milliseconds to connect and to get the head of an answer. */
  timeoutMs?: number
  /** How names become addresses; the system's way when absent. */
  resolve?: typeof lookup
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Dispatcher.ResponseData['body']
  /** Headers of the first hop: the hub says there what its store will send. */
  first: Record<string, string | string[] | undefined>
}

export const headerOf = (headers: Answer['headers'], name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Requests to addresses that the user asked for. Close it when done. */
export class Net {
  readonly hub: URL
  readonly #token: string | undefined
  readonly #timeoutMs: number
  readonly #resolve: typeof lookup
  /** Hosts named by the user: these may be private. */
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

  /** The user named this address: its host may be private. Error: `bad-request`. */
  allow(url: string): URL {
    const parsed = parseUrl(url)
    this.#named.add(parsed.hostname)
    return parsed
  }

  /** GET. Errors: `bad-request` (where it would lead), `cancelled`, `io`. Answers of any status but redirects are returned. */
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
      // A body that is thrown away says so by an event that must be heard; whoever reads it gets the error as well.
      answer.body.on('error', () => undefined)
      first ??= answer.headers
      const location = headerOf(answer.headers, 'location')
      if (![301, 302, 303, 307, 308].includes(answer.statusCode) || location === undefined)
        return { status: answer.statusCode, headers: answer.headers, body: answer.body, first }
      await answer.body.dump({ limit: 2 ** 16 }).catch(() => undefined)
      try {
        at = new URL(location, at)
      } catch {
        throw new BraidError('io', `${at.hostname} redirects to something that is no address.`)
      }
    }
    throw new BraidError('io', `${url.hostname} redirects more than ${MAX_REDIRECTS} times.`)
  }

  /** JSON of at most `limit` bytes, and the answer's headers. Errors: as `get`, and by status. */
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
        throw new BraidError('io', `${url.hostname} sent something that is no JSON.`)
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
        `${from.hostname} redirects to an address without encryption, which is not followed.`,
      )
    const host = at.hostname.replace(/^\[|\]$/g, '')
    if (
      !this.#named.has(at.hostname) &&
      (isPrivate(host) || /(^|\.)(localhost|local|internal|home|lan)\.?$/i.test(host))
    )
      throw privateError(at.hostname)
  }

  /** Addresses as the socket will use them, so that no name can turn private between check and use. */
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
    throw new BraidError('bad-request', `${text} is no address.`)
  }
  if (
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    url.username !== '' ||
    url.password !== ''
  )
    throw new BraidError(
      'bad-request',
      'Only http and https addresses without a name and password can be downloaded.',
    )
  return url
}

const privateError = (host: string) =>
  new BraidError(
    'bad-request',
    `The download leads to ${host}, an address of this machine or its network, which was not asked for.`,
  )

/** Addresses that are not of the public internet. Names are not. */
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

/** What an answer that is no success means to the user. */
export function statusError(status: number, url: URL): BraidError {
  if (status === 401 || status === 403)
    return new BraidError(
      'io',
      `${url.hostname} does not give this away (${status}): the model is gated or private. Accept its terms on its page and give a token.`,
    )
  if (status === 404)
    return new BraidError('model-not-found', `${url.hostname} has no ${url.pathname}.`)
  return new BraidError('io', `${url.hostname} answered ${status}.`)
}
