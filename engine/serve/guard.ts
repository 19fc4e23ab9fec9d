import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** What the path of a link begins with. */
export const LINK = '/open/'
const LINK_MS = 60_000
const SIGNED = /^\/open\/((\d{13})\.[\w-]{22})\.([\w-]{43})$/

const sign = (content: string, key: Buffer): string =>
  createHmac('sha256', key).update(content).digest('base64url')

/** Returns the path of a new link, for one use within a minute. */
export function newLink(key: Buffer): string {
  const content = `${Date.now() + LINK_MS}.${randomBytes(16).toString('base64url')}`
  return `${LINK}${content}.${sign(content, key)}`
}

/**
 * Decides which requests the server accepts: those of a browser on this machine that was given this
 * launch's address. Host must match the listener (against DNS rebinding) and Origin must match the
 * page (against other sites). A link with a secret of its own sets the cookie that all other requests
 * need. The cookie's name contains the port, because cookies do not distinguish ports.
 */
export class Guard {
  /** Links that were used, and until when they could be. */
  readonly #used = new Map<string, number>()
  readonly #key: Buffer
  readonly #token = randomBytes(32).toString('base64url')
  readonly #host: string
  readonly #cookie: string

  /** `key`: signs the links. */
  constructor(port: number, key: Buffer) {
    this.#key = key
    this.#host = `127.0.0.1:${port}`
    this.#cookie = `braid-${port}`
  }

  get origin(): string {
    return `http://${this.#host}`
  }

  /** Returns whether a path is a link that may be used; then it is used. */
  useLink(path: string): boolean {
    const [, content, until, signature] = SIGNED.exec(path) ?? []
    if (content === undefined || !same(signature!, sign(content, this.#key))) return false
    const now = Date.now()
    for (const [link, until] of this.#used) if (until < now) this.#used.delete(link)
    if (Number(until) < now || this.#used.has(content)) return false
    this.#used.set(content, Number(until))
    return true
  }

  get setCookie(): string {
    return `${this.#cookie}=${this.#token}; Path=/; HttpOnly; SameSite=Strict`
  }

  /**
   * Returns whether Host matches exactly and occurs once, and Origin, if present, matches exactly.
   */
  isAddressed(request: IncomingMessage): boolean {
    const hosts = request.headersDistinct.host ?? []
    const origins = request.headersDistinct.origin ?? []
    return (
      hosts.length === 1 &&
      hosts[0] === this.#host &&
      origins.length <= 1 &&
      (origins.length === 0 || origins[0] === this.origin)
    )
  }

  /**
   * Returns whether Origin is present and matches. Browsers always send it when they open a
   * WebSocket, so it is required there.
   */
  hasOrigin(request: IncomingMessage): boolean {
    return request.headers.origin === this.origin
  }

  hasCookie(request: IncomingMessage): boolean {
    const values = (request.headers.cookie ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${this.#cookie}=`))
    return values.length === 1 && same(values[0]!.slice(this.#cookie.length + 1), this.#token)
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Compares digests, which have the same length, in constant time. */
function same(given: string, secret: string): boolean {
  return timingSafeEqual(digest(given), digest(secret))
}
