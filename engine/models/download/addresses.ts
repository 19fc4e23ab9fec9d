/** Addresses that users name or servers redirect to. */
import { isIP } from 'node:net'
import { fail } from '../../protocol/errors.ts'

/** Parses the address of the hub. Throws `bad-request`. */
export function hubUrl(text: string): URL {
  const url = parseUrl(text.trim())
  url.pathname = url.pathname.replace(/\/*$/, '/')
  url.search = url.hash = ''
  return url
}

/** Parses an address to download from. Throws `bad-request`. */
export function parseUrl(text: string): URL {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw fail('bad-request/no-address', { text })
  }
  if (
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    url.username !== '' ||
    url.password !== ''
  )
    throw fail('bad-request/http-only')
  return url
}

/** Returns the host of an address; an IPv6 address without its brackets. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '')

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
