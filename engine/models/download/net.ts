/**
 * HTTP client for downloads. Follows and checks each redirect itself, refuses private addresses
 * unless the user named that host, sends the hub's token only to the hub, and uses the proxy from
 * the environment. Each request has its own connection: downloads are few and long, and a kept
 * connection would only add ways to fail.
 */
import { lookup } from 'node:dns'
import * as http from 'node:http'
import * as https from 'node:https'
import type { LookupFunction } from 'node:net'
import { fail } from '../../protocol/errors.ts'
import { hostOf, hubUrl, isPrivate, parseUrl } from './addresses.ts'
import { netError, statusError } from './net-errors.ts'
import { proxies, tunnel, type Proxies } from './proxy.ts'

const DEFAULT_HUB = 'https://huggingface.co'
const MAX_REDIRECTS = 8

export interface NetOptions {
  /** Address of the hub, which may have a path; mirrors and tests use another one. */
  hub?: string
  /** Token for gated repositories. */
  token?: string
  /** Milliseconds to connect, to receive the response headers, and between two pieces of JSON. */
  timeoutMs?: number
  /** Resolves host names; default: the system's resolver. */
  resolve?: typeof lookup
}

export interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  /**
   * Read or destroy it. Node stops reading from the socket while the consumer is busy, so at most
   * one chunk of the socket and the stream's buffer are in memory.
   */
  body: http.IncomingMessage
  /** Headers of the first response. Here the hub announces what its file store will send. */
  first: http.IncomingHttpHeaders
}

export const headerOf = (headers: Answer['headers'], name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Sends requests to addresses that the user asked for. Close it when done. */
export class Net {
  /** Address of the hub. Its path ends in `/`, so that addresses below it are relative to it. */
  readonly hub: URL
  readonly #token: string | undefined
  readonly #timeoutMs: number
  readonly #resolve: typeof lookup
  readonly #proxies: Proxies
  /** Hosts that the user named; these may be private. */
  readonly #named = new Set<string>()
  readonly #open = new Set<AbortController>()

  constructor(options: NetOptions = {}) {
    this.hub = hubUrl(options.hub ?? (process.env.HF_ENDPOINT || DEFAULT_HUB))
    this.#token = options.token ?? process.env.HF_TOKEN
    this.#timeoutMs = options.timeoutMs ?? 30_000
    this.#resolve = options.resolve ?? lookup
    this.#proxies = proxies(process.env)
    this.#named.add(this.hub.hostname)
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
      const body = await this.#request(
        at,
        {
          'user-agent': 'braid',
          'accept-encoding': 'identity',
          ...headers,
          ...authorization,
        },
        signal,
      )
      const status = body.statusCode!
      first ??= body.headers
      const { location } = body.headers
      if (![301, 302, 303, 307, 308].includes(status) || location === undefined)
        return { status, headers: body.headers, body, first }
      body.destroy()
      try {
        at = new URL(location, at)
      } catch {
        throw fail('io/redirect-invalid', { host: at.hostname })
      }
    }
    throw fail('io/redirects', { host: url.hostname, most: MAX_REDIRECTS })
  }

  /** Sends one request and waits for the response headers. Throws `cancelled` or `io`. */
  async #request(
    at: URL,
    headers: http.OutgoingHttpHeaders,
    signal: AbortSignal | undefined,
  ): Promise<http.IncomingMessage> {
    const closed = new AbortController()
    const stop = signal ? AbortSignal.any([signal, closed.signal]) : closed.signal
    this.#open.add(closed)
    const done = () => this.#open.delete(closed)
    try {
      stop.throwIfAborted()
      const proxy = this.#proxies(at)
      const { request: send } = at.protocol === 'https:' ? https : http
      const request = send(at, {
        method: 'GET',
        headers,
        ...(proxy
          ? { createConnection: await tunnel(proxy, at, this.#timeoutMs, stop) }
          : { agent: false, lookup: this.#lookup }),
      })
      const body = await responseOf(request, this.#timeoutMs, stop)
      body.once('close', done)
      return body
    } catch (error) {
      done()
      throw netError(error, at, signal)
    }
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
    const { status, headers, body } = await this.get(url, { accept: 'application/json' }, signal)
    if (status !== 200) {
      body.destroy()
      throw statusError(status, url)
    }
    const late = () => body.destroy(new Error(`No data arrived for ${this.#timeoutMs} ms.`))
    const timer = setTimeout(late, this.#timeoutMs)
    const chunks: Buffer[] = []
    let length = 0
    try {
      for await (const chunk of body) {
        timer.refresh()
        length += (chunk as Buffer).length
        if (length > limit) throw fail('io/answer-size', { host: url.hostname, most: limit })
        chunks.push(chunk as Buffer)
      }
      return { value: JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown, headers }
    } catch (error) {
      if (error instanceof SyntaxError) throw fail('io/answer-json', { host: url.hostname })
      throw netError(error, url, signal)
    } finally {
      clearTimeout(timer)
    }
  }

  /** Ends all requests. */
  close(): Promise<void> {
    for (const request of this.#open) request.abort(new Error('The connection was closed.'))
    return Promise.resolve()
  }

  #check(at: URL, from: URL): void {
    if (at.protocol !== 'https:' && at.protocol !== 'http:')
      throw fail('bad-request/redirect-protocol', { host: from.hostname, protocol: at.protocol })
    if (at.protocol === 'http:' && from.protocol === 'https:')
      throw fail('bad-request/redirect-unencrypted', { host: from.hostname })
    const host = hostOf(at)
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

/**
 * Sends the request. Resolves with its response; an abort later destroys the response. Every error
 * of the connection reaches the caller or the reader of the response, or is ignored because nobody
 * waits for it.
 */
function responseOf(
  request: http.ClientRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const late = () => request.destroy(new Error(`No answer within ${timeoutMs} ms.`))
    const timer = setTimeout(late, timeoutMs)
    const stop = () => request.destroy(signal.reason as Error)
    signal.addEventListener('abort', stop, { once: true })
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
    }
    request.on('socket', (socket) => socket.once('connect', () => timer.refresh()))
    // Stays for the life of the request, so that no late error is left without a listener.
    request.on('error', (error) => {
      end()
      reject(error)
    })
    request.once('close', () => {
      end()
      reject(new Error('The connection was closed without an answer.'))
    })
    request.once('response', (body) => {
      end()
      // A discarded body emits an error that must have a listener; a reader of the body receives
      // the error as well.
      body.on('error', () => undefined)
      // Node takes a body without a length as complete when its connection fails.
      request.on('error', (error) => body.complete || body.destroy(error))
      const destroy = () => body.destroy(signal.reason as Error)
      signal.addEventListener('abort', destroy, { once: true })
      body.once('close', () => signal.removeEventListener('abort', destroy))
      resolve(body)
    })
    request.end()
  })
}

const privateError = (host: string) => fail('bad-request/inner-address', { host })
