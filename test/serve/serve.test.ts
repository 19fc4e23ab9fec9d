import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect as tcp } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import WebSocket from 'ws'
import type { Channel } from '../../engine/protocol/wire.ts'
import { ownName } from '../../engine/files/index.ts'
import { forwardFile, newLinks, noteRunning } from '../../engine/serve/index.ts'
import { serve, type Served } from '../../engine/serve/serve.ts'
import { until } from '../support/test-client.ts'

let folder: string
let served: Served
let cookie: string
const channels: Channel[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'braid-serve-'))
  const root = join(folder, 'page')
  mkdirSync(join(root, 'assets'), { recursive: true })
  writeFileSync(join(root, 'index.html'), '<p>page</p>')
  writeFileSync(join(root, 'assets', 'app.js'), 'run()')
  writeFileSync(join(root, 'assets', 'odd.exe'), 'MZ')
  writeFileSync(join(folder, 'secret.txt'), 'SECRET')
  symlinkSync(join(folder, 'secret.txt'), join(root, 'link.txt'))
  served = await serve({ root, port: 0, connect: (channel) => channels.push(channel) })
  const opened = await raw(`GET ${linkPath()} HTTP/1.1\r\nHost: 127.0.0.1:${served.port}\r\n\r\n`)
  cookie = /Set-Cookie: ([^;]+)/i.exec(opened)![1]!
})
afterAll(async () => {
  await served.close()
  rmSync(folder, { recursive: true })
})

/** Sends and returns raw bytes, since a client library would normalise them. */
function raw(text: string, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tcp(served.port, host)
    let got = ''
    socket.on('error', reject)
    socket.on('data', (data) => {
      got += data.toString('latin1')
      if (/^HTTP\/1.1 101/.test(got)) socket.destroy()
    })
    socket.on('close', () => resolve(got))
    socket.end(
      text.replace(
        /\r\n\r\n$/,
        text.includes('Upgrade') ? '\r\n\r\n' : '\r\nConnection: close\r\n\r\n',
      ),
      'latin1',
    )
    setTimeout(() => socket.destroy(), 60_000).unref()
  })
}
/** A new link. */
const linkPath = () => new URL(served.link()).pathname
const status = (answer: string) => Number(/^HTTP\/1.1 (\d+)/.exec(answer)?.[1])
const host = () => `127.0.0.1:${served.port}`
const origin = () => `http://${host()}`
const get = (path: string, lines: string[] = [`Host: ${host()}`, `Cookie: ${cookie}`]) =>
  raw([`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'))
const upgrade = (path: string, lines: string[]) =>
  raw(
    [
      `GET ${path} HTTP/1.1`,
      ...lines,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      '',
      '',
    ].join('\r\n'),
  )

describe('the page', () => {
  it('is served to the browser that was given the address, under a strict policy', async () => {
    const page = await get('/')
    expect(status(page)).toBe(200)
    expect(page).toContain('<p>page</p>')
    expect(page).toContain(
      "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws://127.0.0.1:",
    )
    for (const header of [
      'X-Content-Type-Options: nosniff',
      'Referrer-Policy: no-referrer',
      'Cache-Control: no-store',
      'X-Frame-Options: DENY',
    ])
      expect(page).toContain(header)
    expect(page).not.toMatch(/Access-Control|unsafe-/i)
    expect(await get('/assets/app.js')).toMatch(/Content-Type: text\/javascript[^]*run\(\)/)
    expect(status(await get('/?x=1'))).toBe(200)
  })

  it('sets a cookie that scripts and other sites cannot use', async () => {
    const link = linkPath()
    const opened = await get(link, [`Host: ${host()}`])
    expect(opened).toMatch(
      /Set-Cookie: braid-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict\r\n/i,
    )
    expect(link).toMatch(/^\/open\/\d{13}\.[\w-]{22}\.[\w-]{43}$/)
    expect(opened).not.toContain(link)
  })

  it('answers nothing but GET and HEAD', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) {
      expect(
        status(await raw(`${method} / HTTP/1.1\r\nHost: ${host()}\r\nCookie: ${cookie}\r\n\r\n`)),
        method,
      ).toBe(405)
    }
    const head = await raw(`HEAD / HTTP/1.1\r\nHost: ${host()}\r\nCookie: ${cookie}\r\n\r\n`)
    expect([status(head), head.includes('<p>')]).toEqual([200, false])
  })
})

describe('Host', () => {
  const port = '{port}'
  const HOSTS = [
    'localhost',
    'localhost:{port}',
    '127.0.0.1',
    '127.0.0.1:80',
    '127.0.0.1:{port}.evil.com',
    'evil.com',
    'evil.com:{port}',
    '127.0.0.1.nip.io:{port}',
    '127.0.0.2:{port}',
    '127.1:{port}',
    '2130706433:{port}',
    '0x7f000001:{port}',
    '0.0.0.0:{port}',
    '[::1]:{port}',
    '[::ffff:127.0.0.1]:{port}',
    '::1',
    '127.0.0.1:0{port}',
    '127.0.0.1:{port}0',
    '127.0.0.1:+{port}',
    '127.0.0.1: {port}',
    '127.0.0.1:{port}/',
    '127.0.0.1:{port}@evil.com',
    'user@127.0.0.1:{port}',
    'http://127.0.0.1:{port}',
    '127.0.0.1:{port},evil.com',
    'evil.com,127.0.0.1:{port}',
    '127.0.0.1.:{port}',
    '.127.0.0.1:{port}',
    '127.0.0.1%00:{port}',
    '127.0.0.1:{port}#',
    '127.0.0.1:{port}?',
    'LOCALHOST:{port}',
    'braid',
    'braid.local:{port}',
    'app.localhost:{port}',
    '192.168.0.1:{port}',
    '10.0.0.1:{port}',
    '*',
    '%31%32%37.0.0.1:{port}',
    '１２７.0.0.1:{port}',
  ]
  it('is tried in 40 wrong spellings', () => expect(HOSTS).toHaveLength(40))

  it.each(HOSTS.map((wrong) => [wrong]))(
    '%s is refused: page, launch address and upgrade',
    async (wrong) => {
      const line = `Host: ${Buffer.from(wrong.replaceAll(port, String(served.port))).toString('latin1')}`
      for (const path of ['/', linkPath()]) {
        const answer = await get(path, [line, `Cookie: ${cookie}`])
        expect([400, 403]).toContain(status(answer))
        expect(answer).not.toMatch(/<p>page|Set-Cookie/i)
      }
      expect([400, 403]).toContain(
        status(await upgrade('/ws', [line, `Origin: ${origin()}`, `Cookie: ${cookie}`])),
      )
    },
  )

  it('twice, empty or missing is refused', async () => {
    const right = `Host: ${host()}`
    for (const lines of [
      [right, right],
      [right, 'Host: evil.com'],
      ['Host: evil.com', right],
      ['Host:'],
      [],
    ]) {
      expect([400, 403], lines.join()).toContain(
        status(await get('/', [...lines, `Cookie: ${cookie}`])),
      )
      expect([400, 403], lines.join()).toContain(
        status(await upgrade('/ws', [...lines, `Origin: ${origin()}`, `Cookie: ${cookie}`])),
      )
    }
    expect([400, 403, 505]).toContain(
      status(await raw(`GET / HTTP/1.0\r\nCookie: ${cookie}\r\n\r\n`)),
    )
  })

  it('absolute addresses name no other host', async () => {
    expect(status(await get('http://evil.com/'))).toBe(404)
    expect(status(await get('//evil.com/'))).toBe(404)
  })
})

describe('Origin and secret', () => {
  const wrongCookies = () => [
    undefined,
    '',
    'x=y',
    cookie.slice(0, -1),
    `${cookie}x`,
    cookie.replace(/=.*/, '='),
    `${cookie}; ${cookie}`,
    cookie.replace('braid-', 'other-'),
  ]
  const wrongOrigins = () => [
    'null',
    'http://evil.com',
    origin().replace('http', 'https'),
    `http://localhost:${served.port}`,
    'http://127.0.0.1',
    `${origin()}/`,
    `${origin()}.evil.com`,
    'file://',
    '',
  ]

  it('a WebSocket needs both, exactly', async () => {
    const lines = (from: string | undefined, secret: string | undefined) => [
      `Host: ${host()}`,
      ...(from === undefined ? [] : [`Origin: ${from}`]),
      ...(secret === undefined ? [] : [`Cookie: ${secret}`]),
    ]
    expect(status(await upgrade('/ws', lines(origin(), cookie)))).toBe(101)
    expect(status(await upgrade('/ws', lines(origin(), `a=b; ${cookie}; c=d`)))).toBe(101)
    for (const from of [undefined, ...wrongOrigins()])
      expect(status(await upgrade('/ws', lines(from, cookie))), String(from)).toBe(403)
    for (const secret of wrongCookies())
      expect(status(await upgrade('/ws', lines(origin(), secret))), String(secret)).toBe(403)
    for (const from of [undefined, ...wrongOrigins()])
      for (const secret of wrongCookies())
        expect(status(await upgrade('/ws', lines(from, secret)))).toBe(403)
    expect(status(await upgrade('/ws', [...lines(origin(), cookie), `Origin: ${origin()}`]))).toBe(
      403,
    )
    expect(status(await upgrade('/other', lines(origin(), cookie)))).toBe(404)
  })

  it('the page needs the secret, and refuses other sites', async () => {
    for (const secret of wrongCookies())
      expect(
        status(
          await get('/', [
            `Host: ${host()}`,
            ...(secret === undefined ? [] : [`Cookie: ${secret}`]),
          ]),
        ),
      ).toBe(403)
    for (const from of wrongOrigins())
      expect(
        status(await get('/', [`Host: ${host()}`, `Cookie: ${cookie}`, `Origin: ${from}`])),
        from,
      ).toBe(403)
    expect(
      status(await get('/', [`Host: ${host()}`, `Cookie: ${cookie}`, `Origin: ${origin()}`])),
    ).toBe(200)
  })

  it('the launch address needs its secret exactly', async () => {
    const pathname = linkPath()
    const [until, nonce, signature] = pathname.slice('/open/'.length).split('.')
    for (const path of [
      '/open/',
      '/open',
      pathname.slice(0, -1),
      `${pathname}x`,
      `${pathname}/`,
      pathname.toUpperCase(),
      `/open/${cookie.split('=')[1]}`,
      `/open/${Number(until) + 1}.${nonce}.${signature}`,
      `/open/${until}.${nonce!.slice(1)}A.${signature}`,
      `/open/${until}.${nonce}`,
    ]) {
      expect(await get(path, [`Host: ${host()}`]), path).toMatch(
        /^HTTP\/1.1 403(?![^]*set-cookie)/i,
      )
    }
  })

  it('a link works once, and for a minute; in the browser that used it, it leads to the page', async () => {
    const used = linkPath()
    expect(await get(used, [`Host: ${host()}`])).toMatch(/^HTTP\/1.1 200[^]*set-cookie/i)
    expect(await get(used, [`Host: ${host()}`])).toMatch(/^HTTP\/1.1 403[^]*--link/)
    const again = await get(used, [`Host: ${host()}`, `Cookie: ${cookie}`])
    expect(again).toMatch(/^HTTP\/1.1 200(?![^]*set-cookie)/i)
    const now = vi.spyOn(Date, 'now')
    try {
      const late = linkPath()
      now.mockReturnValue(Date.now() + 60_001)
      expect(status(await get(late, [`Host: ${host()}`]))).toBe(403)
    } finally {
      now.mockRestore()
    }
  })

  it('another launch does not take its links', async () => {
    const other = await serve({ root: join(folder, 'page'), port: 0, connect: () => undefined })
    const address = new URL(other.link())
    expect((await fetch(`${address.origin}${linkPath()}`)).status).toBe(403)
    expect((await fetch(address)).status).toBe(200)
    await other.close()
  })

  it('a browser is started with a file that only this user can read', () => {
    const url = served.link()
    const { file, remove } = forwardFile(url)
    expect(readFileSync(file, 'utf8')).toContain(`url=${url}"`)
    if (process.platform !== 'win32')
      expect([file, dirname(file)].map((path) => statSync(path).mode & 0o777)).toEqual([
        0o600, 0o700,
      ])
    remove()
    expect(existsSync(dirname(file))).toBe(false)
  })

  it('links are printed for servers that run, by whoever can read their files', async () => {
    const notes = join(folder, 'notes')
    const forget = noteRunning(notes, served.port, served.key)
    writeFileSync(
      join(notes, 'serve-1.json'),
      JSON.stringify({ port: 1, pid: 999_999_999, key: '' }),
    )
    writeFileSync(join(notes, 'serve-2.json'), 'torn')
    // Another process has the number of one that ended.
    const [id, system] = ownName().split(' ')
    const ended = { port: 3, owner: `${id} ${system} 1`, key: '' }
    if (process.platform === 'linux')
      writeFileSync(join(notes, 'serve-3.json'), JSON.stringify(ended))
    const links = newLinks(notes)
    expect(links).toHaveLength(1)
    expect((await fetch(links[0]!)).status).toBe(200)
    expect(readdirSync(notes)).toEqual([`serve-${served.port}.json`])
    if (process.platform !== 'win32')
      expect(statSync(join(notes, `serve-${served.port}.json`)).mode & 0o777).toBe(0o600)
    forget()
    expect(newLinks(notes)).toEqual([])
    expect(newLinks(join(notes, 'nowhere'))).toEqual([])
    writeFileSync(join(folder, 'file'), '')
    expect(() => noteRunning(join(folder, 'file'), 1, served.key)).toThrow(/Noting what is served/)
  })
})

describe('paths', () => {
  it.each([
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/%2e%2e%2fsecret.txt',
    '/assets/../../secret.txt',
    '/assets/..\\..\\secret.txt',
    '/..%5csecret.txt',
    '/%252e%252e/secret.txt',
    '/....//secret.txt',
    '/link.txt',
    '/./index.html',
    '//index.html',
    '/index.html%00.txt',
    '/index.html\0',
    '/%',
    '/%ff',
    '/assets',
    '/assets/',
    '/assets/odd.exe',
    '/etc/passwd',
    'file:///etc/passwd',
    '/~',
    '/index.html/',
    '/INDEX.HTML',
    '/__proto__',
    '/constructor',
    '/.git/config',
    '/ws',
    '*',
    '/assets/app.js/..',
    '/\u202e',
    '/' + 'a/'.repeat(2000),
  ])('%s is nothing', async (path) => {
    const answer = await get(path)
    expect([400, 403, 404]).toContain(status(answer))
    expect(answer).not.toContain('SECRET')
    expect(answer).not.toContain('<p>page')
  })
})

describe('the listener', () => {
  it('is on loopback only', async () => {
    const others = Object.values(networkInterfaces())
      .flat()
      .filter((one) => one !== undefined && !one.internal && one.family === 'IPv4')
    for (const one of others)
      await expect(raw('GET / HTTP/1.1\r\n\r\n', one!.address)).rejects.toThrow()
    await expect(raw('GET / HTTP/1.1\r\n\r\n', '127.0.0.2')).rejects.toThrow()
  })

  it('says when its port is taken, and when there is no page', async () => {
    await expect(
      serve({ root: join(folder, 'page'), port: served.port, connect: () => undefined }),
    ).rejects.toThrow(/in use/)
    mkdirSync(join(folder, 'empty'))
    await expect(
      serve({ root: join(folder, 'empty'), port: 0, connect: () => undefined }),
    ).rejects.toThrow(/not built/)
  })

  it('lives through rubbish', async () => {
    for (const rubbish of [
      '\0\0\0',
      'GET',
      'GET / HTTP/9.9\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: ${host()}\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`,
      '\x16\x03\x01\x02\x00',
    ])
      await raw(rubbish)
    expect(status(await get('/'))).toBe(200)
  })
})

describe('a WebSocket', () => {
  it('is a channel: messages both ways, rubbish without content, and its end', async () => {
    const socket = new WebSocket(`ws://${host()}/ws`, {
      headers: { Cookie: cookie, Origin: origin() },
    })
    await new Promise((resolve) => socket.once('open', resolve))
    const channel = channels.at(-1)!
    const got: unknown[] = []
    let gone = false
    channel.onMessage((message) => got.push(message))
    channel.onClose(() => (gone = true))
    const back = new Promise((resolve) => socket.once('message', (data) => resolve(String(data))))
    channel.send({ a: [1, 'ü'] })
    expect(await back).toBe('{"a":[1,"ü"]}')
    for (const message of ['{"id":1}', '{"id":', Buffer.from([1, 2]), '5']) socket.send(message)
    await until(() => got.length === 4)
    expect(got).toEqual([{ id: 1 }, { id: -1 }, undefined, 5])
    // What nests deep would exhaust the stack of whoever serialises it.
    const deep = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    for (const depth of [62, 6000, 5_000_000])
      socket.send(`{"id":7,"method":"app.info","params":${deep(depth)}}`)
    await until(() => got.length === 7)
    expect(got[4]).toMatchObject({ id: 7, method: 'app.info' })
    expect(got.slice(5)).toEqual([{ id: 7 }, { id: 7 }])
    socket.terminate()
    await until(() => gone)
    channel.send('into nothing')
  })
})
