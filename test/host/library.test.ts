import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { localEngine } from '../../engine/host/local.ts'
import { sha256 } from '../models/download/fault-server.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'
import { tinyModel } from '../support/tiny-models.ts'

const model = tinyModel({ shape: 'qwen2' }).gguf
let folder: string
let host: Host
let client: TestClient
let hub: Server
let asked: string[]
const env = { ...process.env }
const put = (file: string, content: Buffer | string = model) => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  return file
}
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code: string }) => error.code,
  )

function open(
  engine: ConstructorParameters<typeof Host>[0]['engine'] = new ScriptedEngine(),
): void {
  host = new Host({ folder: join(folder, 'data'), engine })
  const [here, there] = channelPair()
  host.serve(there)
  client = new TestClient(here)
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'braid-library-'))
  mkdirSync(join(folder, 'data'))
  asked = []
  hub = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://x')
    asked.push(
      `${pathname}${request.headers.authorization === undefined ? '' : ` ${request.headers.authorization}`}`,
    )
    if (
      pathname === '/api/models/org/gated' &&
      request.headers.authorization !== 'Bearer hf_secret'
    )
      return response.writeHead(401).end()
    if (/^\/api\/models\/org\/(m|gated)$/.test(pathname))
      return response.end(
        JSON.stringify({
          sha: 'main1',
          gated: pathname.endsWith('gated'),
          cardData: { license: 'mit' },
        }),
      )
    if (pathname.endsWith('/tree/main1'))
      return response.end(
        JSON.stringify(
          ['Q4_0', 'Q8_0'].map((name) => ({
            type: 'file',
            path: `m-${name}.gguf`,
            size: model.length,
            lfs: { oid: sha256(model), size: model.length },
          })),
        ),
      )
    if (/\/resolve\/main1\/m-Q\d_0\.gguf$/.test(pathname)) return response.end(model)
    return response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => hub.listen(0, '127.0.0.1', resolve))
  process.env.HF_ENDPOINT = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`
  delete process.env.HF_TOKEN
  open()
})
afterEach(async () => {
  await host.close()
  hub.closeAllConnections()
  hub.close()
  process.env = { ...env }
  rmSync(folder, { recursive: true })
})

/** Returns the models without the bundled ones. */
const listed = async () =>
  (await client.call('models.list', {})).filter(({ origin }) => origin !== 'bundled')
const task = async (id: string) =>
  (await client.call('tasks.list', {})).find((one) => one.id === id)

describe('models', () => {
  it('a folder is linked, what is none is told; a moved file is pointed to again; forgetting leaves the file', async () => {
    const a = put(join(folder, 'm', 'a.gguf'))
    put(join(folder, 'm', 'bad.gguf'), 'GGUF')
    const { added, refused } = await client.call('models.addFolder', { folder: join(folder, 'm') })
    expect([
      added.map(({ file, origin }) => [file, origin]),
      refused.map(({ code: why }) => why),
    ]).toEqual([[[a, 'link']], ['bad-model']])
    await until(() =>
      client.pushes.some((push) => push.kind === 'changed' && push.what === 'models'),
    )
    renameSync(a, join(folder, 'b.gguf'))
    expect(await listed()).toMatchObject([{ file: a, present: false }])
    expect(
      await client.call('models.relink', { file: a, to: join(folder, 'b.gguf') }),
    ).toMatchObject({ present: true })
    expect(
      await client.call('models.remove', { file: join(folder, 'b.gguf'), deleteFiles: true }),
    ).toEqual({ deleted: [] })
    expect(existsSync(join(folder, 'b.gguf'))).toBe(true)
  })

  it('of other programs are found when that is asked, and linked when that is wanted', async () => {
    process.env.HOME = join(folder, 'home')
    process.env.XDG_DATA_HOME =
      process.env.XDG_CACHE_HOME =
      process.env.XDG_CONFIG_HOME =
        join(folder, 'home', 'none')
    const file = put(join(folder, 'home', '.lmstudio', 'models', 'org', 'm', 'm-Q8_0.gguf'))
    const found = await client.call('models.find', {})
    expect(found).toEqual([
      { file, name: 'org/m/m-Q8_0', sizeBytes: model.length, program: 'lm-studio', known: false },
    ])
    expect(await listed()).toEqual([])
    await client.call('models.addFound', { files: found.map((one) => one.file) })
    expect(await client.call('models.find', {})).toMatchObject([{ known: true }])
  })

  it('a device is chosen a model: its page and its runs say so', async () => {
    const engine = new ScriptedEngine()
    await host.close()
    open(engine)
    const file = put(join(folder, 'a.gguf'))
    await client.call('models.add', { file })
    await client.call('models.setDevice', { file, device: 'Vulkan0' })
    expect((await client.call('models.info', { file })).defaults.engine.device).toBe('Vulkan0')
    await client.call('run.start', { request: { problem: 'p', model: file, settings: {} } })
    expect(engine.last.request?.settings.engine?.device).toBe('Vulkan0')
    await client.call('run.start', {
      request: { problem: 'p', model: file, settings: { engine: { device: 'cpu' } } },
    })
    expect(engine.last.request?.settings.engine?.device).toBe('cpu')
  })

  it('five alternatives per token are recorded unless a run asks for another number', async () => {
    const engine = new ScriptedEngine()
    await host.close()
    open(engine)
    const file = put(join(folder, 'a.gguf'))
    expect((await client.call('models.info', { file })).defaults.alternatives).toBe(5)
    const recorded: unknown[] = []
    for (const settings of [{}, { alternatives: 0 }]) {
      await client.call('run.start', { request: { problem: 'p', model: file, settings } })
      recorded.push(engine.last.request?.settings.alternatives)
    }
    expect(recorded).toEqual([5, 0])
  })
})

describe('downloads', () => {
  it('ask nothing of anyone before the user does; then list what there is, and get it', async () => {
    const catalogue = await client.call('models.catalogue', {})
    // Sizes, and whether they fit, are known before anyone is asked.
    for (const one of catalogue) {
      expect(one.aboutBytes).toBeGreaterThan(1e8)
      expect(one.verdict).toMatch(/fits|slow|wont/)
      expect(one.goodFor.zh).toMatch(/[\u4E00-\u9FFF]/)
    }
    await client.call('models.list', {})
    await client.call('devices.state', {})
    expect(asked).toEqual([])
    const offer = await client.call('models.offer', { ref: 'org/m' })
    expect(offer).toMatchObject({
      repo: 'org/m',
      licence: 'mit',
      gated: false,
      choices: [
        {
          name: 'Q4_0',
          kind: 'gguf',
          files: 1,
          sizeBytes: model.length,
          verdict: expect.stringMatching(/fits|slow/) as string,
        },
        { name: 'Q8_0' },
      ],
    })
    expect(offer.chosen).toBeUndefined()
    expect(await code(client.call('models.get', { ref: 'org/m' }))).toBe('bad-request')
    const { id } = await client.call('models.get', { ref: 'org/m', choice: 'Q8_0' })
    await until(() =>
      client.pushes.some(
        (push) =>
          push.kind === 'tasks' && push.tasks.some((one) => one.id === id && one.state === 'done'),
      ),
    )
    const file = join(folder, 'data', 'models', 'org--m', 'm-Q8_0.gguf')
    expect(await task(id)).toMatchObject({ state: 'done', file })
    expect(await listed()).toMatchObject([{ file, origin: 'download' }])
    expect(readFileSync(file).equals(model)).toBe(true)
    await client.call('tasks.command', { task: id, command: 'clear' })
    // Removed from the list, its files kept: the next Get lists it again at once, whatever happens to the task.
    await client.call('models.remove', { file })
    const again = await client.call('models.get', { ref: 'org/m', choice: 'Q8_0' })
    expect(await listed()).toMatchObject([{ file, origin: 'download' }])
    await client.call('tasks.command', { task: again.id, command: 'cancel' })
    expect(existsSync(file)).toBe(true)
    expect(await client.call('models.remove', { file, deleteFiles: true })).toEqual({
      deleted: [file],
    })
    expect(existsSync(file)).toBe(false)
  })

  it('a gated repository wants a token, which is kept in memory only and goes to the hub alone', async () => {
    expect(await code(client.call('models.offer', { ref: 'org/gated' }))).toBe('io')
    await client.call('hub.token', { token: 'hf_secret' })
    expect(await client.call('models.offer', { ref: 'org/gated' })).toMatchObject({ gated: true })
    await host.close()
    for (const file of readdirSync(join(folder, 'data'), {
      recursive: true,
      encoding: 'utf8',
    }).filter((name) => name.endsWith('.json')))
      expect(readFileSync(join(folder, 'data', file), 'utf8')).not.toContain('hf_secret')
    open()
    expect(await code(client.call('models.offer', { ref: 'org/gated' }))).toBe('io')
  })

  it('what cannot be got is said at once', async () => {
    expect(await code(client.call('models.offer', { ref: 'org/none' }))).toBe('model-not-found')
    expect(
      await code(client.call('models.offer', { ref: `http://${'a.example'}/readme.txt` })),
    ).toBe('bad-request')
    expect(await code(client.call('models.offer', { ref: 'file:///etc/passwd' }))).toBe(
      'bad-request',
    )
    expect(await code(client.call('tasks.command', { task: 'none', command: 'pause' }))).toBe(
      'bad-request',
    )
  })
})

it('memory: several models at once, those that are not wanted are unloaded, and windows are told', async () => {
  await host.close()
  open(localEngine(join(folder, 'data')))
  const files = [put(join(folder, 'a.gguf')), put(join(folder, 'b.gguf'))]
  const settings = { paths: 2, budget: 8, summaryBudget: 4, engine: { device: 'cpu', threads: 1 } }
  for (const file of files) {
    const { run } = await client.call('run.start', {
      request: { problem: 'p', model: file, settings },
    })
    await client.call('run.open', { run })
    await vi.waitFor(() => expect(client.events(run).at(-1)?.type).toBe('run-ended'), 20_000)
  }
  expect((await client.call('engine.loaded', {})).map(({ file }) => file)).toEqual(files)
  await client.call('engine.unload', { file: files[1]! })
  expect((await client.call('engine.loaded', {})).map(({ file }) => file)).toEqual([files[0]])
  await until(() =>
    client.pushes.some(
      (push) =>
        push.kind === 'memory' && push.unloaded?.reason === 'asked' && push.loaded.length === 1,
    ),
  )
  // For the page of the model: the prediction, and the most that fits.
  const fit = await client.call('models.fit', { file: files[0]!, settings })
  expect(fit).toMatchObject({
    verdict: 'fits',
    devices: [{ name: 'CPU', weights: fit.weights, kv: fit.kv, compute: fit.compute }],
  })
  expect(fit.positions).toBe((await client.call('models.info', { file: files[0]! })).trainContext)
  expect(fit.kvByType.f16).toBe((2 * fit.kvByType.f32) / 4)
  expect(
    (await client.call('models.most', { file: files[0]!, settings, of: 'budget' })).value,
  ).toBeGreaterThan(8)
  expect(
    (await client.call('models.most', { file: files[0]!, settings, of: 'gpuLayers' })).value,
  ).toBe(0)
  // If the setting is on, the model that windows start with is loaded before they ask.
  await client.call('engine.unload', { file: files[0]! })
  await client.call('settings.set', { model: files[1], loadAtStart: true })
  await host.warmUp()
  expect((await client.call('engine.loaded', {})).map(({ file }) => file)).toEqual([files[1]])
}, 60_000)

describe('loading at the start', () => {
  class Loading extends ScriptedEngine {
    loads: string[] = []
    verdict: 'fits' | 'wont-fit' = 'fits'
    end: () => void = () => undefined
    override fit() {
      return super.fit().then((fit) => ({ ...fit, verdict: this.verdict as 'fits' }))
    }
    override load(...[file]: unknown[]) {
      this.loads.push(file as string)
      return new Promise<void>((resolve) => (this.end = resolve))
    }
  }
  const reopen = (engine = new Loading()) => {
    open(engine)
    return engine
  }
  let file: string
  beforeEach(async () => {
    file = put(join(folder, 'a.gguf'))
    await client.call('settings.set', { model: file, loadAtStart: true })
  })

  it('is turned off where the engine ended over it, until the user wants it again', async () => {
    const first = reopen()
    void host.warmUp()
    await until(() => first.loads.length === 1)
    // The load does not end and nothing is closed: the process is dead.
    const second = reopen()
    await expect(host.warmUp()).rejects.toMatchObject({ code: 'engine-lost' })
    expect(second.loads).toEqual([])
    expect(await client.call('settings.get', {})).toEqual({
      model: file,
      loadAtStart: false,
      notLoadedAtStart: file,
    })
    await client.call('settings.set', { loadAtStart: true })
    const third = reopen()
    const warm = host.warmUp()
    await until(() => third.loads.length === 1)
    third.end()
    await warm
    const fourth = reopen()
    void host.warmUp()
    await until(() => fourth.loads.length === 1)
  })

  it('stays on where Braid was ended meanwhile', async () => {
    const first = reopen()
    void host.warmUp()
    await until(() => first.loads.length === 1)
    await host.close()
    const second = reopen()
    void host.warmUp()
    await until(() => second.loads.length === 1)
  })

  it('is left out where the model does not fit', async () => {
    const engine = reopen()
    engine.verdict = 'wont-fit'
    await expect(host.warmUp()).rejects.toMatchObject({ code: 'out-of-memory' })
    expect(engine.loads).toEqual([])
  })
})

it('layers on a GPU: as many as fit, and a loaded model is not loaded again for one more', async () => {
  class Gpu extends ScriptedEngine {
    fits = 2
    held: {
      file: string
      name: string
      device: string
      sizeBytes: number
      gpuLayers: number
      inUse: boolean
    }[] = []
    override most() {
      return Promise.resolve(this.fits)
    }
    override loaded() {
      return this.held as never[]
    }
    override async devices() {
      return {
        cpu: '',
        backends: [],
        devices: [
          {
            name: 'CUDA0',
            description: '',
            backend: 'CUDA',
            type: 'gpu' as const,
            memoryFree: 1,
            memoryTotal: 2,
          },
        ],
      } as never
    }
  }
  const engine = new Gpu()
  await host.close()
  open(engine)
  const file = put(join(folder, 'a.gguf'))
  const layers = async (settings: object = {}) => {
    await client.call('run.start', { request: { problem: 'p', model: file, settings } })
    return engine.last.request?.settings.engine?.gpuLayers
  }
  expect(await layers()).toBe(2)
  expect(await layers({ engine: { gpuLayers: 1 } })).toBe(1)
  expect(await layers({ engine: { device: 'cpu' } })).toBeUndefined()
  engine.held = [{ file, name: 'a', device: 'CUDA0', sizeBytes: 1, gpuLayers: 1, inUse: false }]
  expect(await layers()).toBe(1)
  engine.fits = 0
  expect(await layers()).toBe(0)
  // All layers and the output fit: no number is set, so the engine takes all.
  engine.fits = 100
  expect(await layers()).toBeUndefined()
})
