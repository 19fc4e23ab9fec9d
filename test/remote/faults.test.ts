import { describe, expect, it } from 'vitest'
import { errorText } from '../../engine/protocol/events.ts'
import { connect, listModels, Server, serverUrl } from '../../engine/remote/index.ts'
import { MODEL, type Fault } from '../support/scripted-server.ts'
import { addressOf, QUICK, remoteEngine, scripted, think } from './support.ts'

const TEXT = 'The answer is \\boxed{42}.'
const never = new AbortController().signal
const first = (fault: Fault) => (nth: number) => (nth === 0 ? fault : undefined)
const always = (fault: Fault) => () => fault

describe('faults that pass', () => {
  it.each<[string, Fault]>([
    ['a connection cut in the middle of an event', { kind: 'cut', after: 5, halfChunk: true }],
    ['a connection cut between two events', { kind: 'cut', after: 5 }],
    ['an answer that ends in the middle', { kind: 'raw', after: 5, text: '' }],
    ['429', { kind: 'status', status: 429, headers: { 'retry-after': '0' } }],
    ['503', { kind: 'status', status: 503 }],
    ['silence', { kind: 'silence', after: 4 }],
  ])('%s: the text goes on behind what came', async (_, fault) => {
    const server = await scripted({ dialect: 'vllm', fault: first(fault) })
    const run = await think(remoteEngine({ next: 400 }), server, { strategy: 'sequential' }).end()
    expect(run.failure).toBeNull()
    expect(run.segment('p1').text).toBe(TEXT)
    expect(server.texts).toHaveLength(2)
  })

  it('a chat is asked again as long as nothing came of it', async () => {
    const server = await scripted({
      dialect: 'chat',
      fault: first({ kind: 'status', status: 502 }),
    })
    const run = await think(remoteEngine(), server, { strategy: 'sequential' }).end()
    expect(run.segment('p1').text).toBe(TEXT)
  })

  it('waits as long as Retry-After says', async () => {
    let ready: number | undefined
    const server = await scripted({
      dialect: 'vllm',
      fault: () => {
        ready ??= Date.now() + 1000
        const early = { kind: 'status', status: 429, headers: { 'retry-after': '1' } } as const
        return Date.now() < ready ? early : undefined
      },
    })
    const engine = remoteEngine({ attempts: 2 })
    const run = await think(engine, server, { strategy: 'sequential' }).end()
    expect(run.failure).toBeNull()
    expect(server.texts).toHaveLength(2)
  })

  it('a server that is killed and started again in mid-run', async () => {
    const server = await scripted({
      dialect: 'vllm',
      write: () => `${'Well. '.repeat(1000)}\\boxed{42}`,
    })
    const settings = { strategy: 'majority', paths: 3, budget: 100_000 } as const
    const run = think(remoteEngine({ attempts: 60, longestPause: 100 }), server, settings)
    await run.until(({ type }) => type === 'tokens')
    await server.kill()
    await server.listen()
    await run.end()
    expect(run.failure).toBeNull()
    for (const { text, reason } of run.state.paths)
      expect([text, reason]).toEqual([`${'Well. '.repeat(1000)}\\boxed{42}`, 'finished'])
  })
})

describe('faults that stay', () => {
  it.each<[string, Fault, string]>([
    ['wrong JSON', { kind: 'raw', after: 3, text: 'data: {not json}\n\n' }, 'io/server-events'],
    ['an endless line', { kind: 'endless-line' }, 'io/server-line'],
    ['events without tokens', { kind: 'no-tokens' }, 'io/server-wrong'],
    ['a negative id', { kind: 'lie', after: 2, ids: [-7] }, 'io/server-wrong'],
    ['an id that is text', { kind: 'lie', after: 2, ids: ['x'] }, 'io/server-wrong'],
    ['no id', { kind: 'lie', after: 2, ids: [] }, 'io/server-wrong'],
    ['a huge id', { kind: 'lie', after: 2, ids: [2 ** 40] }, 'io/server-wrong'],
    ['status 500', { kind: 'status', status: 500 }, 'io/server-refused'],
    [
      'a redirect',
      { kind: 'status', status: 307, headers: { location: 'http://127.0.0.1:1/' } },
      'io/server-redirects',
    ],
    [
      'a text that is too long',
      { kind: 'status', status: 400, body: '{"error":{"message":"maximum context length is 9"}}' },
      'context-too-small/server',
    ],
    ['429 for ever', { kind: 'status', status: 429 }, 'io/server-busy'],
    [
      'a wait of an hour',
      { kind: 'status', status: 429, headers: { 'retry-after': '3600' } },
      'io/server-busy',
    ],
    ['silence for ever', { kind: 'silence', after: 0 }, 'io/server-silent'],
  ])('%s fails the path with %s', async (_, fault, detail) => {
    const server = await scripted({ dialect: 'vllm', fault: always(fault) })
    const engine = remoteEngine({ first: 300, next: 300, attempts: 3 })
    const run = await think(engine, server, { strategy: 'sequential' }).end()
    expect(run.state.error).toMatchObject({ detail })
  })

  it('a server that writes more than it was asked for', async () => {
    const server = await scripted({
      dialect: 'vllm',
      fault: always({ kind: 'too-many' }),
      write: () => 'x'.repeat(100_000),
    })
    const run = await think(remoteEngine(), server, { strategy: 'sequential', budget: 10 }).end()
    expect(run.segment('p1')).toMatchObject({ text: 'x'.repeat(10), reason: 'budget' })
  })

  it('a chat that breaks in the middle fails its path, and the others go on', async () => {
    const server = await scripted({
      dialect: 'chat',
      fault: (nth) => (nth === 1 ? { kind: 'cut', after: 5 } : undefined),
    })
    const run = await think(remoteEngine(), server, { strategy: 'majority', paths: 3 }).end()
    expect(run.failure).toBeNull()
    expect(run.state.answer).toBe('42')
    const failed = run.state.paths.filter(({ status }) => status === 'failed')
    expect(failed).toHaveLength(1)
    expect(failed[0]!.error).toMatchObject({ detail: 'io/server-broke' })
  })
})

describe('cancelling', () => {
  it('closes every connection to the server at once', async () => {
    const server = await scripted({ dialect: 'vllm', fault: always({ kind: 'silence', after: 3 }) })
    const run = think(remoteEngine(), server, { strategy: 'majority', paths: 4 })
    await run.until(
      () =>
        run.state.paths.length === 4 && run.state.paths.every(({ tokens }) => tokens.length === 3),
    )
    await run.handle.command({ type: 'cancel' })
    await run.end()
    expect(run.state.endReason).toBe('cancelled')
    await expect
      .poll(() => server.texts.map(({ aborted }) => aborted))
      .toEqual([true, true, true, true])
  })

  it('ends one path, whose request alone is closed', async () => {
    const server = await scripted({
      dialect: 'vllm',
      fault: (nth) => (nth === 0 ? { kind: 'silence', after: 3 } : undefined),
    })
    const run = think(remoteEngine(), server, { strategy: 'majority', paths: 2 })
    await run.until(
      () =>
        run.state.paths.some(({ tokens }) => tokens.length === 3) &&
        run.state.paths.some(({ status }) => status === 'done'),
    )
    const open = run.state.paths.find(({ tokens }) => tokens.length === 3)!
    await run.handle.command({ type: 'stop', segment: open.segment })
    await run.end()
    expect(run.segment(open.segment).reason).toBe('stopped')
    expect(run.state.answer).toBe('42')
  })

  it('also ends the search for what a server can do', async () => {
    const server = await scripted({ dialect: 'vllm' })
    await expect(connect({ url: server.url }, MODEL, AbortSignal.abort())).rejects.toMatchObject({
      code: 'cancelled',
    })
  })
})

describe('keys', () => {
  const KEY = 'secret-key-of-the-test'

  it('are sent, and occur in no event and no error', async () => {
    const server = await scripted({ dialect: 'vllm', key: KEY })
    const run = await think(
      remoteEngine({}, () => KEY),
      server,
      { strategy: 'sequential' },
    ).end()
    expect(run.failure).toBeNull()
    expect(server.texts[0]!.headers.authorization).toBe(`Bearer ${KEY}`)
    expect(JSON.stringify(run.events)).not.toContain(KEY)
  })

  it('that a server refuses end the run, without the words in which the server repeats them', async () => {
    const server = await scripted({ dialect: 'vllm', key: 'another' })
    const run = await think(
      remoteEngine({}, () => KEY),
      server,
      { strategy: 'sequential' },
    ).end()
    expect(run.state.error).toMatchObject({ code: 'bad-request', detail: 'bad-request/server-key' })
    expect(JSON.stringify(run.events)).not.toContain(KEY)
  })

  it('are taken out of what a server says', async () => {
    const server = await scripted({
      dialect: 'vllm',
      key: KEY,
      fault: always({ kind: 'status', status: 418, body: `your key is ${KEY}` }),
    })
    const run = await think(
      remoteEngine({}, () => KEY),
      server,
      { strategy: 'sequential' },
    ).end()
    expect(errorText(run.state.error!)).toContain('your key is ***')
  })
})

describe('addresses', () => {
  it.each([
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    [' https://example.org/api/v1/ ', 'https://example.org/api'],
  ])('%s is understood', (given, url) => expect(serverUrl(given)).toBe(url))

  it.each([
    '',
    'example.org',
    'ftp://x',
    'file:///etc/passwd',
    'http://me:pw@x',
    'http://x?k=1',
    'http://x#y',
  ])('%s is refused', (given) =>
    expect(() => serverUrl(given)).toThrow(expect.objectContaining({ code: 'bad-request' })),
  )

  it('of a model that the server does not have names those that it has', async () => {
    const server = await scripted({ dialect: 'chat' })
    await expect(connect({ url: server.url }, 'other', never)).rejects.toThrow(MODEL)
    expect(addressOf(server)).toBe(`${server.url}#org%2Fscripted%3A7b`)
  })

  it('where nothing listens are told in plain words', async () => {
    const server = await scripted({ dialect: 'chat' })
    await server.kill()
    const quick = new Server({ url: server.url }, { ...QUICK, attempts: 2 })
    await expect(listModels(quick, never)).rejects.toThrow(/cannot be reached \(ECONNREFUSED\)/)
    await server.listen()
  })
})
