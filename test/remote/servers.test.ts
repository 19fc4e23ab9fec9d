import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { localEngine } from '../../engine/host/local.ts'
import { onServer } from '../../engine/protocol/address.ts'
import { braid } from '../support/cli.ts'
import { MODEL } from '../support/scripted-server.ts'
import { channelPair, TestClient } from '../support/test-client.ts'
import { scripted } from './support.ts'

const KEY = 'secret-key-of-the-test'

/** Returns the texts of all files below a folder. */
const textsIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, 'utf8'))

describe('what a window asks about servers', () => {
  let folder: string
  let host: Host
  let client: TestClient
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'braid-servers-'))
    host = new Host({ folder, engine: localEngine(folder) })
    const [ours, theirs] = channelPair()
    host.serve(theirs)
    client = new TestClient(ours)
  })
  afterAll(async () => {
    await host.close()
    rmSync(folder, { recursive: true })
  })

  it('a model is listed, added, described, used and removed, and the key is in no file', async () => {
    const { url } = await scripted({ dialect: 'vllm', key: KEY })
    const { server } = await client.call('servers.key', { server: `${url}/v1/`, key: KEY })
    expect(server).toBe(url)
    expect(await client.call('servers.models', { server })).toEqual({ models: [MODEL] })
    const entry = await client.call('servers.add', { server, name: MODEL })
    expect(entry).toMatchObject({ name: MODEL, origin: 'server', present: true })
    expect(onServer(entry.file)).toEqual({ server, name: MODEL })
    expect(await client.call('models.list', {})).toContainEqual(entry)
    const info = await client.call('models.info', { file: entry.file })
    expect(info).toMatchObject({ cannotJoin: 'server', capabilities: { dialect: 'vllm' } })
    expect(info.defaults.alternatives).toBe(5)
    const fit = await client.call('models.fit', { file: entry.file, settings: {} })
    expect(fit).toMatchObject({ verdict: 'fits', total: 0 })
    const request = {
      problem: 'How much is 6 times 7?',
      model: entry.file,
      settings: { strategy: 'majority' as const, paths: 2 },
    }
    const { run } = await client.call('run.start', { request })
    await expect
      .poll(async () => (await client.call('runs.list', {})).find((one) => one.run === run)?.answer)
      .toBe('42')
    const { content } = await client.call('runs.export', { runs: [run], format: 'md' })
    expect(content).toContain(`${url}, ${MODEL}`)
    await client.call('models.remove', { file: entry.file })
    expect((await client.call('models.list', {})).map(({ file }) => file)).not.toContain(entry.file)
    expect(textsIn(folder).join('\n')).not.toContain(KEY)
  })

  it('a wrong address and a wrong key are refused in plain words', async () => {
    const { url } = await scripted({ dialect: 'chat', key: 'another' })
    await expect(client.call('servers.models', { server: 'example.org' })).rejects.toMatchObject({
      code: 'bad-request',
    })
    await client.call('servers.key', { server: url, key: KEY })
    await expect(client.call('servers.models', { server: url })).rejects.toThrow(/refuses the key/)
  })
})

describe('the command line', () => {
  it('solves with a model on a server, with a key from the environment, and exports the run', async () => {
    const { url } = await scripted({ dialect: 'vllm', key: KEY })
    const folder = mkdtempSync(join(tmpdir(), 'braid-endpoint-'))
    try {
      const env = { BRAID_DATA: folder, MY_KEY: KEY }
      const at = ['--endpoint', url, '--api-key-env', 'MY_KEY']
      const out = join(folder, 'run.json')
      const args = ['--strategy', 'majority', '--paths', '2', '--out', out]
      const solved = await braid(['solve', 'How much?', ...at, ...args], { env })
      expect(solved).toMatchObject({ code: 0 })
      expect(solved.stdout).toContain('Answer: 42')
      expect(readFileSync(out, 'utf8')).toContain(`"server": "${url}"`)
      const shown = await braid(['model', ...at, '--json'], { env })
      expect(JSON.parse(shown.stdout)).toMatchObject({
        server: url,
        name: MODEL,
        capabilities: { dialect: 'vllm', tokens: true },
        strategies: [
          'parallel',
          'sequential',
          'majority',
          'parallel-majority',
          'refine',
          'tournament',
        ],
      })
      const all = [solved.stdout, solved.stderr, shown.stdout, shown.stderr, ...textsIn(folder)]
      expect(all.join('\n')).not.toContain(KEY)
      const refused = await braid(['solve', 'x', ...at, '--threads', '2'], { env })
      expect(refused.code).not.toBe(0)
      expect(refused.stderr).toContain('--threads')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
