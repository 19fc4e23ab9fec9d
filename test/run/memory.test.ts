import { afterEach, expect, it } from 'vitest'
import { loadAddon, type NativeAddon, type OpenModelOptions } from '../../engine/native/load.ts'
import { Engine } from '../../engine/run/index.ts'
import type { Unloaded } from '../../engine/models/loaded.ts'
import { newEngine, solve, start, tinyFile, wrapModel } from './support.ts'

/** Returns the real addon on a machine whose memory runs out: at the first `contexts` contexts and `loads` loads. */
const real = loadAddon({ gpu: false })
const engines: Engine[] = []
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close()
})

function shortOfMemory(
  contexts: number,
  loads: number,
): { engine: Engine; cells: number[]; layers: number[]; full: (more: number) => void } {
  const [cells, layers]: number[][] = [[], []]
  const error = () => Object.assign(new Error('The memory is full'), { code: 'out-of-memory' })
  const addon: NativeAddon = {
    ...real,
    devices: () => [
      ...real.devices(),
      {
        name: 'GPU0',
        description: 'pretended',
        type: 'gpu',
        backend: 'none',
        memoryFree: 1,
        memoryTotal: 1,
      },
    ],
    openModel(options: OpenModelOptions) {
      layers!.push(options.gpuLayers)
      if (layers!.length <= loads) return { done: Promise.reject(error()), cancel: () => {} }
      const { done, cancel } = real.openModel({ ...options, device: 'cpu', gpuLayers: 0 })
      return {
        cancel: () => cancel(),
        done: done.then((model) =>
          wrapModel(model, {
            createContext: (options) => {
              cells!.push(options.cells)
              return cells!.length <= contexts
                ? Promise.reject(error())
                : model.createContext(options)
            },
          }),
        ),
      }
    },
  }
  const engine = new Engine({ addon, version: 'test' })
  engines.push(engine)
  return {
    engine,
    cells: cells!,
    layers: layers!,
    full: (more) => (contexts = cells!.length + more),
  }
}

const tiny = tinyFile({ seed: 34 })
const settings = {
  paths: 3,
  budget: 300,
  summaryBudget: 10,
  finish: 'last' as const,
  sampling: { temperature: 0 },
}

it('a context that does not fit is asked for once more, smaller, and the run says so', async () => {
  const { engine, cells } = shortOfMemory(1, 0)
  const run = await solve(engine, tiny.file, 'the answer', settings)
  expect(cells).toHaveLength(2)
  expect(cells[1]).toBeLessThan(0.6 * cells[0]!)
  expect(run.state).toMatchObject({ status: 'ended', notices: [{ code: 'context-shrunk' }] })
  expect(run.state.paths.map(({ reason }) => reason)).toContain('overflow')
  expect(run.state.summaries[0]!.reason).toBe('budget')
})

it('a model that nobody uses leaves memory before a context is made smaller', async () => {
  const { engine, cells, full } = shortOfMemory(0, 0)
  const left: Unloaded[] = []
  engine.onMemory((unloaded) => {
    if (unloaded) left.push(unloaded)
  })
  await solve(engine, tinyFile({ seed: 35 }).file, 'the answer', settings)
  full(1)
  const run = await solve(engine, tiny.file, 'the answer', settings)
  expect(cells).toHaveLength(3)
  expect(cells[2]).toBe(cells[1])
  expect(run.state).toMatchObject({ status: 'ended', notices: [] })
  expect(left.map(({ reason }) => reason)).toEqual(['room'])
  expect(engine.loaded().map(({ file }) => file)).toEqual([tiny.file])
})

it('nothing leaves memory for a context that the machine could not hold', async () => {
  const { engine, cells } = shortOfMemory(0, 0)
  await solve(engine, tinyFile({ seed: 35 }).file, 'the answer', settings)
  const run = await start(engine, tiny.file, 'the answer', {
    ...settings,
    engine: { context: 1 << 26 },
  }).end()
  expect(run.events.at(-1)).toMatchObject({ type: 'run-failed', error: { code: 'out-of-memory' } })
  expect(cells).toHaveLength(1)
  expect(engine.loaded()).toHaveLength(2)
})

it('twice too large is a plain error, and the next run works', async () => {
  const { engine, cells } = shortOfMemory(2, 0)
  const run = await start(engine, tiny.file, 'the answer', settings).end()
  expect(run.events.at(-1)).toMatchObject({ type: 'run-failed', error: { code: 'out-of-memory' } })
  expect(cells).toHaveLength(2)
  expect((await solve(engine, tiny.file, 'the answer', settings)).state.status).toBe('ended')
})

it('a model that does not fit on the GPU is tried with half of its layers, once', async () => {
  const once = shortOfMemory(0, 1)
  const run = await solve(once.engine, tiny.file, 'the answer', {
    ...settings,
    engine: { device: 'auto' },
  })
  expect(once.layers).toEqual([-1, 1]) // of 3
  expect(run.state).toMatchObject({
    status: 'ended',
    engine: { device: 'GPU0' },
    notices: [{ code: 'gpu-memory' }],
  })
  const twice = shortOfMemory(0, 2)
  const failed = await start(twice.engine, tiny.file, 'the answer', {
    ...settings,
    engine: { device: 'auto' },
  }).end()
  expect(failed.events).toMatchObject([{ type: 'run-failed', error: { code: 'out-of-memory' } }])
})

it('a cache larger than the free memory is refused before the system is asked for it', async () => {
  const { engine, cells } = shortOfMemory(0, 0)
  const run = await start(engine, tiny.file, 'the answer', {
    ...settings,
    engine: { context: 1 << 26 },
  }).end()
  expect(run.events.at(-1)).toMatchObject({ type: 'run-failed' })
  expect(run.failure).toEqual({
    code: 'out-of-memory',
    text: expect.stringMatching(/needs [\d.]+ GB/) as string,
  })
  expect(cells).toEqual([])
})

it('a model that nobody uses is unloaded while a run of another thinks; the one that thinks stays', async () => {
  const engine = newEngine()
  const idle = tinyFile({ seed: 36 }).file
  await solve(engine, idle, 'the answer', settings)
  const run = await start(engine, tiny.file, 'the answer', { ...settings, budget: 4000 }).until(
    ({ type }) => type === 'tokens',
  )
  await engine.unload(() => true, 'asked')
  expect(run.state.status).toBe('running')
  expect(engine.loaded().map(({ file }) => file)).toEqual([tiny.file])
  await run.handle.command({ type: 'stop-all' })
  await run.end()
  await engine.unload(() => true, 'asked')
  expect(engine.loaded()).toEqual([])
})

it('a model with several contexts is in use only while a run works', async () => {
  const engine = newEngine()
  const used = () => engine.loaded().map(({ inUse }) => inUse)
  for (const kvType of ['f32', 'f16'] as const)
    await solve(engine, tiny.file, 'the answer', { ...settings, budget: 8, engine: { kvType } })
  expect(used()).toEqual([false])
  const run = await start(engine, tiny.file, 'the answer', { ...settings, budget: 4000 }).until(
    ({ type }) => type === 'tokens',
  )
  expect(used()).toEqual([true])
  await run.handle.command({ type: 'stop-all' })
  await run.end()
  await engine.unload(() => true, 'asked')
  expect(engine.loaded()).toEqual([])
})
