import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/**
 * Decides which requests the server accepts: those of a browser on this machine that was given this
 * launch's address. Host must match the listener (against DNS rebinding) and Origin must match the
 * page (against other sites). The secret of this launch is in the first address and then in a
 * cookie. The cookie's name contains the port, because cookies do not distinguish ports.
 */
export class Guard {
  readonly #secret = randomBytes(32).toString('base64url')
  readonly #token = randomBytes(32).toString('base64url')
  readonly #host: string
  readonly #cookie: string

  constructor(port: number) {
    this.#host = `127.0.0.1:${port}`
    this.#cookie = `braid-${port}`
  }

  get origin(): string {
    return `http://${this.#host}`
  }

  /** The address to open first; its response sets the cookie. */
  get launchPath(): string {
    return `/open/${this.#secret}`
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

  isLaunch(path: string): boolean {
    return path.startsWith('/open/') && same(path.slice('/open/'.length), this.#secret)
  }

  hasCookie(request: IncomingMessage): boolean {
    const values = (request.headers.cookie ?? '')
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${this.#cookie}=`))
    return values.length === 1 && same(values[0]!.slice(this.#cookie.length + 1), this.#token)
  }
}

/** Compares digests, which have the same length, in constant time. */
function same(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(secret))
}
