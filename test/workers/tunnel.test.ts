import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex, PassThrough } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { addressText, hostPort, WorkerAddresses } from '../../engine/protocol/workers.ts'
import { Attempts } from '../../engine/workers/attempts.ts'
import { keyOf, newCode, ownCode, readCode } from '../../engine/workers/code.ts'
import { connect } from '../../engine/workers/connect.ts'
import { KnownWorkers } from '../../engine/workers/known.ts'
import { bridge, ownVersions, type Versions } from '../../engine/workers/wire.ts'
import { Worker, type WorkerOptions } from '../../engine/workers/worker.ts'
import { until } from '../support/test-client.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-tunnel-'))
const closing: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closing) await close()
  rmSync(folder, { recursive: true })
})

const code = newCode(folder)
const other = newCode(mkdtempSync(join(folder, 'other-')))
const versions = ownVersions()
const device = { name: 'CPU', description: 'of a test', memoryFree: 1e9, memoryTotal: 2e9 }

async function worker(options: Partial<WorkerOptions> = {}): Promise<string> {
  const made = await Worker.start({
    listen: { host: '127.0.0.1', port: 0 },
    code,
    devices: () => Promise.resolve([device]),
    server: { devices: [], threads: 1 },
    ...options,
  })
  closing.push(() => made.close())
  return addressText(made.address)
}

const look = (address: string, with_ = code, as: Versions = versions) =>
  connect(address, keyOf(with_), 'look', as).then(({ socket, welcome }) => {
    socket.destroy()
    return welcome.devices
  })

async function server(serve: Parameters<typeof createServer>[1]): Promise<string> {
  const made: Server = createServer(serve)
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  closing.push(() => made.close())
  return `127.0.0.1:${(made.address() as AddressInfo).port}`
}

describe('a pairing code', () => {
  it('is kept by its machine, for its user only, until it is replaced', () => {
    const place = mkdtempSync(join(folder, 'own-'))
    const first = ownCode(place)
    expect(first.made).toBe(true)
    expect(ownCode(place)).toEqual({ ...first, made: false })
    if (process.platform !== 'win32') expect(statSync(first.file).mode & 0o777).toBe(0o600)
    expect(newCode(place)).not.toBe(first.code)
    expect(ownCode(place).code).not.toBe(first.code)
  })

  it('is read as people write it, and wrong ones are refused', () => {
    expect(readCode(` ${code.toLowerCase().replaceAll('-', ' ')}\n`)).toBe(code)
    expect(readCode('oooo0-iiiil-00000-00000-00000')).toBe('00000-11111-00000-00000-00000')
    for (const wrong of ['', code.slice(1), `${code}0`, code.replace(/.$/, 'U')])
      expect(() => readCode(wrong)).toThrow('five groups of five')
    expect(keyOf(code)).toEqual(keyOf(code.toLowerCase()))
    expect(keyOf(code)).not.toEqual(keyOf(other))
  })

  it('is remembered by the address of its worker', () => {
    const known = new KnownWorkers(mkdtempSync(join(folder, 'known-')))
    known.set('a:1', code)
    known.set('b:2', other)
    expect([known.list(), known.code('a:1'), known.code('c:3')]).toEqual([
      ['a:1', 'b:2'],
      code,
      undefined,
    ])
    known.set('a:1', null)
    expect(known.list()).toEqual(['b:2'])
  })
})

describe('an address', () => {
  it('is a host and a port, in one spelling', () => {
    expect(WorkerAddresses.parse(['Host', '10.0.0.2:81', '[::1]:9', '[fe80::1]'])).toEqual([
      'host:7717',
      '10.0.0.2:81',
      '[::1]:9',
      '[fe80::1]:7717',
    ])
    expect(hostPort('[::1]:9')).toEqual({ host: '::1', port: 9 })
    for (const wrong of ['', 'a b', 'http://a', 'a:99999', 'a:0', '::1', 'a/b', 'a:1:2'])
      expect(WorkerAddresses.safeParse([wrong]).success, wrong).toBe(false)
    expect(WorkerAddresses.safeParse(['a', 'A:7717']).success).toBe(false)
  })
})

describe('a worker', () => {
  it('tells its devices to whoever knows its code, and refuses everybody else', async () => {
    const events: string[] = []
    const address = await worker({ onEvent: (line) => events.push(line) })
    expect(await look(address)).toEqual([device])
    await expect(look(address, other)).rejects.toMatchObject({
      code: 'bad-request',
      detail: { detail: 'bad-request/worker-code', params: { worker: address } },
    })
    await until(() => events.length > 0)
    expect(events).toEqual([expect.stringContaining('wrong pairing code')])
  })

  it('lets nobody try for a while after wrong codes, not even with the right one', async () => {
    let now = 0
    const address = await worker({ attempts: new Attempts(2, 1000, 10, () => now) })
    await expect(look(address, other)).rejects.toThrow('refuses the pairing code')
    await expect(look(address, other)).rejects.toThrow('refuses the pairing code')
    await expect(look(address)).rejects.toMatchObject({
      detail: { detail: 'io/worker-unreachable' },
    })
    now = 1001
    expect(await look(address)).toEqual([device])
    await expect(look(address, other)).rejects.toThrow('refuses the pairing code')
    expect(await look(address)).toEqual([device])
  })

  it('of another version says so, with both versions', async () => {
    const theirs = { ...versions, braid: '9.9.9', llama: 'v9.0.0 (abc)' }
    const address = await worker({ versions: theirs })
    for (const as of [versions, { ...theirs, rpc: '1.0.0' }, { ...theirs, tunnel: 2 }]) {
      const error: unknown = await look(address, code, as).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({
        code: 'bad-combination',
        detail: { detail: 'bad-combination/worker-version' },
      })
      expect((error as Error).message).toContain('Braid 9.9.9 with llama.cpp v9.0.0 (abc)')
      expect((error as Error).message).toContain(`this is Braid ${as.braid}`)
    }
    expect(await look(address, code, { ...theirs, braid: '9.9.8' })).toEqual([device])
  })

  it('computes with the stock RPC server, one per connection, which ends with it', async () => {
    const events: string[] = []
    const address = await worker({ onEvent: (line) => events.push(line) })
    const { socket } = await connect(address, keyOf(code), 'compute', versions)
    const [local, end] = pair()
    const over = bridge(local, socket)
    const answer = new Promise<Buffer>((resolve) => end.once('data', resolve))
    // HELLO (14) of ggml's RPC: a byte, eight bytes of size, 24 bytes of capabilities
    end.write(Buffer.from([14, 24, ...Array(7 + 24).fill(0)]))
    const hello = await answer
    expect([...hello.subarray(8, 11)].join('.')).toBe(versions.rpc)
    end.destroy()
    local.destroy()
    expect(await over).toBeNull()
    await until(() => events.some((line) => line.includes('is done')))
  })
})

describe('what is not a worker', () => {
  it('is told apart: nothing there, something else there, silence', async () => {
    const none = await server(() => undefined)
    await closing.pop()!()
    await expect(look(none)).rejects.toMatchObject({ detail: { detail: 'io/worker-unreachable' } })
    const web = await server((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    await expect(look(web)).rejects.toMatchObject({ detail: { detail: 'io/worker-wrong' } })
    const leaves = await server((socket) => socket.destroy())
    await expect(look(leaves)).rejects.toMatchObject({
      detail: { detail: 'io/worker-unreachable' },
    })
  })
})

/** Returns two ends of a connection; `TLSSocket` is only their type. */
function pair(): [TLSSocket, TLSSocket] {
  const [one, two] = [new PassThrough(), new PassThrough()]
  const end = (readable: PassThrough, writable: PassThrough) => {
    const duplex = Duplex.from({ readable, writable })
    duplex.on('error', () => undefined)
    return duplex as TLSSocket
  }
  return [end(one, two), end(two, one)]
}

describe('a bridge', () => {
  it('passes bytes on unchanged, however they are cut', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(sizes, async (parts) => {
        const [[a, left], [right, b]] = [pair(), pair()]
        const [t, u] = pair()
        void bridge(left, t)
        void bridge(right, u)
        const sent = parts.map((size, i) => Buffer.alloc(size, i + 1))
        const got: Buffer[] = []
        b.on('data', (chunk: Buffer) => got.push(chunk))
        for (const part of sent) a.write(part)
        const all = Buffer.concat(sent)
        await until(() => got.reduce((sum, { length }) => sum + length, 0) >= all.length)
        expect(Buffer.concat(got).equals(all)).toBe(true)
        for (const one of [a, b, left, right, t, u]) one.destroy()
      }),
      { numRuns: 10 },
    )
  })

  it('ends if the other end shows no sign of life, and says so', async () => {
    const [[, left], [t, silent]] = [pair(), pair()]
    silent.resume()
    expect(await bridge(left, t, { everyMs: 10, limitMs: 50 })).toContain('no sign of life')
    expect(left.destroyed).toBe(false)
    left.destroy()
  })

  it('is over with its local connection, also if the far end hears of that before it is closed', async () => {
    const [t, far] = pair()
    const local = new Duplex({
      read() {},
      write: (_chunk, _encoding, done) => done(),
      autoDestroy: false,
    })
    local.once('end', () => far.destroy())
    const over = bridge(local, t)
    local.push(null)
    expect(await over).toBe(null)
    expect(local.closed).toBe(false)
    local.destroy()
  })

  it('stays as long as there are signs of life, and ends with a frame that is too long', async () => {
    const [[, left], [t, far], [u, near]] = [pair(), pair(), pair()]
    const ends: (string | null)[] = []
    void bridge(left, t, { everyMs: 5, limitMs: 400 }).then((why) => ends.push(why))
    void bridge(near, far, { everyMs: 5, limitMs: 400 }).then((why) => ends.push(why))
    let frames = 0
    far.on('data', () => frames++)
    await until(() => frames > 100)
    expect(ends).toEqual([])
    far.write(Buffer.from([0, 0, 0, 0xff]))
    await until(() => ends.length === 2)
    expect(ends).toContain('a frame is too long')
    for (const one of [left, near, u]) one.destroy()
  })
})
