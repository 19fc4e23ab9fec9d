import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { discardFiles } from '../../../engine/models/download/index.ts'
import { bytesOf, type Faults } from './fault-server.ts'
import { killDownloads } from './kill.ts'
import { check, codeOf, folder, get, serve, SIZE, target } from './support.ts'

describe('a download', () => {
  it('comes in parallel parts and is checked', async () => {
    const server = await serve()
    const file = target()
    const seen: number[] = []
    expect(
      await get(server, {
        target: file,
        sha256: server.sha256,
        onProgress: ({ done }) => seen.push(done),
      }),
    ).toEqual({ file, sizeBytes: SIZE, sha256: server.sha256, verified: true })
    check(file, server, true)
    expect(server.requests.filter(({ headers }) => headers['if-range'] === '"v1"')).toHaveLength(4)
    expect(seen.at(-1)).toBe(SIZE)
  })

  it.each<[string, Faults]>([
    ['that knows no ranges', { noRange: true }],
    ['that knows no ranges and no length', { noRange: true, noLength: true }],
    ['that says no ETag', { etag: null }],
    ['with a weak ETag', { etag: 'W/"v1"' }],
  ])('from a server %s', async (_name, faults) => {
    const server = await serve(faults)
    const file = target()
    await get(server, { target: file, sha256: server.sha256 })
    check(file, server, true)
  })

  it('of an empty file', async () => {
    const server = await serve({}, 0)
    const file = target()
    expect((await get(server, { target: file })).sizeBytes).toBe(0)
    check(file, server, true)
  })

  it('never replaces a file', async () => {
    const file = target()
    writeFileSync(file, 'precious')
    expect(await codeOf(get(await serve(), { target: file }))).toMatch(/^bad-path/)
    expect(readFileSync(file, 'utf8')).toBe('precious')
  })
})

describe('two at once', () => {
  it('one process fetches a file; the other is told, touches nothing, and finds it there afterwards', async () => {
    const server = await serve({ rate: 100_000 })
    const file = target()
    const script = join(import.meta.dirname, 'download-child.ts')
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', script, server.url, file, server.sha256],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const ended = new Promise((resolve) => child.once('close', resolve))
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
    expect(await codeOf(get(server, { target: file }))).toMatch(
      /^bad-request: Another Braid process/,
    )
    expect(await discardFiles(folder, [{ url: server.url, name: basename(file) }])).toBe(false)
    await ended
    expect(said).toMatch(/done/)
    check(file, server, true)
    expect(await codeOf(get(server, { target: file }))).toMatch(/^bad-path/)
  }, 30_000)

  it('the lock of a process that is gone holds nobody up', async () => {
    const server = await serve()
    const file = target()
    writeFileSync(`${file}.part.lock`, '999999999')
    await get(server, { target: file, sha256: server.sha256 })
    check(file, server, true)
  })
})

describe('faults', () => {
  it('a corrupt part: fetched again once; corrupt again: refused and absent', async () => {
    const server = await serve({
      alter: (bytes, n) => {
        if (n === 1) bytes[100]! ^= 1
        return bytes
      },
    })
    const file = target()
    await get(server, { target: file, sha256: server.sha256 })
    check(file, server, true)
    server.faults = {
      alter: (bytes) => {
        bytes[100]! ^= 1
        return bytes
      },
    }
    const other = target()
    expect(await codeOf(get(server, { target: other, sha256: server.sha256 }))).toMatch(
      /^bad-model: .*SHA-256/,
    )
    check(other, server, false)
    expect(existsSync(`${other}.part`)).toBe(false)
  })

  it('a store that says its checksum in the first answer, as the hub does', async () => {
    const server = await serve({
      headers: {
        'x-linked-etag': '"0000000000000000000000000000000000000000000000000000000000000000"',
      },
    })
    expect(await codeOf(get(server))).toMatch(/^bad-model/)
  })

  it('too long: a part that goes on after its end', async () => {
    const server = await serve({
      noLength: true,
      alter: (bytes, n) => (n < 2 ? Buffer.concat([bytes, Buffer.from('more')]) : bytes),
    })
    const file = target()
    await get(server, { target: file, sha256: server.sha256 })
    check(file, server, true)
    server.faults = { noLength: true, alter: (bytes) => Buffer.concat([bytes, Buffer.alloc(10)]) }
    const other = target()
    expect(await codeOf(get(server, { target: other, tries: 3 }))).toMatch(
      /^io: .*more than was requested/,
    )
    check(other, server, false)
  })

  it('too short: the connection is closed early, and the rest is asked for', async () => {
    const server = await serve({
      noLength: true,
      alter: (bytes, n) => (n < 5 ? bytes.subarray(0, bytes.length >> 1) : bytes),
    })
    const file = target()
    await get(server, { target: file, sha256: server.sha256 })
    check(file, server, true)
    expect(
      server.requests.some(
        ({ headers }) => Number(/=(\d+)/.exec(headers.range ?? '')?.[1]) % 75_000 === 37_500,
      ),
    ).toBe(true)
  })

  it('a stall: the part is asked for again', async () => {
    let stalled = 0
    const server = await serve({
      before: (request, response, n) => {
        if (n === 0 || stalled >= 2) return false
        stalled++
        response.writeHead(206, {
          etag: '"v1"',
          'content-range': `bytes ${/\d+/.exec(request.headers.range!)![0]}-${/\d+$/.exec(request.headers.range!)![0]}/${SIZE}`,
        })
        response.flushHeaders()
        return true
      },
    })
    const file = target()
    await get(server, { target: file, sha256: server.sha256 })
    check(file, server, true)
    expect(stalled).toBe(2)
  })

  it('a stall without end: an error after the tries, and what is there is kept', async () => {
    const server = await serve({
      before: (_request, response, n) => {
        if (n === 0) return false
        response.writeHead(206, { etag: '"v1"' }).flushHeaders()
        return true
      },
    })
    const file = target()
    expect(await codeOf(get(server, { target: file, tries: 2 }))).toMatch(/^(io|bad)/)
    check(file, server, false)
  })

  it('429 and 503: waits as long as it is told', async () => {
    const server = await serve({
      before: (_request, response, n) => {
        if (n === 0 || n > 2) return false
        response.writeHead(n === 1 ? 429 : 503, { 'retry-after': '1' }).end()
        return true
      },
    })
    const file = target()
    const start = Date.now()
    await get(server, { target: file, sha256: server.sha256, leastPart: SIZE })
    expect(Date.now() - start).toBeGreaterThan(1900)
    check(file, server, true)
  })

  it.each([
    [401, 'io'],
    [403, 'io'],
    [404, 'model-not-found'],
    [410, 'io'],
  ])('%i is final', async (status, code) => {
    const server = await serve({
      before: (_request, response) => {
        response.writeHead(status).end('x')
        return true
      },
    })
    expect(await codeOf(get(server))).toMatch(new RegExp(`^${code}: `))
    expect(server.requests).toHaveLength(1)
  })

  it('a file that changes while it is fetched: the download begins again and gives the new file', async () => {
    const server = await serve()
    const old = server.content
    const next = bytesOf(SIZE, 2)
    server.faults = {
      before: (_request, _response, n) => {
        if (n === 3) {
          server.content = next
          server.faults.etag = '"v2"'
        }
      },
    }
    const file = target()
    await get(server, { target: file })
    expect(readFileSync(file).equals(next)).toBe(true)
    expect(next.equals(old)).toBe(false)
  })

  it('a disk that fills up: a typed error, and nothing that looks complete', async () => {
    const mounts =
      spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'tmpfs', folder]).status === 0
    const server = await serve({ noRange: true, noLength: true }, 3_000_000)
    if (!mounts) {
      // A small disk cannot be made here; so at least one that is too small beforehand.
      expect(await codeOf(get(server, { target: '/proc/none/x.gguf' }))).not.toBe('none')
      return
    }
    const disk = join(folder, 'small')
    mkdirSync(disk)
    const script = join(import.meta.dirname, 'download-child.ts')
    const inside = `mount -t tmpfs -o size=1m tmpfs '${disk}' && '${process.execPath}' --import tsx '${script}' '${server.url}' '${join(disk, 'x.gguf')}'; ls '${disk}'`
    const { stdout } = await run('unshare', ['-rm', 'sh', '-c', inside])
    expect(stdout.split('\n')[0]).toMatch(/^disk-full: /)
    expect(stdout.split('\n')).not.toContain('x.gguf')
  })
})

describe('pause, kill and resume', () => {
  it('a cancelled download goes on where it was', async () => {
    const server = await serve({ rate: 200_000 })
    const file = target()
    const cancel = new AbortController()
    expect(
      await codeOf(
        get(server, {
          target: file,
          signal: cancel.signal,
          onProgress: ({ done }) => {
            if (done > SIZE / 2) cancel.abort()
          },
        }),
      ),
    ).toMatch(/^cancelled/)
    check(file, server, false)
    const before = server.requests.length
    server.faults = {}
    await get(server, { target: file, sha256: server.sha256 })
    check(file, server, true)
    const asked = server.requests.slice(before + 1).reduce((sum, { headers }) => {
      const [, from, to] = /(\d+)-(\d+)/.exec(headers.range!)!
      return sum + Number(to) - Number(from) + 1
    }, 0)
    expect(asked).toBeLessThan(SIZE * 0.6)
  })

  it('what was there of another version is not mixed in', async () => {
    const server = await serve({ rate: 200_000 })
    const file = target()
    const cancel = new AbortController()
    await codeOf(
      get(server, {
        target: file,
        signal: cancel.signal,
        onProgress: ({ done }) => {
          if (done > SIZE / 2) cancel.abort()
        },
      }),
    )
    server.content = bytesOf(SIZE, 9)
    server.faults = { etag: '"v2"' }
    await get(server, { target: file })
    check(file, server, true)
  })

  it('a journal that was damaged is not believed', async () => {
    const server = await serve({ rate: 200_000 })
    for (const damage of [
      (text: string) => text.slice(0, 20),
      (text: string) => text.replace(/"done":\d+/, '"done":999999999'),
      (text: string) => text.replace(/"start":0/, '"start":7'),
      () => '',
    ]) {
      const file = target()
      const cancel = new AbortController()
      await codeOf(
        get(server, {
          target: file,
          signal: cancel.signal,
          onProgress: ({ done }) => {
            if (done > SIZE / 3) cancel.abort()
          },
        }),
      )
      writeFileSync(`${file}.part.json`, damage(readFileSync(`${file}.part.json`, 'utf8')))
      server.faults = {}
      await get(server, { target: file })
      check(file, server, true)
      server.faults = { rate: 200_000 }
    }
  })

  it('SIGKILL at seeded moments: right or absent, and it ends right', async () => {
    // 100 of them: npx tsx scripts/kill-downloads.ts
    expect(await killDownloads(3, 1)).toMatchObject({ right: 3 })
  }, 120_000)
})

async function run(command: string, args: string[]): Promise<{ stdout: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let stdout = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  return { stdout }
}
