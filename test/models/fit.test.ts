import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contextOf, fit, fitModel, longestBudget, mostGpuLayers, mostPaths, predict, systemFree, type FitModel } from '../../engine/models/fit.ts'
import { readModelFiles } from '../../engine/models/model-files.ts'
import type { RunSettings } from '../../engine/protocol/request.ts'
import type { DeviceInfo } from '../../engine/protocol/wire.ts'
import { DEFAULTS } from '../../engine/protocol/settings.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { measure, ratio, smallModels } from './fit-cases.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-fit-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('memory is predicted within 10 % of what llama.cpp allocates: 6 models, 4 settings (all of them: npm run fit:table)', async () => {
  const rows = []
  for (const model of await smallModels(folder)) rows.push(...await measure(model, 'cpu'))
  expect(rows).toHaveLength(24)
  for (const row of rows) {
    expect(Math.abs(ratio(row) - 1), JSON.stringify(row)).toBeLessThan(0.1)
    expect(Math.abs(row.predicted.kv / row.actual.kv - 1)).toBeLessThan(0.001)
    expect(Math.abs(row.predicted.compute / row.actual.compute - 1)).toBeLessThan(0.1)
  }
}, 180_000)

describe('the verdict', () => {
  const GIB = 2 ** 30
  let model: FitModel
  beforeAll(async () => {
    model = fitModel(await readModelFiles(writeTiny(tinyModel({ shape: 'qwen2', layers: 4 }), folder)), 8)
  })
  const settings = (change: Partial<RunSettings> = {}, engine: Partial<RunSettings['engine']> = {}): RunSettings => ({ ...DEFAULTS, ...change, engine: { ...DEFAULTS.engine, device: 'cpu', ...engine } })
  const gpu = (memoryFree: number, type: DeviceInfo['type'] = 'gpu'): DeviceInfo => ({ name: 'Vulkan0', description: 'GPU', backend: 'Vulkan', type, memoryFree, memoryTotal: 8 * GIB })

  it('is that it fits, may be slow, or won’t fit and by how much', () => {
    const { total, cells } = fit(model, settings(), 100, [], GIB)
    expect(cells).toBe(Math.ceil((100 + 4 * 2048 + 1024 + 1024 + 64) / 256) * 256)
    expect(fit(model, settings(), 100, [], 2 * total).verdict).toBe('fits')
    expect(fit(model, settings(), 100, [], total).verdict).toBe('may-be-slow')
    expect(fit(model, settings(), 100, [], total - 7)).toMatchObject({ verdict: 'wont-fit', short: { device: 'CPU', bytes: 7 } })
  })

  it('grows with paths, budget, runs and KV type', () => {
    const total = (change: Partial<RunSettings>, engine: Partial<RunSettings['engine']> = {}) => fit(model, settings(change, engine), 100, [], GIB).total
    const base = total({})
    expect(total({ paths: 8 })).toBeGreaterThan(base)
    expect(total({ budget: 4096 })).toBeGreaterThan(base)
    expect(total({ strategy: 'parallel-majority', runs: 3 })).toBeGreaterThan(2 * base)
    expect(total({}, { kvType: 'f32' })).toBeGreaterThan(base)
    expect(total({}, { kvType: 'q8_0' })).toBeLessThan(base)
    expect(total({}, { flashAttention: 'off' })).toBeGreaterThan(base)
    expect(total({ strategy: 'sequential', paths: 1 })).toBeLessThan(base)
    expect(total({}, { context: 512 })).toBeLessThan(base)
  })

  it('names the GPU where that is short, and splits a model between GPU and CPU', () => {
    const onGpu = (free: number, engine: Partial<RunSettings['engine']> = {}, type?: DeviceInfo['type']) => fit(model, settings({}, { device: 'Vulkan0', ...engine }), 100, [gpu(free, type)], GIB)
    expect(onGpu(GIB)).toMatchObject({ verdict: 'fits', free: 2 * GIB })
    expect(onGpu(1e6)).toMatchObject({ verdict: 'wont-fit', short: { device: 'Vulkan0' } })
    expect(onGpu(GIB, { gpuLayers: 2 })).toMatchObject({ verdict: 'may-be-slow' })
    expect(onGpu(GIB, {}, 'igpu').free).toBe(GIB)
    const { cpu, gpu: half } = predict(model, settings({}, { device: 'Vulkan0', gpuLayers: 3 }).engine, { cells: 1024, sequences: 8 })
    expect([cpu.kv, half.kv]).toEqual([2, 2].map((layers) => layers * 128 * 2 * 1024))
    expect(cpu.weights + half.weights).toBe(model.inputBytes + model.outputBytes + model.layerBytes.reduce((a, b) => a + b, 0))
  })

  it('auto takes the first GPU, and the CPU without one', () => {
    const auto = settings({}, { device: 'auto' })
    expect(fit(model, auto, 100, [gpu(1)], GIB).short?.device).toBe('Vulkan0')
    expect(fit(model, auto, 100, [], GIB).short).toBeUndefined()
  })

  it('offers the most paths, the longest budget and the most layers that fit, and no more', () => {
    const free = fit(model, settings({ paths: 5 }), 100, [], GIB).total
    expect(mostPaths(model, settings(), 100, [], 64, free)).toBe(5)
    const budget = longestBudget(model, settings(), 100, [], 1 << 20, free)
    expect(fit(model, settings({ budget }), 100, [], free).verdict).not.toBe('wont-fit')
    expect(fit(model, settings({ budget: budget + 256 }), 100, [], free).verdict).toBe('wont-fit')
    expect(mostPaths(model, settings(), 100, [], 64, 1000)).toBe(0)
    const { gpu: two } = predict(model, settings({}, { device: 'Vulkan0', gpuLayers: 2 }).engine, contextOf(model, settings(), 100))
    const need = two.weights + two.kv + two.compute
    expect(mostGpuLayers(model, settings({}, { device: 'Vulkan0' }), 100, [gpu(need)], GIB)).toBe(2)
    expect(mostGpuLayers(model, settings(), 100, [], GIB)).toBe(0)
  })

  it('knows the free memory of this machine', () => {
    expect(systemFree()).toBeGreaterThan(2 ** 20)
  })
})
