/**
 * Generated tokens: what the decode loop reports for the tokens it chose, in every shape a run can take,
 * against the reference scoring of the same tokens. F32 cache, no flash attention, CPU.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type {
  NativeContext,
  NativeModel,
  NativeToken,
  SamplerOptions,
} from '../../engine/native/load.ts'
import { Random } from '../support/random.ts'
import { reference, type ReferencePath } from '../support/reference.ts'
import { tinyModel } from '../support/tiny-models.ts'
import {
  decode,
  difference,
  EXACT,
  GREEDY,
  ids,
  makeContext,
  open,
  pathSeq,
  PROMPT,
  randomTokens,
  stream,
  summarySeq,
} from './harness.ts'

const SAMPLED: SamplerOptions = { ...GREEDY, temperature: 1 }
const BUDGETS = [12, 40, 5, 33, 21, 2, 28, 17]

describe.each(['qwen2', 'llama'] as const)('%s', (shape) => {
  const model = tinyModel({ shape, seed: 11 })
  const { vocabulary } = model
  const prompt = randomTokens(model, new Random(3), 19)
  const open1 = (i: number) => vocabulary.id(`<think${i + 1}>`)
  const SUMMARY = vocabulary.id('<summary>')
  let native: NativeModel
  let context: NativeContext

  beforeAll(async () => {
    native = await open(model)
  })
  afterAll(() => native.close())

  /** A fresh context with the prompt, and the streams of the paths. */
  async function start(): Promise<void> {
    context = await makeContext(native)
    await context.prefill({ seq: PROMPT, tokens: prompt, thought: 0 })
  }
  const path = (i: number, budget: number, seed = i + 1) =>
    stream({
      id: i,
      seq: pathSeq(i),
      thought: i + 1,
      forced: [open1(i)],
      budget,
      sampler: { ...SAMPLED, seed },
    })
  /** The prompt's tail follows a copy of the whole prompt, so a path's first token has a logprob. */
  async function fork(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await context.copy(PROMPT, pathSeq(i))
  }
  const summary = (version: number, budget = 14) =>
    stream({
      id: 100 + version,
      seq: summarySeq(version),
      forced: [SUMMARY],
      budget,
      sampler: GREEDY,
    })
  async function summarise(version: number, paths: readonly number[]): Promise<NativeToken[]> {
    for (const i of paths) await context.copy(pathSeq(i), summarySeq(version))
    return (await decode(context, [summary(version)])).tokens.get(100 + version)!
  }
  function check(
    tokens: readonly NativeToken[][],
    paths: ReferencePath[],
    written?: NativeToken[],
    summaryPaths?: number[],
  ): void {
    const expected = reference(model, { prompt, paths, summary: ids(written), summaryPaths })
    tokens.forEach((list, i) =>
      expect(difference(list, expected.paths[i]!), `path ${i}`).toBeLessThan(EXACT),
    )
    if (written) expect(difference(written, expected.summary), 'summary').toBeLessThan(EXACT)
  }
  const asPaths = (tokens: readonly NativeToken[][]): ReferencePath[] =>
    tokens.map((list, i) => ({ thought: i + 1, tokens: ids(list) }))

  it('8 sampled paths of unequal length, and a greedy summary', async () => {
    await start()
    await fork(8)
    const { tokens, ends } = await decode(
      context,
      BUDGETS.map((budget, i) => path(i, budget)),
    )
    const lists = BUDGETS.map((_, i) => tokens.get(i)!)
    expect(lists.map((list) => list.length)).toEqual(BUDGETS)
    expect([...ends.values()].every(({ reason }) => reason === 'budget')).toBe(true)
    const written = await summarise(
      0,
      BUDGETS.map((_, i) => i),
    )
    expect(written).toHaveLength(14)
    check(lists, asPaths(lists), written)
    // Greedy is the reference's own choice.
    const expected = reference(model, { prompt, paths: asPaths(lists), summary: ids(written) })
    written.slice(1).forEach(({ id }, i) => {
      const row = expected.summary[i]!.next
      expect(row[id]).toBeCloseTo(Math.max(...row), 3)
    })
    await context.free()
  })

  it('half-finish: the laggards are cut and read as they are', async () => {
    await start()
    await fork(6)
    const budgets = [8, 9, 10, 60, 60, 60]
    const { tokens, ends } = await decode(
      context,
      budgets.map((budget, i) => path(i, budget)),
      3,
    )
    expect(budgets.map((_, i) => ends.get(i)!.reason)).toEqual([
      'budget',
      'budget',
      'budget',
      'cut',
      'cut',
      'cut',
    ])
    const lists = budgets.map((_, i) => tokens.get(i)!)
    expect(lists.map((list) => list.length)).toEqual([8, 9, 10, 10, 10, 10])
    check(lists, asPaths(lists), await summarise(0, [0, 1, 2, 3, 4, 5]))
    await context.free()
  })

  it('an end token in place of a stop token', async () => {
    await start()
    await fork(2)
    // Every ordinary byte is a stop: the path ends with its own end token at once.
    const close = vocabulary.id('</think1>')
    const { tokens, ends } = await decode(context, [
      {
        ...path(0, 20),
        stops: Array.from({ length: model.dims.vocab }, (_, i) => i),
        endToken: close,
      },
      path(1, 20),
    ])
    expect(ends.get(0)!.reason).toBe('finished')
    expect(ids(tokens.get(0))).toEqual([open1(0), close])
    const lists = [tokens.get(0)!, tokens.get(1)!]
    check(lists, asPaths(lists), await summarise(0, [0, 1]))
    await context.free()
  })

  it('dropping a path changes neither the others nor what the summary reads of them', async () => {
    await start()
    await fork(4)
    const { tokens } = await decode(
      context,
      [20, 21, 22, 23].map((budget, i) => path(i, budget)),
    )
    await context.remove(pathSeq(1))
    const more = await decode(
      context,
      [0, 2, 3].map((i) =>
        stream({
          id: i,
          seq: pathSeq(i),
          thought: i + 1,
          budget: 9,
          sampler: { ...SAMPLED, seed: 50 + i },
        }),
      ),
    )
    const lists = [0, 1, 2, 3].map((i) => [...tokens.get(i)!, ...(more.tokens.get(i) ?? [])])
    expect(lists.map((list) => list.length)).toEqual([29, 21, 31, 32])
    check(lists, asPaths(lists), await summarise(0, [0, 2, 3]), [0, 2, 3])
    await context.free()
  })

  it('an extended path thinks on from where it stopped, while another still thinks', async () => {
    await start()
    await fork(2)
    const results = { tokens: new Map<number, NativeToken[]>(), ends: new Map() }
    let extended = false
    const run = context.decode({
      streams: [path(0, 10), path(1, 400)],
      finish: 0,
      cells: 2000,
      logprobs: true,
      alternatives: 0,
      onBatch(batch) {
        for (const { id, tokens } of batch.tokens)
          results.tokens.set(id, [...(results.tokens.get(id) ?? []), ...tokens])
        if (!extended && batch.ended.some(({ id }) => id === 0)) {
          extended = run.add(
            stream({
              id: 0,
              seq: pathSeq(0),
              thought: 1,
              budget: 15,
              sampler: { ...SAMPLED, seed: 77 },
            }),
          )
          run.extend(1, 3)
        }
      },
    })
    await run.done
    expect(extended).toBe(true)
    const lists = [results.tokens.get(0)!, results.tokens.get(1)!]
    expect(lists.map((list) => list.length)).toEqual([25, 403])
    check(lists, asPaths(lists), await summarise(0, [0, 1]))
    await context.free()
  })

  it('a branch: rewind, another token forced, thought on; the parent stays', async () => {
    await start()
    await fork(2)
    const { tokens } = await decode(
      context,
      [30, 18].map((budget, i) => path(i, budget)),
    )
    const parent = tokens.get(0)!
    const at = 13
    const other = vocabulary.id('A') === parent[at]!.id ? vocabulary.id('B') : vocabulary.id('A')
    // The token before the branch is computed again, silently, for the logits after it; the parent's cell of it is kept.
    const branch = stream({
      id: 2,
      seq: pathSeq(2),
      thought: 1,
      forced: [parent[at - 1]!.id, other],
      silent: 1,
      budget: 16,
      sampler: { ...SAMPLED, seed: 9 },
      branch: { from: pathSeq(0), end: prompt.length + at - 1 },
    })
    const child = (await decode(context, [branch])).tokens.get(2)!
    expect(child).toHaveLength(16)
    expect(child[0]).toMatchObject({ id: other, forced: true })
    const lists = [parent, tokens.get(1)!]
    const paths = [...asPaths(lists), { thought: 1, tokens: ids(child), parent: { path: 0, at } }]
    const expected = reference(model, { prompt, paths })
    expect(difference(child, expected.paths[2]!)).toBeLessThan(EXACT)
    const written = await summarise(0, [0, 1, 2])
    check(lists, paths, written)
    await context.free()
  })

  it('a branch that joins while its parent still thinks', async () => {
    await start()
    await fork(1)
    const tokens = new Map<number, NativeToken[]>()
    const at = 6
    let added = false
    const run = context.decode({
      streams: [path(0, 300)],
      finish: 0,
      cells: 2000,
      logprobs: true,
      alternatives: 0,
      onBatch(batch) {
        for (const entry of batch.tokens)
          tokens.set(entry.id, [...(tokens.get(entry.id) ?? []), ...entry.tokens])
        const parent = tokens.get(0) ?? []
        if (added || parent.length < at) return
        added = run.add(
          stream({
            id: 1,
            seq: pathSeq(1),
            thought: 1,
            forced: [parent[at - 1]!.id],
            silent: 1,
            budget: 25,
            sampler: { ...SAMPLED, seed: 8 },
            branch: { from: pathSeq(0), end: prompt.length + at - 1 },
          }),
        )
      },
    })
    await run.done
    expect(added).toBe(true)
    const [parent, child] = [tokens.get(0)!, tokens.get(1)!]
    expect([parent.length, child.length]).toEqual([300, 25])
    check(
      [parent, child],
      [
        { thought: 1, tokens: ids(parent) },
        { thought: 1, tokens: ids(child), parent: { path: 0, at } },
      ],
      await summarise(0, [0, 1]),
    )
    await context.free()
  })

  it('a second summary over a subset, and the first again, do not see each other', async () => {
    await start()
    await fork(4)
    const { tokens } = await decode(
      context,
      [11, 24, 7, 30].map((budget, i) => path(i, budget)),
    )
    const lists = [0, 1, 2, 3].map((i) => tokens.get(i)!)
    const first = await summarise(0, [0, 1, 2, 3])
    const second = await summarise(1, [1, 2])
    const third = await summarise(2, [0, 1, 2, 3])
    check(lists, asPaths(lists), first)
    check(lists, asPaths(lists), second, [1, 2])
    expect(ids(third)).toEqual(ids(first))
    check(lists, asPaths(lists), third)
    await context.free()
  })

  it('a cache rebuilt from the tokens alone goes on as the lost one would', async () => {
    await start()
    await fork(3)
    const { tokens } = await decode(
      context,
      [14, 22, 9].map((budget, i) => path(i, budget)),
    )
    const lists = [0, 1, 2].map((i) => tokens.get(i)!)
    const written = await summarise(0, [0, 1, 2])
    await context.free()

    await start()
    for (const [i, list] of lists.entries()) {
      await context.copy(PROMPT, pathSeq(i))
      await context.prefill({ seq: pathSeq(i), tokens: ids(list), thought: i + 1 })
    }
    const again = await summarise(0, [0, 1, 2])
    expect(ids(again)).toEqual(ids(written))
    check(lists, asPaths(lists), again)
    const more = (
      await decode(context, [
        stream({
          id: 0,
          seq: pathSeq(0),
          thought: 1,
          budget: 12,
          sampler: { ...SAMPLED, seed: 5 },
        }),
      ])
    ).tokens.get(0)!
    check([[...lists[0]!, ...more]], asPaths([[...lists[0]!, ...more]]))
    await context.free()
  })

  it('undoing the join leaves the paths to think on', async () => {
    await start()
    await fork(2)
    const { tokens } = await decode(
      context,
      [14, 9].map((budget, i) => path(i, budget)),
    )
    await summarise(0, [0, 1])
    await context.remove(summarySeq(0))
    const more = await decode(
      context,
      [0, 1].map((i) =>
        stream({
          id: i,
          seq: pathSeq(i),
          thought: i + 1,
          budget: 10,
          sampler: { ...SAMPLED, seed: 60 + i },
        }),
      ),
    )
    const lists = [0, 1].map((i) => [...tokens.get(i)!, ...more.tokens.get(i)!])
    check(lists, asPaths(lists), await summarise(0, [0, 1]))
    await context.free()
  })
})
