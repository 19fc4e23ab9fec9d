import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Fits, judge, systemFree } from '../../engine/models/fit.ts'
import type { Measured } from '../../engine/models/plans.ts'
import { loadAddon } from '../../engine/native/load.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import type { DeviceInfo } from '../../engine/protocol/wire.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { CASES, measure, ratio, smallModels } from './fit-cases.ts'
import { scriptedPlans } from './scripted-plans.ts'

const GIB = 2 ** 30
const LAYERS = 4
const folder = mkdtempSync(join(tmpdir(), 'braid-fit-'))
afterAll(() => rmSync(folder, { recursive: true }))

type Settings = RunRequest['settings']

const gpu = (memoryFree: number, type: DeviceInfo['type'] = 'gpu'): DeviceInfo => ({
  name: 'Vulkan0',
  description: 'GPU',
  backend: 'Vulkan',
  type,
  memoryFree,
  memoryTotal: 8 * GIB,
})

it('memory is predicted within 2 % of what llama.cpp allocates, repacked weights included: 12 models, 4 settings', async () => {
  const models = await smallModels(folder)
  const rows = []
  for (const model of models) rows.push(...(await measure(model, 'cpu')))
  expect(rows).toHaveLength(models.length * CASES.length)
  const within = (a: number, b: number, row: unknown) =>
    expect(Math.abs(a / b - 1), JSON.stringify(row)).toBeLessThan(0.02)
  for (const row of rows) {
    within(ratio(row), 1, row)
    within(row.predicted.weights, row.actual.weights, row)
    within(row.predicted.compute, row.actual.compute, row)
    expect(row.predicted.kv).toBe(row.actual.kv)
    expect(row.predicted.repacked).toBe(row.actual.repacked)
  }
  // Q4_0 is repacked by every CPU backend that has AVX2, or NEON with dot products.
  if (process.arch === 'x64' || process.arch === 'arm64')
    expect(rows.filter(({ actual }) => actual.repacked > 0).length).toBeGreaterThanOrEqual(8)
}, 300_000)

describe('the verdict', () => {
  const size = { cells: 1024, sequences: 9 }
  const memory = (device: string, weights: number, kv: number, compute: number) => ({
    device,
    weights,
    repacked: 0,
    kv,
    compute,
  })
  const measured = (change: Partial<Measured> = {}): Measured => ({
    cells: 1024,
    mostCells: 2 ** 28,
    logitRowBytes: 1,
    devices: [memory('CPU', 500, 300, 199)],
    droppable: 0,
    ...change,
  })
  const both = measured({ devices: [memory('CPU', 100, 0, 49), memory('Vulkan0', 500, 300, 200)] })
  const on = (free: number, device?: DeviceInfo, more = {}) => ({
    size,
    device,
    wholly: true,
    kvType: 'f16' as const,
    free,
    ...more,
  })

  it('is that it fits, may be slow, or won’t fit and by how much; kept logits count', () => {
    expect(judge(measured(), on(2000))).toMatchObject({
      verdict: 'fits',
      total: 1000,
      compute: 200,
    })
    expect(judge(measured(), on(1000)).verdict).toBe('may-be-slow')
    expect(judge(measured(), on(993))).toMatchObject({
      verdict: 'wont-fit',
      short: { device: 'CPU', bytes: 7 },
    })
  })

  it('leaves out of need, not of what is taken, the originals of repacked weights: the system drops them', () => {
    const repacked = measured({ droppable: 400 })
    expect(judge(repacked, on(700))).toMatchObject({ verdict: 'may-be-slow', total: 1000 })
    expect(judge(repacked, on(590))).toMatchObject({ short: { device: 'CPU', bytes: 10 } })
  })

  it('names the GPU where that is short, and adds the system’s memory up with an integrated one', () => {
    expect(judge(both, on(5000, gpu(5000)))).toMatchObject({ verdict: 'fits', free: 10_000 })
    expect(judge(both, on(5000, gpu(900)))).toMatchObject({
      short: { device: 'Vulkan0', bytes: 100 },
    })
    expect(judge(both, on(5000, gpu(5000), { wholly: false })).verdict).toBe('may-be-slow')
    expect(judge(both, on(1100, gpu(5000, 'igpu')))).toMatchObject({
      free: 1100,
      short: { device: 'CPU', bytes: 50 },
    })
    expect(judge(both, on(5000, gpu(5000))).devices.map(({ name }) => name)).toEqual([
      'CPU',
      'Vulkan0',
    ])
  })

  it('is won’t fit where one of the GPU’s buffers would be too large, however much memory is free', () => {
    expect(judge({ ...both, mostCells: 768 }, on(5000, gpu(5000)))).toMatchObject({
      verdict: 'wont-fit',
      short: { device: 'Vulkan0', bytes: 75 },
    })
  })

  it('tells the price of each cache type', () => {
    expect(judge(measured(), on(2000)).kvByType).toEqual({
      f32: 600,
      f16: 300,
      q8_0: Math.round((300 * 34) / 64),
      q4_0: Math.round((300 * 18) / 64),
    })
  })
})

describe('a run of a model', () => {
  let file: string
  const fits = new Fits(() => Promise.resolve(loadAddon({ gpu: false })))
  beforeAll(() => {
    file = writeTiny(tinyModel({ shape: 'qwen2', layers: LAYERS, pairs: 8, thoughts: 9 }), folder)
  })
  afterAll(() => fits.close())
  const ask = (settings: Settings = {}, free = GIB, devices: DeviceInfo[] = []) => ({
    file,
    settings: { ...settings, engine: { device: 'cpu', ...settings.engine } },
    promptTokens: 100,
    devices,
    free,
  })

  it('takes more with paths, budget, runs and KV type', async () => {
    const total = async (settings: Settings) => (await fits.fit(ask(settings))).total
    const base = await total({ paths: 4 })
    expect((await fits.fit(ask({ paths: 4 }))).cells).toBe(
      Math.ceil((100 + 4 * 2048 + 2048 + 1024 + 64) / 256) * 256,
    )
    // The summary may be as long as a path.
    expect((await fits.fit(ask({ paths: 4, summaryBudget: 1024 }))).cells).toBe(
      Math.ceil((100 + 4 * 2048 + 1024 + 1024 + 64) / 256) * 256,
    )
    expect(await total({ paths: 8 })).toBeGreaterThan(base)
    expect(await total({ paths: 4, budget: 4096 })).toBeGreaterThan(base)
    expect(await total({ paths: 4, strategy: 'parallel-majority', runs: 3 })).toBeGreaterThan(
      2 * base,
    )
    expect(await total({ paths: 4, engine: { kvType: 'f32' } })).toBeGreaterThan(base)
    expect(await total({ paths: 4, engine: { kvType: 'q8_0' } })).toBeLessThan(base)
    expect(await total({ paths: 4, engine: { flashAttention: 'off' } })).toBeGreaterThan(base)
    expect(await total({ strategy: 'sequential', paths: 1 })).toBeLessThan(base)
    expect(await total({ paths: 4, engine: { context: 512 } })).toBeLessThan(base)
  })

  it('says what cannot be', async () => {
    await expect(
      fits.fit(ask({ engine: { kvType: 'q8_0', flashAttention: 'off' } })),
    ).rejects.toMatchObject({ code: 'bad-combination' })
    await expect(fits.fit({ ...ask(), file: join(folder, 'none.gguf') })).rejects.toMatchObject({
      code: 'model-not-found',
    })
    const cancelled = AbortSignal.abort(new Error('enough'))
    await expect(fits.most({ ...ask(), signal: cancelled }, 'budget')).rejects.toThrow('enough')
  })

  it('offers the most paths and the longest budget that fit with a margin, and no more', async () => {
    const free = Math.ceil((await fits.fit(ask({ paths: 5 }))).total / 0.9)
    expect(await fits.most(ask({}, free), 'paths')).toBe(5)
    expect(await fits.most(ask({}, 1000), 'paths')).toBe(0)
    const roomy = { ...ask({ paths: 4, summaryBudget: 1024 }, free), promptTokens: 100 }
    const budget = await fits.most(roomy, 'budget')
    const verdict = async (budget: number) =>
      (await fits.fit({ ...roomy, settings: { ...roomy.settings, budget } })).verdict
    expect(budget).toBeGreaterThan(2048)
    expect(await verdict(budget)).toBe('fits')
    expect(await verdict(budget + 256)).toBe('may-be-slow')
    // A path and a summary of its length stay within the 4,096 positions of the model.
    const wide = { ...ask({ paths: 4 }, GIB), promptTokens: 100 }
    expect(await fits.most(wide, 'budget')).toBe((4096 - 100) / 2)
  })

  it('auto takes the first GPU, and the CPU without one', async () => {
    const scripted = scriptedPlans({ layers: LAYERS, layer: 1000, cell: 1 })
    const fits = new Fits(() => Promise.resolve(scripted))
    const auto = { engine: { device: 'auto' } }
    expect((await fits.fit(ask(auto, GIB, [gpu(1)]))).short?.device).toBe('Vulkan0')
    expect((await fits.fit(ask(auto, GIB, []))).short).toBeUndefined()
    expect(scripted.opened.map(({ device }) => device)).toEqual(['Vulkan0', 'cpu'])
    await fits.close()
  })

  it('has the most layers on a GPU that fit there, found with few plans', async () => {
    const cells = (await fits.fit(ask())).cells
    for (const fitting of [0, 1, 3, 5]) {
      const scripted = scriptedPlans({ layers: LAYERS, layer: 1e6, cell: 100 })
      const fits = new Fits(() => Promise.resolve(scripted))
      const free = fitting * 1e6 + Math.min(fitting, LAYERS) * 100 * cells + 1000
      const question = ask({ engine: { device: 'Vulkan0' } }, GIB, [gpu(free)])
      expect(await fits.most(question, 'gpuLayers')).toBe(fitting)
      expect(scripted.opened.length).toBeLessThanOrEqual(4)
      const again = scripted.opened.length
      expect(await fits.most(question, 'gpuLayers')).toBe(fitting)
      expect(scripted.opened.length).toBe(again)
      await fits.close()
      expect(scripted.open).toBe(0)
    }
    expect(await fits.most(ask(), 'gpuLayers')).toBe(0)
  })
})

it('the free memory of this machine is known', () => {
  expect(systemFree()).toBeGreaterThan(2 ** 20)
})
