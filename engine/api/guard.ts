import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { ApiError } from './errors.ts'
import { sameKey } from './key.ts'

export interface GuardOptions {
  /** The address that the server listens on. */
  host: string
  port: number
  /** Further names by which clients reach it. */
  names: readonly string[]
  /** Origins whose pages may use it. */
  origins: readonly string[]
  /** null: none is asked for. */
  key: string | null
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Returns whether only programs of this machine can connect to an address. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' ||
  (isIP(host) !== 0 && LOOPBACK.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6'))

/** Returns an address as URLs and the Host header spell it. */
export const spelled = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host)

/**
 * Decides which requests are answered. Host must name this server exactly (against DNS rebinding).
 * A page in a browser has no access unless its origin was named. The key is compared in constant
 * time.
 */
export class Guard {
  readonly #options: GuardOptions

  constructor(options: GuardOptions) {
    this.#options = options
  }

  /** Throws 403 for a request that is not for this server, or that a page sent which may not. */
  checkOrigin({ headersDistinct, headers }: IncomingMessage): void {
    const hosts = headersDistinct.host ?? []
    if (hosts.length !== 1 || !this.#isOwn(hosts[0]!))
      throw new ApiError(
        403,
        'This address is not one of the server. Start it with --name NAME to allow a name.',
      )
    const origins = headersDistinct.origin ?? []
    if (
      origins.length > 1 ||
      (origins.length === 1 && !this.#options.origins.includes(origins[0]!))
    )
      throw new ApiError(
        403,
        'Pages of this origin may not use the API. Start it with --origin ORIGIN to allow them.',
      )
    const site = headers['sec-fetch-site']
    if (origins.length === 0 && site !== undefined && site !== 'none')
      throw new ApiError(403, 'Pages of other sites may not use the API.')
  }

  /** Throws 401 for a request without the key. */
  checkKey({ headersDistinct }: IncomingMessage): void {
    const { key } = this.#options
    if (key === null) return
    const [given = '', ...more] = headersDistinct.authorization ?? []
    const token = /^Bearer +(\S+) *$/i.exec(given)?.[1] ?? ''
    if (more.length > 0 || !sameKey(token, key))
      throw new ApiError(
        401,
        'The API key is missing or wrong. Send it as `Authorization: Bearer KEY`.',
        {
          code: 'invalid_api_key',
          headers: { 'WWW-Authenticate': 'Bearer' },
        },
      )
  }

  /** Returns what lets a page of an allowed origin read the answer; nothing for other clients. */
  corsOf({ headers: { origin } }: IncomingMessage): Record<string, string> {
    if (origin === undefined || !this.#options.origins.includes(origin)) return {}
    return { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' }
  }

  #isOwn(given: string): boolean {
    const { host, port, names } = this.#options
    return [...ownNames(host), ...names].some((name) => given === `${spelled(name)}:${port}`)
  }
}

/** Returns the names of the address that a server listens on. */
function ownNames(host: string): string[] {
  if (isLoopback(host)) return [host, ...(host === '::1' ? [] : ['127.0.0.1']), 'localhost']
  if (host !== '0.0.0.0' && host !== '::') return [host]
  // All addresses of this machine.
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const own = addresses.map(({ address }) => address.replace(/%.*$/, ''))
  return [...own, 'localhost', hostname().toLowerCase(), `${hostname().toLowerCase()}.local`]
}
