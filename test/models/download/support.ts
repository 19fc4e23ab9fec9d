import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, vi } from 'vitest'
import {
  download,
  Net,
  type DownloadOptions,
  type NetOptions,
} from '../../../engine/models/download/index.ts'
import { bytesOf, faultServer, type Faults, type FaultServer } from './fault-server.ts'

export const folder = mkdtempSync(join(tmpdir(), 'braid-download-'))
afterAll(() => rmSync(folder, { recursive: true }))
export const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  vi.unstubAllEnvs()
})
/** Listens on this machine until the test ends, when open connections are cut; returns the port. */
export async function listen(server: Server): Promise<number> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => open.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        for (const socket of open) socket.destroy()
      }),
  )
  return (server.address() as AddressInfo).port
}
/** Starts a proxy that only opens tunnels, and reports each to `asked`; returns its port. */
export function tunnels(asked: (request: IncomingMessage) => void): Promise<number> {
  const proxy = createServer((_request, response) => response.writeHead(500).end())
  proxy.on('connect', (request, socket: Socket) => {
    asked(request)
    const [host, port] = request.url!.split(':')
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.pipe(socket)
      socket.pipe(onward)
    })
    for (const end of [onward, socket])
      end.on('error', () => {
        onward.destroy()
        socket.destroy()
      })
  })
  return listen(proxy)
}

export const SIZE = 300_000
let count = 0
export const target = () => join(folder, `${count++}.gguf`)
export async function serve(faults: Faults = {}, size = SIZE): Promise<FaultServer> {
  const server = await faultServer(bytesOf(size), faults)
  closing.push(server.close)
  return server
}
/** Quick settings: parts of 64 KiB; a stall is 300 ms. */
export async function get(
  server: FaultServer,
  options: Partial<DownloadOptions> = {},
  net: NetOptions = {},
) {
  const client = new Net({ hub: 'https://hub.invalid', timeoutMs: 2000, ...net })
  closing.push(() => client.close())
  return await download(client, {
    url: server.url,
    target: target(),
    leastPart: 65_536,
    stallMs: 300,
    retryMs: 5,
    ...options,
  })
}
export const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  )
/** Checks that the target is correct or absent, and that nothing else looks like a model. */
export function check(file: string, server: FaultServer, there: boolean): void {
  expect(existsSync(file)).toBe(there)
  if (there) {
    expect(readFileSync(file).equals(server.content)).toBe(true)
    expect(
      readdirSync(folder).filter((name) => name.startsWith(`${file.split('/').at(-1)}.`)),
    ).toEqual([])
  }
}
