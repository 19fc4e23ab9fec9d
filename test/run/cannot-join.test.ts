import { afterAll, expect, it } from 'vitest'
import { loadAddon, type NativeAddon, type NativeContext } from '../../engine/native/load.ts'
import { Engine } from '../../engine/run/index.ts'
import { solve, tinyFile, Watched, wrapModel } from './support.ts'

/**
 * Memories that cannot hold a part of a sequence (recurrent, sliding-window): the real addon, with a real model that claims such a
 * memory and refuses what such a memory cannot do.
 */
const real = loadAddon({ gpu: false })
const forbidden: string[] = []

function forgetful(context: NativeContext): NativeContext {
  return new Proxy(context, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (name === 'copy' && args[2] !== undefined)
          forbidden.push(`copy up to ${String(args[2])}`)
        if (name === 'remove' && args[1] !== undefined) forbidden.push('remove a part')
        return (value as (...args: unknown[]) => unknown).apply(target, args)
      }
    },
  })
}

const addon: NativeAddon = {
  ...real,
  openModel(options) {
    const { done, cancel } = real.openModel(options)
    const wrapped = done.then((model) =>
      wrapModel(model, {
        info: { ...model.info, cannotJoin: 'recurrent' },
        createContext: async (options) => forgetful(await model.createContext(options)),
      }),
    )
    return { done: wrapped, cancel: () => cancel() }
  },
}
const engine = new Engine({ addon, version: 'test' })
afterAll(() => engine.close())
const tiny = tinyFile({ seed: 34 })
const settings = {
  paths: 3,
  budget: 30,
  summaryBudget: 12,
  finish: 'last' as const,
  sampling: { temperature: 0 },
}

it('the paths are read again, and a branch starts from tokens read again', async () => {
  const run = await solve(engine, tiny.file, 'the answer', settings)
  expect(run.state).toMatchObject({
    status: 'ended',
    fusion: 'reread',
    summaries: [{ fusion: 'reread', reads: ['p1', 'p2', 'p3'] }],
  })
  await run.after({ type: 'branch', segment: 'p1', at: 10, token: 70 })
  expect(run.ids('p4').slice(0, 11)).toEqual([...run.ids('p1').slice(0, 10), 70])
  await run.after({ type: 'extend', segment: 'p2', tokens: 5 })
  expect(run.ids('p2')).toHaveLength(35)
  await run.after({ type: 'summarise', segments: ['p2', 'p4'] })
  expect(run.state.summaries[1]).toMatchObject({ fusion: 'reread', reads: ['p2', 'p4'] })
  expect(forbidden).toEqual([])
  await expect(run.handle.command({ type: 'summarise', fusion: 'cache' })).rejects.toThrowError(
    expect.objectContaining({ code: 'cannot-join' }) as Error,
  )
})

it('paths of a later round read texts, and a merged answer goes on from whole paths', async () => {
  forbidden.length = 0
  const refined = await solve(engine, tiny.file, 'the answer', {
    ...settings,
    strategy: 'refine',
    reads: 2,
    question: 'text',
  })
  expect(refined.state.paths.slice(3)).toMatchObject(
    Array.from({ length: 3 }, () => ({ group: 2, fusion: 'reread' })),
  )
  const merged = await solve(engine, tiny.file, 'the answer', { ...settings, strategy: 'merge' })
  expect(merged.failure).toBeNull()
  const { source, tokens } = merged.segment('s1')
  expect(source).toMatchObject({ type: 'merge', of: ['p1', 'p2', 'p3'] })
  expect(tokens.at(tokens.length - 1)!.members).toHaveLength(3)
  await merged.after({ type: 'extend', segment: 'p2', tokens: 5 })
  expect(merged.ids('p2')).toHaveLength(35)
  expect(forbidden).toEqual([])
})

it('fusion from the cache is refused when asked for', async () => {
  const run = await solve(engine, tiny.file, 'the answer', {
    ...settings,
    controls: { fusion: 'cache' },
  }).catch((error: Error) => error.message)
  expect(run).toMatchObject({ events: [{ type: 'run-failed', error: { code: 'cannot-join' } }] })
})

/** The real addon, whose contexts say that they cannot move cells, and do not. */
const still: NativeAddon = {
  ...real,
  openModel(options) {
    const { done, cancel } = real.openModel(options)
    const wrapped = done.then((model) =>
      wrapModel(model, {
        createContext: async (options) => {
          const context = await model.createContext(options)
          return new Proxy(context, {
            get(target, name) {
              const value: unknown = Reflect.get(target, name, target)
              if (name === 'info') return { ...(value as object), canShift: false }
              if (name === 'shift' || name === 'copyMoved') return () => forbidden.push(name)
              return typeof value === 'function' ? (value as () => unknown).bind(target) : value
            },
          })
        },
      }),
    )
    return { done: wrapped, cancel: () => cancel() }
  },
}

it('a context that cannot move cells: the paths of a model that was not trained are read again, also in a run that is taken up', async () => {
  const engine = new Engine({ addon: still, version: 'test' })
  const plain = tinyFile({ seed: 34, pairs: 0, thoughts: 0 })
  const run = await solve(engine, plain.file, 'the answer', { ...settings, answerBy: 'summary' })
  const reread = { fusion: 'reread', reads: ['p1', 'p2', 'p3'], reason: 'budget' }
  expect(run.state).toMatchObject({
    notices: [{ code: 'cache-fusion' }, { code: 'reread-fusion' }],
    summaries: [reread],
  })
  await run.close()
  const again = new Watched(engine.resume(run.events), run.events)
  await again.after({ type: 'summarise' })
  expect(again.state.summaries).toMatchObject([reread, reread])
  expect(forbidden).toEqual([])
  await engine.close()
})
