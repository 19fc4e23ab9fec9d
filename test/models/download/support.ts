import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect } from 'vitest'
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
})

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
