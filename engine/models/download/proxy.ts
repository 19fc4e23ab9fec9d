/**
 * Proxies from the environment. Every connection through a proxy is a tunnel (HTTP CONNECT), so
 * that the proxy sees no address beyond the host and no token.
 */
import * as http from 'node:http'
import * as https from 'node:https'
import { isIP, type Socket } from 'node:net'
import { connect } from 'node:tls'
import { fail } from '../../protocol/errors.ts'
import { hostOf } from './addresses.ts'

/** Returns the proxy for an address; undefined means a direct connection. */
export type Proxies = (at: URL) => URL | undefined

/**
 * Reads `https_proxy`, `http_proxy` (which also serves https if the former is not set) and
 * `no_proxy`: hosts, with or without port, whose subdomains are included, or `*`. Lower case goes
 * before upper case.
 */
export function proxies(env: NodeJS.ProcessEnv): Proxies {
  const plain = env.http_proxy || env.HTTP_PROXY
  const secure = env.https_proxy || env.HTTPS_PROXY || plain
  const direct = (env.no_proxy ?? env.NO_PROXY ?? '')
    .toLowerCase()
    .split(/[,\s]+/)
    .filter(Boolean)
    .map((entry) => /^(?:\*?\.)?(.+?)(?::(\d+))?$/.exec(entry)!)
  return (at) => {
    const proxy = at.protocol === 'https:' ? secure : plain
    if (!proxy) return undefined
    const host = at.hostname.toLowerCase()
    const excluded = direct.some(
      ([, name, port]) =>
        name === '*' ||
        ((port === undefined || port === portOf(at)) &&
          (host === name || host.endsWith(`.${name}`))),
    )
    return excluded ? undefined : proxyUrl(proxy)
  }
}

const portOf = (at: URL) => at.port || (at.protocol === 'https:' ? '443' : '80')

function proxyUrl(text: string): URL {
  let url: URL | undefined
  try {
    url = new URL(text.includes('://') ? text : `http://${text}`)
  } catch {
    // Reported below.
  }
  // The address is not shown, because it may hold a password.
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw fail('bad-request/proxy')
  return url
}

/**
 * Opens a tunnel through the proxy. Returns a function that gives its socket to an HTTP request;
 * for https the socket is encrypted up to the host. Throws network errors.
 */
export async function tunnel(
  proxy: URL,
  to: URL,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<() => Socket> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const host = `${to.hostname}:${portOf(to)}`
    const { username, password } = proxy
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    const request = (proxy.protocol === 'https:' ? https : http).request({
      method: 'CONNECT',
      host: hostOf(proxy),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      path: host,
      headers: {
        host,
        ...(username !== '' && {
          'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}`,
        }),
      },
      agent: false,
      signal,
      timeout: timeoutMs,
    })
    const refuse = (status: number | undefined) =>
      reject(new Error(`The proxy ${proxy.host} answered ${status}.`))
    request.on('error', reject)
    request.once('timeout', () =>
      request.destroy(new Error(`No answer of the proxy within ${timeoutMs} ms.`)),
    )
    request.once('close', () => reject(new Error(`The proxy ${proxy.host} closed the connection.`)))
    request.once('response', (response) => {
      response.destroy()
      refuse(response.statusCode)
    })
    request.once('connect', ({ statusCode }, open: Socket, head: Buffer) => {
      open.on('error', () => undefined) // The request that uses the socket reports its errors.
      if (head.length > 0) open.unshift(head)
      if (statusCode === 200) return resolve(open)
      open.destroy()
      refuse(statusCode)
    })
    request.end()
  })
  socket.setTimeout(0)
  if (to.protocol === 'http:') return () => socket
  const name = hostOf(to)
  return () => connect({ socket, ...(isIP(name) === 0 && { servername: name }), host: name })
}
