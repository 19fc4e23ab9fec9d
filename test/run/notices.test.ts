import { expect, it } from 'vitest'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { MAX_OWN_NOTICES } from '../../engine/protocol/limits.ts'
import { str } from '../support/gguf-writer.ts'
import { loadAddon, type NativeContext, type NativeModel } from '../../engine/native/load.ts'
import { Engine } from '../../engine/run/index.ts'
import { newEngine, solve, tinyFile, Watched, wrapModel, type Settings } from './support.ts'

it('a run writes notices until its transcript has as many as it may, and goes on without them', async () => {
  // With greedy sampling, this model never stops by itself; it says so at each end.
  const model = tinyFile({ seed: 34, keys: { 'parathinker.scope': str('nothing at all') } })
  const run = await solve(newEngine(), model.file, 'the answer', {
    paths: 2,
    budget: 20,
    summaryBudget: 8,
    question: 'text',
    sampling: { temperature: 0 },
  })
  await run.close()
  expect(run.state.notices.map(({ code }) => code)).toContain('scope')
  const said = run.state.notices.length
  const notice: RunEvent = { type: 'notice', at: run.state.at, code: 'x' }
  const events = [
    ...run.events,
    ...Array.from({ length: MAX_OWN_NOTICES - 1 - said }, () => notice),
  ]
  const again = new Watched(newEngine().resume(events), events)
  for (const most of [MAX_OWN_NOTICES, MAX_OWN_NOTICES]) {
    const { segment } = again.state.paths.find(({ reason }) => reason === 'budget')!
    await again.after({ type: 'extend', segment, tokens: 4 })
    expect(again.state.notices).toHaveLength(most)
  }
  expect(again.state.status).toBe('ended')
  await again.close()
})

/**
 * Wraps a real context that reports in each batch that other programs use its processors, as
 * `Crowd` (engine/native/core/crowd.h) decides by a clock. Adds what threads are asked for to `asked`.
 */
const crowded = (context: NativeContext, asked: unknown[]): NativeContext =>
  new Proxy(context, {
    get(target, name) {
      if (name === 'decode')
        return ({ onBatch, ...options }: Parameters<NativeContext['decode']>[0]) =>
          target.decode({ ...options, onBatch: (batch) => onBatch({ ...batch, crowded: 1 }) })
      if (name === 'setThreads')
        return (...threads: Parameters<NativeContext['setThreads']>) => {
          asked.push(threads)
          return target.setThreads(...threads)
        }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })

it.each<[string, Settings, unknown]>([
  ['threads-fewer', { engine: { threads: 0 } }, [0, true]],
  ['processor-crowded', { engine: { threads: 1 } }, [1, false]],
  ['processor-crowded', { alone: true, engine: { threads: 0 } }, [0, false]],
])('a run on a crowded machine says %s, once (%j)', async (code, settings, threads) => {
  const asked: unknown[] = []
  const real = loadAddon({ gpu: false })
  const wrap = (model: NativeModel) =>
    wrapModel(model, {
      createContext: async (options) => crowded(await model.createContext(options), asked),
    })
  const engine = new Engine({
    addon: {
      ...real,
      openModel(options) {
        const { done, cancel } = real.openModel(options)
        return { cancel: () => cancel(), done: done.then(wrap) }
      },
    },
    version: 'test',
  })
  const run = await solve(engine, tinyFile({ seed: 34 }).file, 'the answer', {
    strategy: 'sequential',
    budget: 4,
    ...settings,
  })
  await run.close()
  await engine.close()
  const said = run.state.notices.filter(({ code }) => /crowded|fewer/.test(code))
  expect(said).toMatchObject([{ code, params: { threads: 1 } }])
  expect(new Set(asked.map(String))).toEqual(new Set([String(threads)]))
})
