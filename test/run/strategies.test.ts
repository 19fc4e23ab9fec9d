import { describe, expect, it } from 'vitest'
import { f32, str, u32 } from '../support/gguf-writer.ts'
import {
  disagreement,
  newEngine,
  rescore,
  solve,
  start,
  timeless,
  tinyFile,
  type Watched,
} from './support.ts'

const engine = newEngine()
const tiny = tinyFile({ seed: 3, keys: {} })
const id = (text: string) => tiny.model.vocabulary.id(text)
const small = { budget: 40, summaryBudget: 24, seed: 7 }

describe('strategies on a model with control tokens', () => {
  it('parallel: paths under their own tokens and rows, one summary from the cache', async () => {
    const run = await solve(engine, tiny.file, 'the answer', { ...small, paths: 4, finish: 'last' })
    const { state } = run
    expect(state.status).toBe('ended')
    expect(state.paths.map(({ segment, group, thought }) => [segment, group, thought])).toEqual([
      ['p1', 1, 1],
      ['p2', 1, 2],
      ['p3', 1, 3],
      ['p4', 1, 4],
    ])
    for (const path of state.paths) {
      const ids = run.ids(path.segment)
      expect(ids[0]).toBe(id(`<think${path.thought}>`))
      expect(path.tokens.at(0)!.forced).toBe(true)
      const opening = new Set(
        [...Array(8).keys()].map((i) => id(`<think${i + 1}>`)).concat(id('<summary>')),
      )
      expect(ids.slice(1).filter((token) => opening.has(token))).toEqual([])
      if (path.reason === 'finished') expect(ids.at(-1)).toBe(id(`</think${path.thought}>`))
      else expect([path.reason, ids.length]).toEqual(['budget', small.budget])
      expect(ids.slice(1, -1)).not.toContain(id(`</think${path.thought}>`))
    }
    const [summary] = state.summaries
    expect(summary).toMatchObject({
      segment: 's1',
      group: 1,
      reads: ['p1', 'p2', 'p3', 'p4'],
      fusion: 'cache',
    })
    expect(summary!.tokens.at(0)).toMatchObject({
      id: id('<summary>'),
      forced: true,
      logprob: null,
    })
    expect(run.events.map(({ type }) => type).filter((type) => type !== 'tokens')).toEqual([
      'run-started',
      'segment-started',
      'segment-started',
      'segment-started',
      'segment-started',
      'segment-ended',
      'segment-ended',
      'segment-ended',
      'segment-ended',
      'question',
      'segment-started',
      'segment-ended',
      'run-ended',
    ])
    expect(disagreement(run, 's1', await rescore(engine, tiny.file, run, 's1'))).toBeLessThan(1e-4)
  })

  it('turning the thought table off, or giving every path the same token, is another model', async () => {
    const off = await solve(engine, tiny.file, 'the answer', {
      ...small,
      paths: 2,
      controls: { thoughtEmbedding: false },
    })
    expect(disagreement(off, 's1', await rescore(engine, tiny.file, off, 's1'))).toBeGreaterThan(
      0.01,
    )
    const same = await solve(engine, tiny.file, 'the answer', {
      ...small,
      paths: 3,
      finish: 'last',
      controls: { sameToken: true },
    })
    expect(same.state.paths.map(({ thought }) => thought)).toEqual([1, 2, 3])
    for (const path of same.state.paths) {
      expect(same.ids(path.segment)[0]).toBe(id('<think1>'))
      if (path.reason === 'finished') expect(same.ids(path.segment).at(-1)).toBe(id('</think1>'))
    }
    expect(disagreement(same, 's1', await rescore(engine, tiny.file, same, 's1'))).toBeLessThan(
      1e-4,
    )
  })

  it('sequential: one path under <think1>, then its summary', async () => {
    const run = await solve(engine, tiny.file, 'in the', { ...small, strategy: 'sequential' })
    expect(run.state.paths).toHaveLength(1)
    expect(run.ids('p1')[0]).toBe(id('<think1>'))
    expect(disagreement(run, 's1', await rescore(engine, tiny.file, run, 's1'))).toBeLessThan(1e-4)
  })

  it('majority: independent runs with summaries of their own, and a vote', async () => {
    const run = await solve(engine, tiny.file, 'or and', {
      ...small,
      question: 'value',
      strategy: 'majority',
      paths: 3,
      finish: 'first',
    })
    const { state } = run
    expect(state.paths.map(({ segment, group, thought }) => [segment, group, thought])).toEqual([
      ['p1', 1, 1],
      ['p2', 2, 1],
      ['p3', 3, 1],
    ])
    expect(state.paths.map(({ reason }) => reason)).not.toContain('cut')
    expect(state.summaries.map(({ segment, reads }) => [segment, reads])).toEqual([
      ['s1', ['p1']],
      ['s2', ['p2']],
      ['s3', ['p3']],
    ])
    for (const summary of ['s1', 's2', 's3'])
      expect(
        disagreement(run, summary, await rescore(engine, tiny.file, run, summary)),
      ).toBeLessThan(1e-4)
    const [vote] = state.votes
    expect(vote).toMatchObject({ over: 'summaries', rule: 'equality' })
    expect(vote!.classes.flatMap(({ members }) => members).sort()).toEqual(['s1', 's2', 's3'])
    expect(state.answer).toBe(vote!.classes[vote!.winner]!.answer)
  })

  it('parallel-majority: groups of paths, cut each for itself, fused each for itself', async () => {
    const run = await solve(engine, tiny.file, 'and then', {
      ...small,
      strategy: 'parallel-majority',
      paths: 3,
      runs: 2,
      finish: 'first',
      budget: 120,
    })
    const { state } = run
    expect(state.paths.map(({ group, thought }) => `${group}/${thought}`)).toEqual([
      '1/1',
      '1/2',
      '1/3',
      '2/1',
      '2/2',
      '2/3',
    ])
    for (const group of [1, 2]) {
      const paths = state.paths.filter((path) => path.group === group)
      expect(paths.some(({ reason }) => reason === 'finished' || reason === 'budget')).toBe(true)
      const done = Math.min(
        ...paths.filter(({ reason }) => reason !== 'cut').map(({ tokens }) => tokens.length),
      )
      for (const path of paths) if (path.reason === 'cut') expect(path.tokens.length).toBe(done)
    }
    expect(state.summaries.map(({ reads }) => reads)).toEqual([
      ['p1', 'p2', 'p3'],
      ['p4', 'p5', 'p6'],
    ])
    for (const summary of ['s1', 's2'])
      expect(
        disagreement(run, summary, await rescore(engine, tiny.file, run, summary)),
      ).toBeLessThan(1e-4)
  })

  it('half finish: the group is cut when half of its paths have ended', async () => {
    const run = await solve(engine, tiny.file, 'the answer', {
      ...small,
      paths: 4,
      finish: 'half',
      budget: 200,
    })
    const reasons = run.state.paths.map(({ reason }) => reason)
    expect(reasons.filter((reason) => reason !== 'cut').length).toBeGreaterThanOrEqual(2)
    expect(reasons).toContain('cut')
    for (const path of run.state.paths)
      if (path.reason === 'cut')
        expect(run.ids(path.segment)).not.toContain(id(`</think${path.thought}>`))
    expect(disagreement(run, 's1', await rescore(engine, tiny.file, run, 's1'))).toBeLessThan(1e-4)
  })

  it('more paths than trained pairs is refused with the number, or reuses them', async () => {
    const few = tinyFile({ pairs: 2, thoughts: 3, seed: 5 })
    const refused = await solve(engine, few.file, 'the', { ...small, paths: 5 })
    expect(refused.events).toMatchObject([{ type: 'run-failed' }])
    expect(refused.failure).toEqual({
      code: 'too-many-paths',
      text: expect.stringContaining('trained for 2 paths, not 5') as string,
    })
    const off = await solve(engine, few.file, 'the', {
      ...small,
      paths: 5,
      controls: { thoughtEmbedding: false },
    })
    expect(off.events).toMatchObject([{ type: 'run-failed' }])
    expect(off.failure).toEqual({
      code: 'too-many-paths',
      text: expect.stringContaining('trained for 2 paths') as string,
    })
    const reused = await solve(engine, few.file, 'the', {
      ...small,
      paths: 5,
      reuseTokens: true,
      finish: 'last',
    })
    expect(reused.state.paths.map(({ thought }) => thought)).toEqual([1, 2, 1, 2, 1])
    expect(disagreement(reused, 's1', await rescore(engine, few.file, reused, 's1'))).toBeLessThan(
      1e-4,
    )
  })

  it('reads the paths again when asked to', async () => {
    const run = await solve(engine, tiny.file, 'the answer', {
      ...small,
      paths: 3,
      controls: { fusion: 'reread' },
    })
    expect(run.state.summaries[0]).toMatchObject({
      fusion: 'reread',
      reads: ['p1', 'p2', 'p3'],
    })
    expect(run.ids('s1')[0]).toBe(id('<summary>'))
    // The order of positions differs from that in the cache: the same tokens score differently.
    expect(disagreement(run, 's1', await rescore(engine, tiny.file, run, 's1'))).toBeGreaterThan(
      1e-3,
    )
  })

  it('takes defaults, prefix and suffix from the file', async () => {
    const keyed = tinyFile({
      seed: 3,
      keys: {
        'parathinker.paths': u32(2),
        'parathinker.budget': u32(30),
        'parathinker.temperature': f32(0.7),
        'parathinker.summary_prefix': str('the end'),
        'parathinker.prompt_suffix': str(' and then'),
        'parathinker.scope': str('nothing at all'),
      },
    })
    const run = await solve(engine, keyed.file, 'the', { summaryBudget: 20 })
    const plain = await solve(engine, tiny.file, 'the and then', { ...small, paths: 1, budget: 2 })
    expect(run.state.settings).toMatchObject({
      paths: 2,
      budget: 30,
      sampling: { temperature: 0.7 },
    })
    expect(run.state.promptTokens).toEqual(plain.state.promptTokens)
    const forced = run.state.summaries[0]!.tokens.slice()
      .filter((token) => token.forced === true)
      .map(({ text }) => text)
      .join('')
    expect(forced.startsWith('<summary>the end')).toBe(true)
    if (run.state.answer === null || run.state.question !== 'value')
      expect(run.state.notices).toMatchObject([{ code: 'scope' }])
  })
})

describe('the same request, seed, model and device', () => {
  it('is the same transcript apart from times; another seed is not', async () => {
    const settings = {
      ...small,
      paths: 3,
      sampling: { temperature: 1, topK: 20, topP: 0.9, repetitionPenalty: 1.1 },
      alternatives: 3,
    }
    const first = await solve(engine, tiny.file, 'the same', settings)
    const second = await solve(newEngine(), tiny.file, 'the same', settings)
    expect(timeless(second)).toEqual(timeless(first))
    const other = await solve(engine, tiny.file, 'the same', { ...settings, seed: 8 })
    expect(other.ids('p1')).not.toEqual(first.ids('p1'))
  })

  it('a path depends on the seed and its number alone, not on how many think beside it', async () => {
    const two = await solve(engine, tiny.file, 'the', { ...small, paths: 2, finish: 'last' })
    const five = await solve(engine, tiny.file, 'the', { ...small, paths: 5, finish: 'last' })
    expect(five.ids('p1')).toEqual(two.ids('p1'))
    expect(five.ids('p2')).toEqual(two.ids('p2'))
  })
})

it('two runs asked for at once queue, and each is whole', async () => {
  const runs = [1, 2, 3].map((seed) =>
    start(engine, tiny.file, 'the', { ...small, seed, paths: 2 }),
  )
  const ended: number[] = []
  await Promise.all(
    runs.map(async (run, i) => {
      await run.end()
      ended.push(i)
    }),
  )
  expect(ended).toEqual([0, 1, 2])
  for (const run of runs)
    expect(run.state).toMatchObject({ status: 'ended', endReason: 'finished' })
  expect(new Set(runs.map((run: Watched) => run.handle.id)).size).toBe(3)
  // A run's time excludes waiting for other runs: the three together take about the elapsed time of the last one (with waiting, twice that).
  const total = runs.reduce((sum, run) => sum + run.state.timings!.totalMs, 0)
  expect(total).toBeLessThan(1.5 * runs[2]!.state.at)
})
