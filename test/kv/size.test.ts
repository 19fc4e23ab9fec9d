import { describe, expect, it } from 'vitest'
import { sizeContext, sizeRun, summaryCells, type RunShape } from '../../engine/kv/index.ts'
import { Fits, shapeOf } from '../../engine/models/fit.ts'
import { readModelInfo } from '../../engine/models/info.ts'
import { loadAddon, type ContextOptions } from '../../engine/native/index.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { Engine } from '../../engine/think/engine.ts'
import { tinyFile } from '../think/support.ts'

const shape = (change: Partial<RunShape> = {}): RunShape => ({
  promptTokens: 100,
  groups: 1,
  pathsPerGroup: 4,
  budget: 2048,
  summaries: true,
  summaryBudget: 1024,
  reread: false,
  context: 0,
  ...change,
})

describe('the size of a context', () => {
  it('holds prompt, paths and summary, with room to extend a path and to round', () => {
    expect(sizeRun(shape())).toEqual({
      cells: 100 + 4 * 2048 + 1024 + 1024 + 64,
      sequences: 1 + 4 + 1 + 8,
    })
    expect(sizeRun(shape({ summaries: false })).cells).toBe(100 + 4 * 2048 + 1024 + 64)
    expect(sizeRun(shape({ groups: 3, budget: 10, summaryBudget: 5 }))).toEqual({
      cells: 100 + 12 * 10 + 3 * 5 + 10 + 64,
      sequences: 1 + 12 + 3 + 8,
    })
  })

  it('has a prompt of its own for each summary that reads again', () => {
    const { cells } = sizeRun(shape({ groups: 2, reread: true }))
    expect(cells).toBe(100 + 8 * 2048 + 2 * (100 + 128 + 1024) + 24 * 8 + 1024 + 64)
    const asked = { promptTokens: 100, groups: 2, paths: 8, summaryBudget: 1024 }
    expect(summaryCells({ ...asked, reread: true })).toBe(2 * (100 + 128 + 1024) + 24 * 8)
    expect(summaryCells({ ...asked, reread: false })).toBe(2 * 1024)
  })

  it('is what the user asked for, and never has more sequences than llama.cpp', () => {
    expect(sizeRun(shape({ context: 777 })).cells).toBe(777)
    expect(sizeRun(shape({ pathsPerGroup: 300 })).sequences).toBe(256)
  })

  it('counts what a run holds when it grows', () => {
    expect(
      sizeContext({
        promptTokens: 10,
        paths: 5,
        groups: 2,
        kept: 70,
        extra: 30,
        budget: 20,
        context: 0,
      }),
    ).toEqual({ cells: 10 + 70 + 30 + 20 + 64, sequences: 1 + 5 + 2 + 8 })
  })
})

const runs: [string, RunRequest['settings']][] = [
  ['parallel', { strategy: 'parallel', paths: 3 }],
  ['re-reading', { strategy: 'parallel', paths: 3, controls: { fusion: 'reread' } }],
  ['majority', { strategy: 'majority', paths: 3 }],
  ['parallel-majority', { strategy: 'parallel-majority', paths: 2, runs: 3 }],
  ['sequential', { strategy: 'sequential' }],
  ['parallel with a context of its own', { paths: 2, engine: { context: 700 } }],
]

it.each(runs)('a run of %s takes the context that was predicted', async (_, settings) => {
  const { file } = tinyFile({ thoughts: 9, pairs: 8 })
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
  const promptTokens = started!.promptTokens.length
  const { nativePaths, cannotJoin } = await readModelInfo(file)
  const size = sizeRun(shapeOf(started!.settings, { nativePaths, cannotJoin }, promptTokens))
  expect(made).toHaveLength(1)
  expect(made[0]).toMatchObject(size)
  const fits = new Fits(() => Promise.resolve(native))
  const fit = await fits.fit({ file, settings: asked, promptTokens, devices: [], free: 2 ** 40 })
  await fits.close()
  expect(fit.cells).toBe(Math.ceil(size.cells / 256) * 256)
})
