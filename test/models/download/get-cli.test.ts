import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readModelInfo } from '../../../engine/models/info.ts'
import { writeHfFolder } from '../convert/hf-folder.ts'
import { sha256 } from './fault-server.ts'

const root = mkdtempSync(join(tmpdir(), 'braid-get-'))
let server: Server
let hub: string

beforeAll(async () => {
  const { folder } = writeHfFolder(
    { architecture: 'qwen2', thoughts: 9, pairs: 8, released: true, dtype: 'BF16', shards: 2 },
    mkdtempSync(join(root, 'hf-')),
  )
  const names = readdirSync(folder)
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://x')
    if (pathname === '/api/models/Leslie04/ParaThinker-1.5B')
      return response.end(JSON.stringify({ sha: 'main1' }))
    if (pathname.endsWith('/tree/main1'))
      return response.end(
        JSON.stringify(
          names.map((path) => {
            const bytes = readFileSync(join(folder, path))
            return {
              type: 'file',
              path,
              size: bytes.length,
              ...(path.endsWith('.safetensors') && {
                lfs: { oid: sha256(bytes), size: bytes.length },
              }),
            }
          }),
        ),
      )
    const name = /\/resolve\/main1\/([\w.-]+)$/.exec(pathname)?.[1]
    if (name === undefined || !names.includes(name)) return response.writeHead(404).end()
    return response.end(readFileSync(join(folder, name)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  hub = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  rmSync(root, { recursive: true })
})

function braid(
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, '../../../engine/cli/main.ts'), 'get', ...args],
    { env: { ...process.env, BRAID_DATA: join(root, 'data'), HF_TOKEN: '' } },
  )
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
}

describe('braid get', () => {
  it('takes the released model by its name in the catalogue: downloads, then converts', async () => {
    const { code, stdout, stderr } = await braid('parathinker-1.5b', '--hub', hub, '--type', 'f16')
    expect([code, stderr.includes('The original stays')]).toEqual([0, true])
    const file = stdout.trim()
    expect(file).toBe(
      join(root, 'data', 'models', 'Leslie04--ParaThinker-1.5B', 'ParaThinker-1.5B-f16.gguf'),
    )
    expect(await readModelInfo(file)).toMatchObject({
      name: 'ParaThinker 1.5B',
      architecture: 'qwen2',
      nativePaths: 8,
      thoughtRows: 9,
      quantisation: 'F16',
    })
    expect(await braid('parathinker-1.5b', '--hub', hub, '--type', 'f16')).toMatchObject({
      code: 0,
      stdout,
    })
  })

  it('lists what a repository offers, and says what is wrong', async () => {
    expect((await braid('Leslie04/ParaThinker-1.5B', '--hub', hub, '--list')).stdout).toMatch(
      /ParaThinker-1\.5B:safetensors/,
    )
    expect(await braid('org/none', '--hub', hub)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/has no \/api\/models\/org\/none/) as string,
    })
    expect((await braid(`${hub}/x.txt`, '--hub', 'https://hub.invalid')).code).toBe(2)
    expect((await braid()).stdout).toMatch(/^name +parallel/)
  })
})
