import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { apiKey, newKey, serveApi } from '../../engine/api/index.ts'
import { MAX_BODY } from '../../engine/api/body.ts'
import { Output } from '../../engine/api/output.ts'
import { serve } from '../../engine/serve/index.ts'
import { until } from '../support/test-client.ts'
import { KEY, raw, statusOf, TestApi } from './support.ts'

const ORIGIN = 'https://app.example'
const ROUTES = [
  'GET /v1/models',
  'GET /v1/models/hello',
  'GET /v1/parallel-2/models',
  'GET /v1/runs/20260101-000000-abcdef',
  'GET /v1/runs/20260101-000000-abcdef/export',
  'POST /v1/chat/completions',
  'POST /v1/completions',
  'POST /v1/majority-3/chat/completions',
  'GET /v1/none',
  'GET /',
] as const

let api: TestApi
let url: string

beforeAll(async () => {
  api = new TestApi(2)
  await api.scripted('hello', { '?': ['Hello to you'] })
  await api.endless('endless')
  url = await api.serve({ origins: [ORIGIN], names: ['box.internal'], jobs: 2 })
})
afterAll(() => api.close())

const host = () => new URL(url).host
const auth = `Authorization: Bearer ${KEY}`
const send = (line: string, headers: readonly string[], body = '') =>
  raw(url, [`${line} HTTP/1.1`, ...headers, '', body].join('\r\n'))
const json = (body: unknown) => {
  const text = JSON.stringify(body)
  return { headers: ['Content-Type: application/json', `Content-Length: ${text.length}`], text }
}
const chat = (more: object = {}) => ({
  model: 'hello',
  messages: [{ role: 'user', content: 'Hi?' }],
  ...more,
})

describe('the key', () => {
  it.each(ROUTES)('%s is answered with it, and not without', async (line) => {
    const right = await send(line, [`Host: ${host()}`, auth])
    expect([401, 403]).not.toContain(statusOf(right))
    for (const wrong of [
      [],
      ['Authorization:'],
      ['Authorization: Bearer'],
      ['Authorization: Bearer '],
      [`Authorization: Basic ${KEY}`],
      [`Authorization: ${KEY}`],
      [`Authorization: Bearer ${KEY}x`],
      [`Authorization: Bearer ${KEY.slice(0, -1)}`],
      [`Authorization: Bearer ${KEY.toUpperCase()}`],
      [auth, auth],
      [`Cookie: key=${KEY}`],
      [`X-API-Key: ${KEY}`],
    ]) {
      const answer = await send(line, [`Host: ${host()}`, ...wrong])
      expect([wrong, statusOf(answer)]).toEqual([wrong, 401])
      expect(answer).toContain('"authentication_error"')
      expect(answer).not.toContain(KEY)
    }
    expect(statusOf(await send(`${line}?key=${KEY}&api_key=${KEY}`, [`Host: ${host()}`]))).toBe(401)
  })
  it('is made once, kept for this user only, and can be replaced', () => {
    const folder = mkdtempSync(join(tmpdir(), 'braid-key-'))
    const first = apiKey(folder)
    expect(first).toMatchObject({ made: true, key: expect.stringMatching(/^braid-[\w-]{43}$/) })
    if (process.platform !== 'win32') expect(statSync(first.file).mode & 0o777).toBe(0o600)
    expect(apiKey(folder)).toEqual({ ...first, made: false })
    const next = newKey(folder)
    expect(next).not.toBe(first.key)
    expect(apiKey(folder).key).toBe(next)
    rmSync(folder, { recursive: true })
  })
  it('is needed wherever other machines reach the server', async () => {
    for (const address of ['0.0.0.0', '::', '192.168.0.5', 'box.internal'])
      await expect(serveApi({ ...options(), host: address, key: null })).rejects.toMatchObject({
        code: 'bad-request',
      })
  })
  it("does not open the window, nor the window's secret the API", async () => {
    const root = mkdtempSync(join(tmpdir(), 'braid-page-'))
    writeFileSync(join(root, 'index.html'), '<p>page</p>')
    const served = await serve({ root, port: 0, connect: () => undefined })
    const window = `http://127.0.0.1:${served.port}`
    const opened = await fetch(served.link())
    const cookie = opened.headers.get('set-cookie')!.split(';')[0]!
    const secret = cookie.split('=')[1]!
    expect((await fetch(window, { headers: { cookie } })).status).toBe(200)
    expect((await fetch(window, { headers: { authorization: `Bearer ${KEY}` } })).status).toBe(403)
    const keyCookie = cookie.replace(secret, KEY)
    expect((await fetch(window, { headers: { cookie: keyCookie } })).status).toBe(403)
    for (const headers of [
      { cookie },
      { authorization: `Bearer ${secret}` },
      { cookie, authorization: `Bearer ${served.key.toString('base64')}` },
    ])
      expect(
        (await fetch(`${url}/models`, { headers: headers as Record<string, string> })).status,
      ).toBe(401)
    await served.close()
    rmSync(root, { recursive: true })
  })
})

const options = () => ({
  channel: api.channel(),
  port: 0,
  host: '127.0.0.1',
  names: [],
  origins: [],
  key: KEY as string | null,
  jobs: 1,
})

describe('Host', () => {
  const WRONG = [
    'evil.com',
    'evil.com:{port}',
    'localhost',
    '127.0.0.1',
    '127.0.0.1:80',
    '127.0.0.1:{port}.evil.com',
    '127.0.0.1.nip.io:{port}',
    '127.0.0.2:{port}',
    '127.1:{port}',
    '2130706433:{port}',
    '0.0.0.0:{port}',
    '[::1]:{port}',
    '127.0.0.1:0{port}',
    'user@127.0.0.1:{port}',
    'LOCALHOST:{port}',
    'app.localhost:{port}',
    'box.internal',
    'other.internal:{port}',
    '*',
  ]
  it.each(WRONG)('%s is refused on every route', async (wrong) => {
    const line = `Host: ${wrong.replaceAll('{port}', new URL(url).port)}`
    for (const route of ROUTES)
      expect([400, 403]).toContain(statusOf(await send(route, [line, auth])))
  })
  it('twice, empty or missing is refused', async () => {
    const right = `Host: ${host()}`
    for (const lines of [[right, right], ['Host: evil.com', right], ['Host:'], []])
      expect([400, 403]).toContain(statusOf(await send('GET /v1/models', [...lines, auth])))
  })
  it('may be any name of the server', async () => {
    const { port } = new URL(url)
    for (const name of ['127.0.0.1', 'localhost', 'box.internal'])
      expect(statusOf(await send('GET /v1/models', [`Host: ${name}:${port}`, auth]))).toBe(200)
  })
  it('is checked where all addresses are served, too', async () => {
    const all = await serveApi({ ...options(), host: '0.0.0.0' })
    const { port } = new URL(all.url)
    const ask = (name: string) =>
      raw(
        `http://127.0.0.1:${port}`,
        `GET /v1/models HTTP/1.1\r\nHost: ${name}:${port}\r\n${auth}\r\n\r\n`,
      )
    expect(statusOf(await ask('127.0.0.1'))).toBe(200)
    expect(statusOf(await ask('evil.com'))).toBe(403)
    await all.close()
  })
})

describe('a page in a browser', () => {
  it.each([
    'https://evil.example',
    'null',
    'http://localhost',
    `${ORIGIN}.evil.com`,
    'HTTPS://APP.EXAMPLE',
  ])('of the origin %s is refused', async (origin) => {
    for (const route of [...ROUTES, 'OPTIONS /v1/chat/completions']) {
      const answer = await send(route, [`Host: ${host()}`, auth, `Origin: ${origin}`])
      expect([route, statusOf(answer)]).toEqual([route, 403])
      expect(answer).not.toMatch(/access-control/i)
    }
  })
  it('of another site is refused also if it sends no origin', async () => {
    for (const site of ['cross-site', 'same-site', 'same-origin'])
      expect(
        statusOf(
          await send('GET /v1/models', [`Host: ${host()}`, auth, `Sec-Fetch-Site: ${site}`]),
        ),
      ).toBe(403)
  })
  it('of an allowed origin may ask and read, with the key', async () => {
    const lines = [`Host: ${host()}`, `Origin: ${ORIGIN}`, 'Sec-Fetch-Site: cross-site']
    const asked = await send('OPTIONS /v1/chat/completions', [
      ...lines,
      'Access-Control-Request-Method: POST',
    ])
    expect(statusOf(asked)).toBe(204)
    expect(asked).toContain(`Access-Control-Allow-Origin: ${ORIGIN}`)
    const answer = await send('GET /v1/models', [...lines, auth])
    expect(statusOf(answer)).toBe(200)
    expect(answer).toContain(`Access-Control-Allow-Origin: ${ORIGIN}`)
    expect(statusOf(await send('GET /v1/models', lines))).toBe(401)
  })
  it('cannot send a body without asking first', async () => {
    const { text } = json(chat())
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      '',
    ]) {
      const lines = [
        `Host: ${host()}`,
        auth,
        `Content-Type: ${type}`,
        `Content-Length: ${text.length}`,
      ]
      expect(statusOf(await send('POST /v1/chat/completions', lines, text))).toBe(415)
    }
  })
})

describe('a request', () => {
  const post = (body: string, headers: readonly string[] = []) =>
    send(
      'POST /v1/chat/completions',
      [`Host: ${host()}`, auth, 'Content-Type: application/json', ...headers],
      body,
    )
  it('of another method or place is refused', async () => {
    for (const line of [
      'PUT /v1/models',
      'DELETE /v1/models',
      'GET /v1/chat/completions',
      'PATCH /v1/completions',
    ])
      expect([line, statusOf(await send(line, [`Host: ${host()}`, auth]))]).toEqual([line, 405])
    for (const path of [
      '/',
      '/v1',
      '/v1/',
      '/v1/../v1/models',
      '/v1/embeddings',
      '/v1/runs',
      '/v1/models/%ff',
      '/v2/models',
      '//v1/models',
    ])
      expect([path, statusOf(await send(`GET ${path}`, [`Host: ${host()}`, auth]))]).toEqual([
        path,
        404,
      ])
  })
  it.each([
    ['nothing', ''],
    ['no JSON', '{"model":'],
    ['a list', '[]'],
    ['a text', '"x"'],
    ['null', 'null'],
    ['depth', '['.repeat(10_000)],
    ['a prototype', '{"__proto__":{"model":"hello"}}'],
    ['bytes that are not text', '{"model":"\xff\xfe"}'],
  ])('with %s as its body is refused', async (_what, body) => {
    const answer = await post(body, [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`])
    expect(statusOf(answer)).toBe(400)
    expect(answer).toContain('invalid_request_error')
  })
  it('that is too large is refused, whether or not it says its size', async () => {
    const declared = await post('', [`Content-Length: ${MAX_BODY + 1}`])
    expect(statusOf(declared)).toBe(413)
    const status = await new Promise<number | undefined>((resolve) => {
      const sent = request(`${url}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      })
      sent.on('response', (response) => resolve(response.statusCode))
      sent.on('error', () => undefined)
      const chunk = Buffer.alloc(1 << 20, 0x20)
      for (let sum = 0; sum <= MAX_BODY; sum += chunk.length) sent.write(chunk)
    })
    expect(status).toBe(413)
    expect(statusOf(await post('', ['Content-Encoding: gzip', 'Content-Length: 0']))).toBe(415)
  })
  it('with too long headers is refused', async () => {
    expect([400, 431]).toContain(
      statusOf(await send('GET /v1/models', [`Host: ${host()}`, auth, `X: ${'x'.repeat(20_000)}`])),
    )
  })
  it('of a client with a hostile name keeps a harmless one', async () => {
    const { headers, text } = json(chat())
    const answer = await post(text, [...headers.slice(1), 'User-Agent: <b>"evil"\t\xff/1.0 (x)'])
    expect(statusOf(answer)).toBe(200)
    const [last] = await api.states()
    expect(last!.client).toBe('bevil/1.0')
  })
})

describe('many clients', () => {
  const start = (body: object, signal: AbortSignal) =>
    fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    })
  it('beyond the limit are turned away, and told when to come back', async () => {
    const leave = new AbortController()
    const endless = chat({ model: 'endless', n: 64, max_tokens: 4000 })
    const going = Array.from({ length: 4 }, () =>
      start(endless, leave.signal).catch(() => undefined),
    )
    await until(async () => {
      const turned = await start(chat({ n: 64 }), leave.signal)
      if (turned.status !== 429) return false
      expect(turned.headers.get('retry-after')).toBe('5')
      expect(await turned.json()).toMatchObject({ error: { type: 'rate_limit_error' } })
      return true
    }, 'the limit')
    leave.abort()
    await Promise.all(going)
    await until(
      async () => (await start(chat(), AbortSignal.timeout(60_000))).status === 200,
      'room for another request',
    )
  })
  it('that do not read are dropped', async () => {
    let dropped: number | undefined
    const server = createServer((_request, response) => {
      const output = new Output(response)
      const timer = setInterval(() => output.event('x'.repeat(100_000)), 1)
      response.on('close', () => {
        clearInterval(timer)
        dropped = response.writableLength
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    socket.pause()
    await until(() => dropped !== undefined, 'the end of the connection')
    expect(dropped).toBeLessThan(2 << 20)
    socket.destroy()
    server.close()
  })
})
