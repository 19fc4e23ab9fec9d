import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon, type NativeAddon, type NativeContext } from '../../engine/native/load.ts'
import type { NativeDecode, StreamOptions } from '../../engine/native/types.ts'
import { Engine } from '../../engine/run/index.ts'
import { allSegments } from '../../engine/protocol/fold.ts'
import {
  idsOf,
  newEngine,
  solve,
  start,
  tinyFile,
  wrapModel,
  type Settings,
  type Watched,
} from './support.ts'

const { file } = tinyFile({ seed: 71, pairs: 4 })
/** Its paths end at their budgets only. */
const { file: endless } = tinyFile({ seed: 73, pairs: 4, endless: true })
const small: Settings = { budget: 24, summaryBudget: 8, sampling: { temperature: 0 } }

/** Runs of every strategy, greedy, of different lengths. */
const MIXED: { problem: string; settings: Settings }[] = [
  { problem: 'the answer', settings: { ...small, paths: 3 } },
  { problem: 'the question', settings: { ...small, strategy: 'sequential', budget: 60 } },
  { problem: 'the answer of all', settings: { ...small, strategy: 'majority', paths: 4 } },
  { problem: 'a', settings: { ...small, strategy: 'parallel-majority', paths: 2, runs: 2 } },
  { problem: 'the answer', settings: { ...small, paths: 2, finish: 'last', budget: 40 } },
  { problem: 'of the', settings: { ...small, controls: { fusion: 'reread' }, paths: 2 } },
  { problem: 'in the answer', settings: { ...small, controls: { thoughtEmbedding: false } } },
  { problem: 'the', settings: { ...small, paths: 4, finish: 'half' } },
]

/** Returns what a run decided: its tokens, ends and votes. Logprobs differ by rounding beside other runs. */
const outcome = ({ state }: Watched): unknown => ({
  answer: state.answer,
  votes: state.votes.map(({ at: _, ...vote }) => vote),
  segments: allSegments(state).map((one) => [one.segment, one.reason, one.answer, idsOf(one)]),
})

/** Long enough for other runs to be asked for meanwhile. */
const LONG: Settings = { ...small, budget: 1500 }

/** Starts a run that has to wait: `waits` resolves once it is told its place. */
function waiting(engine: Engine, settings: Settings) {
  const places: (number | null)[] = []
  let told!: () => void
  const waits = new Promise<void>((resolve) => (told = resolve))
  const run = start(engine, endless, 'the answer', settings, {
    onWaiting: (place) => {
      places.push(place)
      told()
    },
  })
  return { run, waits, places }
}

/** An engine that counts native calls per context. */
function counted(
  jobs: number,
  /** The most contexts that fit into memory. */
  most = Infinity,
): {
  engine: Engine
  contexts: { cells: number; prefilled: number; read: number[]; decodes: number; peak: number }[]
} {
  const real = loadAddon({ gpu: false })
  const contexts: ReturnType<typeof counted>['contexts'] = []
  let alive = 0
  const addon: NativeAddon = {
    ...real,
    openModel(options) {
      const { done, cancel } = real.openModel(options)
      return {
        cancel: () => cancel(),
        done: done.then((model) =>
          wrapModel(model, {
            createContext: async (options) => {
              if (alive >= most)
                throw Object.assign(new Error('The memory is full'), { code: 'out-of-memory' })
              alive++
              const context = await model.createContext(options)
              const count = { cells: options.cells, prefilled: 0, read: [], decodes: 0, peak: 0 }
              contexts.push(count)
              return counting(context, count, () => alive--)
            },
          }),
        ),
      }
    },
  }
  const engine = new Engine({ addon, version: 'test', jobs })
  engines.push(engine)
  return { engine, contexts }
}

function counting(
  context: NativeContext,
  count: { prefilled: number; read: number[]; decodes: number; peak: number },
  onFreed: () => void,
): NativeContext {
  return new Proxy(context, {
    get(target, name) {
      if (name === 'prefill')
        return (options: Parameters<NativeContext['prefill']>[0]) => {
          count.prefilled += options.tokens.length
          return target.prefill(options)
        }
      if (name === 'decode')
        return (options: Parameters<NativeContext['decode']>[0]) => {
          count.peak = Math.max(count.peak, ++count.decodes)
          const decode = reading(target.decode(options), count.read)
          for (const stream of options.streams) noteRead(stream, count.read)
          void decode.done.finally(() => count.decodes--).catch(() => {})
          return decode
        }
      if (name === 'free') return () => target.free().finally(onFreed)
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** Notes the number of tokens that each stream which begins with parts computes for them. */
function noteRead({ parts }: StreamOptions, read: number[]): void {
  if (parts === undefined) return
  read.push(parts.reduce((sum, part) => sum + ('tokens' in part ? part.tokens.length : 0), 0))
}

const reading = (decode: NativeDecode, read: number[]): NativeDecode =>
  new Proxy(decode, {
    get(target, name) {
      if (name === 'add')
        return (stream: StreamOptions) => {
          noteRead(stream, read)
          return target.add(stream)
        }
      const value = Reflect.get(target, name) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })

const engines: Engine[] = []
afterAll(async () => {
  for (const engine of engines) await engine.close()
})

describe('runs in one pool', () => {
  let alone: unknown[]
  beforeAll(async () => {
    const engine = newEngine()
    alone = []
    for (const { problem, settings } of MIXED)
      alone.push(outcome(await solve(engine, file, problem, settings)))
  })

  it('eight of mixed strategies at once give the same tokens as one after another', async () => {
    const { engine, contexts } = counted(16)
    const runs = MIXED.map(({ problem, settings }) => start(engine, file, problem, settings))
    await Promise.all(runs.map((run) => run.end()))
    expect(runs.map(outcome)).toEqual(alone)
    expect(contexts).toHaveLength(1)
    expect(contexts[0]!.peak).toBeGreaterThan(1)
  })

  it('wait in order of arrival where they do not fit, and say their place', async () => {
    const engine = newEngine(2)
    const places: (number | null)[][] = [[], [], [], []]
    const admitted: number[] = []
    const runs = places.map((list, i) =>
      start(
        engine,
        file,
        'the answer',
        { ...small, budget: 200, seed: i },
        {
          onWaiting: (place) => {
            list.push(place)
            if (place === null) admitted.push(i)
          },
        },
      ),
    )
    await Promise.all(runs.map((run) => run.end()))
    expect(admitted.slice(-2)).toEqual([2, 3])
    expect(places[3]!.at(-1)).toBeNull()
    expect(places[3]).toContain(2)
    expect(places[3]!.filter((place) => place !== null)).toEqual(
      [...new Set(places[3])].filter((place) => place !== null).sort((a, b) => b! - a!),
    )
  })

  it('a cancelled run leaves the queue, and the next one moves up', async () => {
    const engine = newEngine(1)
    const first = start(engine, endless, 'the answer', LONG)
    await first.until(({ type }) => type === 'tokens')
    const second = waiting(engine, small)
    await second.waits
    const { run: third, waits, places } = waiting(engine, small)
    await waits
    await second.run.handle.command({ type: 'cancel' })
    await third.end()
    expect(second.run.state.status).not.toBe('running')
    expect(places).toEqual([2, 1, null])
    expect(first.state.status).toBe('ended')
  })
})

describe('cells of ended runs', () => {
  it('are evicted when others need the room, oldest first, and come back from the tokens', async () => {
    const engine = newEngine(2)
    const settings = { ...small, budget: 60 }
    const first = await solve(engine, file, 'the answer', settings)
    const other = await solve(engine, file, 'the question', settings)
    const more = await solve(engine, file, 'of the', settings)
    const reference = await solve(newEngine(), file, 'the answer', settings)
    for (const run of [first, reference])
      await run.after({ type: 'branch', segment: 'p1', at: 5, token: 7 })
    expect(outcome(first)).toEqual(outcome(reference))
    for (const run of [other, more]) expect(run.state.status).toBe('ended')
  })

  it('are shared by a prompt that begins alike', async () => {
    const { engine, contexts } = counted(3)
    const system = 'the answer of all the questions in the answer'
    const first = await solve(engine, file, 'the', { ...small, system })
    const read = contexts[0]!.prefilled
    const second = await solve(engine, file, 'of', { ...small, system })
    const shared = first.state.promptTokens.findIndex(
      (id, i) => id !== second.state.promptTokens[i],
    )
    expect(shared).toBeGreaterThan(4)
    expect(contexts[0]!.prefilled - read).toBe(second.state.promptTokens.length - shared)
    const reference = await solve(newEngine(), file, 'of', { ...small, system })
    expect(outcome(second)).toEqual(outcome(reference))
    // Another thought row: nothing is shared.
    const before = contexts[0]!.prefilled
    const third = await solve(engine, file, 'of', {
      ...small,
      system,
      controls: { thoughtEmbedding: false },
    })
    expect(contexts[0]!.prefilled - before).toBe(third.state.promptTokens.length)
  })
})

it('a summary that reads its paths again shares what begins as one that is being written', async () => {
  const { file: plain } = tinyFile({ pairs: 0, thoughts: 0, context: 2048, seed: 4, endless: true })
  const paths: Settings = { ...small, paths: 2, budget: 40, summaryBudget: 200 }
  const reread = { type: 'summarise', fusion: 'reread' } as const
  const asked = { ...reread, instruction: 'Answer in one word.' }
  const { engine, contexts } = counted(2)
  const run = await solve(engine, plain, 'the answer', paths)
  await run.handle.command(reread)
  await run.until((event) => event.type === 'tokens' && event.segment === 's2')
  await run.handle.command(asked)
  await run.until(() => run.state.status === 'ended' && run.state.summaries.length === 3)
  expect(run.segment('s2').tokens.length).toBe(200)
  const reference = await solve(newEngine(), plain, 'the answer', paths)
  await reference.after(reread)
  await reference.after(asked)
  expect(run.ids('s3')).toEqual(reference.ids('s3'))
  const [first, second] = contexts[0]!.read.slice(-2)
  expect(first).toBeGreaterThan(400)
  expect(second).toBeLessThan(20)
})

describe('pools', () => {
  it('are made per context settings, and replaced by a run that would not fit', async () => {
    const { engine, contexts } = counted(1)
    await solve(engine, file, 'the answer', small)
    await solve(engine, file, 'the answer', { ...small, engine: { kvType: 'f16' } })
    expect(contexts).toHaveLength(2)
    await solve(engine, file, 'the answer', small)
    expect(contexts).toHaveLength(2)
    await solve(engine, file, 'the answer', { ...small, budget: 500 })
    expect(contexts).toHaveLength(3)
    expect(contexts[2]!.cells).toBeGreaterThan(contexts[0]!.cells)
  })

  it('a run that is alone starts on an empty pool and is joined by no other', async () => {
    const { engine, contexts } = counted(4)
    const run = (seed: number, alone: boolean) =>
      start(engine, file, 'the answer', { ...small, budget: 100, seed, alone })
    const runs = [run(1, false), run(2, true), run(3, false)]
    const busy: number[] = []
    await Promise.all(
      runs.map(async (one, i) => {
        await one.until(({ type }) => type === 'tokens')
        busy.push(i)
        await one.end()
        busy.push(i)
      }),
    )
    expect(busy).toEqual([0, 0, 1, 1, 2, 2])
    expect(contexts).toHaveLength(1)
  })

  it('a run whose context does not fit beside another waits until that one is idle', async () => {
    const { engine, contexts } = counted(1, 1)
    const first = start(engine, endless, 'the answer', LONG)
    await first.until(({ type }) => type === 'tokens')
    const { run: second, waits, places } = waiting(engine, { ...small, engine: { kvType: 'f16' } })
    await waits
    await Promise.all([first.end(), second.end()])
    expect([first, second].map(({ state }) => state.endReason)).toEqual(['finished', 'finished'])
    expect(contexts).toHaveLength(2)
    expect(places).toEqual([1, null])
  })

  it('a resting run is moved out of memory for another model, and comes back', async () => {
    const { engine, contexts } = counted(1, 1)
    const first = await solve(engine, file, 'the answer', small)
    const second = await solve(engine, tinyFile({ seed: 72 }).file, 'the answer', small)
    expect(contexts).toHaveLength(2)
    expect(second.state.endReason).toBe('finished')
    await first.after({ type: 'branch', segment: 'p1', at: 3 })
    expect(contexts).toHaveLength(3)
    expect(first.state.endReason).toBe('finished')
  })
})
