import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { bytesOf, sha256 } from './fault-server.ts'
import { listen, SIZE, target, tunnels } from './support.ts'

const PEM = join(import.meta.dirname, 'localhost.pem')
const CONTENT = bytesOf(SIZE)

async function serve(): Promise<{ port: number; names: (string | false | null)[] }> {
  const names: (string | false | null)[] = []
  const pem = readFileSync(PEM)
  const server = createServer({ key: pem, cert: pem }, (_request, response) =>
    response.end(CONTENT),
  )
  server.on('secureConnection', (socket) => names.push(socket.servername))
  return { port: await listen(server), names }
}

/** Runs download-child, whose trust in the certificate must be there when it starts. */
async function run(url: string, file: string, env: Record<string, string>): Promise<string> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'download-child.ts'), url, file, sha256(CONTENT)],
    {
      env: { ...process.env, no_proxy: '', NO_PROXY: '', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  await new Promise((resolve) => child.once('close', resolve))
  return out
}

it('downloads over https from a host whose certificate is trusted', async () => {
  const { port, names } = await serve()
  const file = target()
  expect(await run(`https://localhost:${port}/m`, file, { NODE_EXTRA_CA_CERTS: PEM })).toMatch(
    /done/,
  )
  expect(readFileSync(file).equals(CONTENT)).toBe(true)
  expect(names[0]).toBe('localhost')
})

it('refuses a certificate that is not trusted, or is for another name', async () => {
  const { port } = await serve()
  expect(await run(`https://localhost:${port}/m`, target(), { BRAID_TRIES: '1' })).toMatch(
    /^io: .*certificate/,
  )
  expect(
    await run(`https://127.0.0.2:${port}/m`, target(), {
      NODE_EXTRA_CA_CERTS: PEM,
      BRAID_TRIES: '1',
    }),
  ).toMatch(/^io: /)
})

it('is encrypted up to the host through a proxy that wants a password', async () => {
  const { port, names } = await serve()
  const asked: (string | undefined)[] = []
  const at = await tunnels(({ url, headers }) =>
    asked.push(`${url} ${headers['proxy-authorization']}`),
  )
  const file = target()
  const env = { NODE_EXTRA_CA_CERTS: PEM, https_proxy: `http://me:p%40ss@127.0.0.1:${at}` }
  expect(await run(`https://localhost:${port}/m`, file, env)).toMatch(/done/)
  expect(readFileSync(file).equals(CONTENT)).toBe(true)
  const basic = Buffer.from('me:p@ss').toString('base64')
  expect([...new Set(asked)]).toEqual([`localhost:${port} Basic ${basic}`])
  expect(names[0]).toBe('localhost')
  const other = { ...env, NODE_EXTRA_CA_CERTS: '', BRAID_TRIES: '1' }
  expect(await run(`https://localhost:${port}/m`, target(), other)).toMatch(/^io: .*certificate/)
})
