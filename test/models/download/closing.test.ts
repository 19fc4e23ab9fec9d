import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { download, Net } from '../../../engine/models/download/index.ts'
import { downloadBeside } from './beside.ts'
import { closingServer, NAMES } from './closing-server.ts'
import { bytesOf, sha256 } from './fault-server.ts'
import { closing, target } from './support.ts'

// More than sockets and streams hold, so that the reader falls behind.
const CONTENT = bytesOf(6_000_000)

async function serve() {
  const server = await closingServer(CONTENT)
  const net = new Net({ hub: 'https://hub.invalid', timeoutMs: 2000 })
  closing.push(server.close, () => net.close())
  return { server, net }
}

it.each(NAMES)('a server that closes each connection at once: %s', async (manner) => {
  const { server, net } = await serve()
  for (const parts of [1, 4]) {
    const file = target()
    await download(net, {
      url: server.url(manner, parts, 1),
      target: file,
      sha256: sha256(CONTENT),
      parts,
      leastPart: 65_536,
      stallMs: 300,
      retryMs: 5,
    })
    expect(readFileSync(file).equals(CONTENT)).toBe(true)
  }
})

it('a server that always fails is an io error, and the download resumes when it works', async () => {
  const { server, net } = await serve()
  const file = target()
  const get = () =>
    download(net, {
      url: server.url('range, reset', 0, 3),
      target: file,
      sha256: sha256(CONTENT),
      tries: 1,
    })
  for (let i = 0; i < 3; i++)
    await expect(get()).rejects.toMatchObject({
      code: 'io',
      message: expect.stringMatching(/partial file is kept/) as string,
    })
  await get()
  expect(readFileSync(file).equals(CONTENT)).toBe(true)
})

it.each(NAMES)('nobody reads the answer while the server closes: %s', async (manner) => {
  const { server, net } = await serve()
  const answer = await net
    .get(net.allow(server.url(manner, 0, 1)), {}, AbortSignal.timeout(5000))
    .catch((error: { code: string }) => error.code)
  if (typeof answer === 'string') return expect(answer).toBe('io')
  await sleep(20)
  // Bounded: what is not read stays in the socket.
  expect(answer.body.readableLength).toBeLessThan(1_000_000)
  let length = 0
  try {
    for await (const chunk of answer.body) {
      length += (chunk as Buffer).length
      if (length % 7 === 0) await sleep(1)
    }
    expect(length).toBe(manner === 'none, reset' ? length : CONTENT.length)
  } catch (error) {
    expect(manner).toMatch(/cut|reset|headers|wrong size/)
    expect(error).toMatchObject({ code: expect.stringMatching(/ECONNRESET|HPE_/) as string })
  }
})

it('the engine thinks on while it downloads', async () => {
  // 1,000 of them: npm run fuzz:downloads
  const count = NAMES.length
  const { right, tokens } = await downloadBeside(count, 1)
  expect(right).toBe(count)
  expect(tokens).toBeGreaterThan(1000)
}, 180_000)
