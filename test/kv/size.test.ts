import { describe, expect, it } from 'vitest'
import {
  contextCells,
  newRunDemand,
  sizeRun,
  summaryCells,
  wordsAround,
  type Demand,
} from '../../engine/kv/index.ts'
import { Fits, sizeNewRun } from '../../engine/models/fit.ts'
import { readModelInfo } from '../../engine/models/info.ts'
import { loadAddon, type ContextOptions } from '../../engine/native/load.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import type { Fusion, RunRequest } from '../../engine/protocol/request.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'
import { Engine } from '../../engine/run/engine.ts'
import { tinyFile } from '../run/support.ts'

const demand = (
  settings: RunRequest['settings'] = {},
  { trained = true, fusion = 'cache' as Fusion, thinks = false } = {},
): Demand =>
  newRunDemand(
    resolveSettings(
      { paths: 4, budget: 2048, summaryBudget: 1024, ...settings },
      { metadata: {}, nativePaths: 0 },
    ),
    { trained, fusion, thinks, promptTokens: 100 },
  )

describe('the size of a context', () => {
  it('holds prompt, paths and summary, with room to extend a path and to round', () => {
    expect(sizeRun(demand())).toEqual({
      cells: 100 + 4 * 2048 + 1024 + 1024 + 64,
      sequences: 1 + 4 + 1 + 8,
    })
    // On an untrained model, a majority over paths has no summaries.
    expect(sizeRun(demand({ strategy: 'majority' }, { trained: false }))).toEqual({
      cells: 100 + 4 * 2048 + 1024 + 64,
      sequences: 1 + 4 + 8,
    })
    const majority = {
      strategy: 'parallel-majority',
      runs: 3,
      budget: 10,
      summaryBudget: 5,
    } as const
    expect(sizeRun(demand(majority))).toEqual({
      cells: 100 + 12 * 10 + 3 * 5 + 10 + 64,
      sequences: 1 + 12 + 3 + 8,
    })
  })

  it('has a prompt of its own for each summary that reads again', () => {
    const settings = { strategy: 'parallel-majority', runs: 2 } as const
    const { cells } = sizeRun(demand(settings, { fusion: 'reread' }))
    const around = wordsAround({})
    expect(cells).toBe(100 + 8 * 2048 + 2 * (100 + around + 1024) + 24 * 8 + 1024 + 64)
    const asked = {
      promptTokens: 100,
      summaries: 2,
      paths: 8,
      summaryBudget: 1024,
      words: 200,
      copied: 7,
    }
    expect(summaryCells({ ...asked, reading: 'reread' })).toBe(2 * (100 + 200 + 1024) + 24 * 8)
    expect(summaryCells({ ...asked, reading: 'shared' })).toBe(2 * 1024)
    expect(summaryCells({ ...asked, reading: 'consecutive' })).toBe(2 * (200 + 1024) + (34 + 7) * 8)
  })

  it('has words around the paths of a model that was not trained, and copies of cells that cannot be moved', () => {
    const untrained = (settings: RunRequest['settings'], thinks = false) =>
      sizeRun(demand(settings, { trained: false, thinks })).cells - sizeRun(demand(settings)).cells
    const words = wordsAround({}) + 34 * 4
    expect(untrained({})).toBe(words)
    expect(untrained({}, true)).toBe(words + 4 * 512)
    expect(untrained({ tail: 4000 }, true)).toBe(words + 4 * 2048)
    for (const kvType of ['q8_0', 'q4_0'] as const)
      expect(untrained({ engine: { kvType } })).toBe(words + 4 * 2048)
    expect(untrained({ engine: { kvType: 'f32' } })).toBe(words)
  })

  it('is what the user asked for, and never has more sequences than llama.cpp', () => {
    expect(contextCells({ cells: 1000 }, 777)).toBe(777)
    expect(contextCells({ cells: 1000 }, 0)).toBe(1000)
    expect(sizeRun({ ...demand(), sequences: 300 }).sequences).toBe(254)
  })

  it('counts what a run holds when it grows', () => {
    const grown = { kept: 70, remaining: 30, budget: 20, paths: 5, summaries: 0, sequences: 7 }
    expect(sizeRun({ ...demand(), ...grown, promptTokens: 10 })).toEqual({
      cells: 10 + 70 + 30 + 20 + 64,
      sequences: 1 + 7 + 8,
    })
  })
})

const runs: [string, RunRequest['settings']][] = [
  ['parallel', { strategy: 'parallel', paths: 3 }],
  ['re-reading', { strategy: 'parallel', paths: 3, controls: { fusion: 'reread' } }],
  ['majority', { strategy: 'majority', paths: 3 }],
  ['parallel-majority', { strategy: 'parallel-majority', paths: 2, runs: 3 }],
  ['sequential', { strategy: 'sequential' }],
  ['parallel with a quantised cache', { paths: 3, engine: { kvType: 'q8_0' } }],
  ['parallel with a context of its own', { paths: 2, engine: { context: 700 } }],
]

const models = [
  { model: 'a trained model', options: { thoughts: 9, pairs: 8 } },
  { model: 'a plain model', options: { thoughts: 0, pairs: 0 } },
  { model: 'a reasoning model', options: { thoughts: 0, pairs: 0, control: ['</think>'] } },
]
const cases = models.flatMap((model) =>
  runs.map(([name, settings]) => ({ ...model, name, settings })),
)

it.each(cases)(
  '$model: a run of $name takes the context that was predicted',
  async ({ options, settings }) => {
    const { file } = tinyFile(options)
    const made: ContextOptions[] = []
    const native = loadAddon({ gpu: false })
    // Sees each context that the engine makes.
    const addon = Object.assign(Object.create(native) as typeof native, {
      openModel: (options: Parameters<typeof native.openModel>[0]) => {
        const load = native.openModel(options)
        return {
          cancel: () => load.cancel(),
          done: load.done.then((model) => {
            const create = model.createContext.bind(model)
            return Object.defineProperty(model, 'createContext', {
              value: (options: ContextOptions) => (made.push(options), create(options)),
            })
          }),
        }
      },
    })
    const engine = new Engine({ addon, version: 'test' })
    const asked = {
      budget: 6,
      summaryBudget: 4,
      ...settings,
      engine: { device: 'cpu', threads: 1, ...settings.engine },
    }
    const run = engine.think({ problem: 'Two and two?', model: file, settings: asked })
    let started: Extract<RunEvent, { type: 'run-started' }> | undefined
    for await (const event of run.events) {
      if (event.type === 'run-started') started = event
      if (event.type === 'run-ended' || event.type === 'run-failed') break
    }
    await engine.close()
    const promptTokens = started!.promptTokens!.length
    const info = await readModelInfo(file)
    const size = sizeNewRun(started!.settings, info, promptTokens)
    expect(made).toHaveLength(1)
    expect(made[0]).toMatchObject({ ...size })
    const fits = new Fits(() => Promise.resolve(native))
    const fit = await fits.fit({ file, settings: asked, promptTokens, devices: [], free: 2 ** 40 })
    await fits.close()
    expect(fit.cells).toBe(Math.ceil(size.cells / 256) * 256)
  },
)
