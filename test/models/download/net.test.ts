import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { download, Net, type NetOptions } from '../../../engine/models/download/index.ts'
import { isPrivate } from '../../../engine/models/download/addresses.ts'
import { proxies } from '../../../engine/models/download/proxy.ts'
import type { Faults } from './fault-server.ts'
import { check, closing, codeOf, get, listen, serve, target, tunnels } from './support.ts'

describe('where a download may lead', () => {
  const redirect = (to: string): Faults => ({
    before: (_request, response) => {
      response.writeHead(302, { location: to }).end()
      return true
    },
  })
  it.each([
    'http://127.0.0.2:9/x',
    'http://localhost:9/x',
    'http://[::1]:9/x',
    'http://169.254.169.254/latest',
    'http://10.0.0.1/x',
    'http://[::ffff:127.0.0.1]:9/',
    'file:///etc/passwd',
    'http://2130706434/x',
    'http://printer.local/x',
  ])('not to %s, unless it was asked for', async (to) => {
    const server = await serve(redirect(to))
    expect(await codeOf(get(server))).toMatch(/^bad-request/)
  })

  it('a name that resolves to this machine is refused when it connects, unless it was asked for', async () => {
    const server = await serve()
    const { port } = new URL(server.url)
    const resolve = ((
      _name: string,
      _options: object,
      callback: (error: null, addresses: { address: string; family: number }[]) => void,
    ) => callback(null, [{ address: '127.0.0.1', family: 4 }])) as unknown as NetOptions['resolve']
    const elsewhere = await serve(redirect(`http://files.example:${port}/x`))
    expect(await codeOf(get(elsewhere, {}, { resolve }))).toMatch(/^bad-request: .*files\.example/)
    expect(server.requests).toHaveLength(0)
    await get(
      { ...server, url: `http://files.example:${port}/x` },
      { sha256: server.sha256 },
      { resolve },
    )
    expect(server.requests.length).toBeGreaterThan(0)
  })

  it('more than eight redirects are not followed', async () => {
    const server = await serve()
    server.faults = redirect(server.url)
    expect(await codeOf(get(server, { tries: 1 }))).toMatch(/^io: .*redirects more than/)
  })

  it('the token goes to the hub, and never on to another host', async () => {
    const store = await serve()
    const hub = await serve(redirect(store.url))
    await get(hub, {}, { hub: hub.origin, token: 'secret' }).catch(() => undefined)
    expect(hub.requests[0]!.headers.authorization).toBe('Bearer secret')
    // Same address, another port: the rule treats it as another host.
    const client = new Net({ hub: hub.origin, token: 'secret' })
    closing.push(() => client.close())
    await download(client, { url: hub.url, target: target(), leastPart: 65_536 })
    expect(store.requests.length).toBeGreaterThan(1)
    expect(store.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true)
    // Nor to an address outside the hub.
    await get(store, {}, { hub: hub.origin, token: 'secret' })
    expect(store.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true)
  })

  it('knows the private ranges', () => {
    expect(
      [
        '127.0.0.1',
        '10.1.2.3',
        '172.16.0.1',
        '172.31.255.255',
        '192.168.1.1',
        '169.254.1.1',
        '100.64.0.1',
        '0.0.0.0',
        '224.0.0.1',
        '::1',
        '::',
        'fe80::1',
        'fd00::1',
        '::ffff:10.0.0.1',
        '::ffff:7f00:1',
        '64:ff9b::7f00:1',
      ].filter((a) => !isPrivate(a)),
    ).toEqual([])
    expect(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111'].filter(isPrivate)).toEqual(
      [],
    )
  })

  it('asks for the proxy of each address, as curl does', () => {
    const via = (env: Record<string, string>, url: string) => proxies(env)(new URL(url))?.href
    const both = { http_proxy: 'plain:1', HTTPS_PROXY: 'http://u:p@secure:2' }
    expect([via(both, 'http://a.org'), via(both, 'https://a.org')]).toEqual([
      'http://plain:1/',
      'http://u:p@secure:2/',
    ])
    expect(via({ http_proxy: 'http://plain:1' }, 'https://a.org')).toBe('http://plain:1/')
    expect(via({ http_proxy: '' }, 'http://a.org')).toBeUndefined()
    const no_proxy = 'a.org, .b.org *.c.org:8080 [::1]'
    const direct = (url: string) =>
      via({ http_proxy: 'http://plain:1', no_proxy }, url) === undefined
    expect(
      ['http://a.org', 'https://x.A.org', 'http://b.org', 'http://c.org:8080', 'http://[::1]/'].map(
        direct,
      ),
    ).toEqual([true, true, true, true, true])
    expect(['http://xa.org', 'http://c.org', 'http://org'].map(direct)).toEqual([
      false,
      false,
      false,
    ])
    expect(via({ http_proxy: 'x', no_proxy: '*' }, 'http://a.org')).toBeUndefined()
    expect(() => via({ http_proxy: 'socks5://x:1' }, 'http://a.org')).toThrow(/http:\/\//)
  })

  it.each([
    [
      'refuses',
      (socket: Socket) => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'),
    ],
    ['says nothing and closes', (socket: Socket) => socket.end()],
    ['breaks off', (socket: Socket) => socket.resetAndDestroy()],
  ])('a proxy that %s is an io error', async (_name, answer) => {
    const proxy = createServer()
    proxy.on('connect', (_request, socket: Socket) => answer(socket))
    vi.stubEnv('http_proxy', `http://127.0.0.1:${await listen(proxy)}`)
    vi.stubEnv('no_proxy', '')
    expect(await codeOf(get(await serve(), { tries: 2 }))).toMatch(/^io: .*failed 2 times/)
  })

  it('goes through the proxy of the environment', async () => {
    const server = await serve()
    const asked: string[] = []
    const port = await tunnels(({ url }) => asked.push(url!))
    vi.stubEnv('http_proxy', `http://127.0.0.1:${port}`)
    vi.stubEnv('no_proxy', '')
    const file = target()
    await get(server, { target: file, sha256: server.sha256 })
    check(file, server, true)
    expect(asked.length).toBeGreaterThan(0)
  })
})
