import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/**
 * Who may talk to the server: a browser of this machine that was given this launch's address. Host must be the listener's
 * own (against DNS rebinding), Origin the page's own (against other sites), and the secret of this launch is
 * in the first address and then in a cookie. A name of its own per port, since cookies do not tell ports apart.
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

  /** The address to open: it gives the cookie. */
  get launchPath(): string {
    return `/open/${this.#secret}`
  }

  get setCookie(): string {
    return `${this.#cookie}=${this.#token}; Path=/; HttpOnly; SameSite=Strict`
  }

  /** Host exact, and given once. An Origin, where there is one, exact too. */
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

  /** A page says where it comes from when it opens a WebSocket: then an Origin is needed. */
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

/** Compares digests, which have one length, in constant time. */
function same(given: string, secret: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(given), digest(secret))
}
