import { describe, expect, it } from 'vitest'
import { isOpen } from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import {
  disagreement,
  newEngine,
  readInTurn,
  rescore,
  solve,
  start,
  tinyFile,
  type Settings,
  Watched,
} from './support.ts'

const engine = newEngine()
const plain = tinyFile({ shape: 'llama', seed: 5, pairs: 0, thoughts: 0 })
const endless = tinyFile({ shape: 'llama', seed: 5, pairs: 0, thoughts: 0, endless: true })
const trained = tinyFile({ seed: 3, keys: {} })
const small = {
  strategy: 'refine',
  paths: 3,
  reads: 2,
  budget: 12,
  summaryBudget: 8,
  seed: 7,
  question: 'text',
  finish: 'last',
} as const satisfies Settings

const shape = (run: Watched) =>
  run.state.paths.map(({ segment, group, reads }) => [segment, group, reads.length])
const THREE_AND_THREE = [
  ['p1', 1, 0],
  ['p2', 1, 0],
  ['p3', 1, 0],
  ['p4', 2, 2],
  ['p5', 2, 2],
  ['p6', 2, 2],
]

describe('refine', () => {
  it('reads the round before from the cache, each path with its own copy', async () => {
    const run = await solve(engine, plain.file, 'the answer', small)
    const { state } = run
    expect(state.status).toBe('ended')
    expect(shape(run)).toEqual(THREE_AND_THREE)
    for (const path of state.paths.slice(3)) {
      expect(path).toMatchObject({ fusion: 'cache', source: { layout: 'consecutive' } })
      expect(new Set(path.reads).size).toBe(2)
      expect(path.reads.every((read) => ['p1', 'p2', 'p3'].includes(read))).toBe(true)
      expect(path.instruction).toContain('Improve on the attempts')
      expect(path.tokens.length).toBeGreaterThan(0)
      const scored = await rescore(engine, plain.file, run, path.segment)
      expect(disagreement(run, path.segment, scored)).toBeLessThan(1e-4)
    }
    expect(state.summaries).toMatchObject([{ segment: 's1', group: 2, reads: ['p4', 'p5', 'p6'] }])
    const [summary] = state.summaries
    expect(readInTurn(run, 's1').parts.map(({ segment }) => segment)).toEqual(summary!.reads)
    expect(state.answer).toBe(summary!.text.trim())
  })

  it('gives the same run for the same seed, and reads other paths for another', async () => {
    const reads = (run: Watched) => run.state.paths.map((path) => path.reads)
    const [first, again, other] = [
      await solve(engine, plain.file, 'the answer', { ...small, alone: true }),
      await solve(engine, plain.file, 'the answer', { ...small, alone: true }),
      await solve(engine, plain.file, 'the answer', { ...small, seed: 8 }),
    ]
    expect(reads(again)).toEqual(reads(first))
    for (const { segment } of first.state.paths)
      expect(again.ids(segment)).toEqual(first.ids(segment))
    expect(reads(other)).not.toEqual(reads(first))
  })

  it('frees the round before the last two, and brings it back for a command', async () => {
    const settings = { ...small, rounds: 5 }
    const { events } = await solve(engine, plain.file, 'the answer', settings)
    // In a new engine the last round is computed again, round by round, with cells for two.
    const run = new Watched(newEngine().resume(events), events)
    await run.after({ type: 'summarise' })
    expect(run.segment('s2').reads).toEqual(['p13', 'p14', 'p15'])
    expect(run.state.paths.map(({ group }) => group).join('')).toBe('111222333444555')
    for (const segment of ['p1', 'p5'] as const) {
      const { segment: branch } = await run.after({ type: 'branch', segment, at: 3 })
      const path = run.segment(branch!)
      expect(path.group).toBe(run.segment(segment).group)
      expect(path.tokens.length).toBeGreaterThan(3)
    }
    // A branch of a path that reads others goes on from the same cells.
    const parent = run.segment('p5')
    const branch = run.segment('p17')
    expect(branch.tokens.slice(0, 3)).toEqual(parent.tokens.slice(0, 3))
  })

  it('reads again where cells cannot be joined or re-reading is asked for', async () => {
    const run = await solve(engine, plain.file, 'the answer', {
      ...small,
      controls: { fusion: 'reread' },
    })
    expect(shape(run)).toEqual(THREE_AND_THREE)
    expect(run.state.paths.slice(3)).toMatchObject(
      Array.from({ length: 3 }, () => ({ fusion: 'reread', source: { type: 'text' } })),
    )
    expect(run.state.summaries).toHaveLength(1)
  })

  it.each(['cache', 'reread'] as const)('works on a trained model, by %s', async (fusion) => {
    const run = await solve(engine, trained.file, 'the answer', { ...small, controls: { fusion } })
    expect(shape(run)).toEqual(THREE_AND_THREE)
    expect(run.state.paths.map(({ thought }) => thought)).toEqual([1, 2, 3, 1, 2, 3])
    expect(run.state.paths[3]!.instruction).toBeNull()
    expect(run.state.summaries).toMatchObject([{ reads: ['p4', 'p5', 'p6'], fusion }])
    expect(run.failure).toBeNull()
  })

  it('begins the paths of a trained model behind the largest position of what they read', async () => {
    const bare = tinyFile({ seed: 3, thoughts: 0 })
    const run = await solve(engine, bare.file, 'the answer', small)
    for (const path of ['p4', 'p5', 'p6'] as const) {
      expect(run.segment(path).source).toMatchObject({ type: 'join', layout: 'shared' })
      const scored = await rescore(engine, bare.file, run, path)
      expect(disagreement(run, path, scored)).toBeLessThan(1e-4)
    }
  })

  it('votes over its last round as asked, and where two of its paths agree on a value', async () => {
    const value = { ...small, question: 'value' } as const
    const run = await solve(engine, plain.file, 'the answer', { ...value, answerBy: 'vote' })
    expect(run.state.summaries).toEqual([])
    const [vote] = run.state.votes
    expect(vote!.over).toBe('paths')
    expect(vote!.classes.flatMap(({ members }) => members).sort()).toEqual(['p4', 'p5', 'p6'])
    // These paths state no value.
    const fused = await solve(engine, plain.file, 'the answer', value)
    expect(fused.state.summaries).toHaveLength(1)
    expect(fused.state.votes).toEqual([])
    const voted = await solve(engine, plain.file, 'the answer', { ...small, answerBy: 'vote' })
    expect(voted.state.summaries).toEqual([])
    expect(voted.state.notices.map(({ code }) => code)).toContain('nothing-to-count')
    // A trained model has its answer in a summary.
    const native = await solve(engine, trained.file, 'the answer', value)
    expect(native.state.summaries).toHaveLength(1)
  })

  it('is one path that refines itself, or one round that is fused', async () => {
    const one = await solve(engine, plain.file, 'the answer', {
      ...small,
      paths: 1,
      reads: 1,
      rounds: 3,
    })
    expect(shape(one)).toEqual([
      ['p1', 1, 0],
      ['p2', 2, 1],
      ['p3', 3, 1],
    ])
    const round = await solve(engine, plain.file, 'the answer', { ...small, rounds: 1 })
    expect(shape(round)).toEqual(THREE_AND_THREE.slice(0, 3))
    expect(round.state.summaries).toMatchObject([{ segment: 's1', reads: ['p1', 'p2', 'p3'] }])
  })

  it('refuses to read more paths than a round has', async () => {
    const run = await solve(engine, plain.file, 'the answer', { ...small, reads: 4 })
    expect(run.failure).toEqual({
      code: 'bad-combination',
      text: 'A path of a later round cannot read 4 paths of a round that has 3. Use at most 3 (--reads).',
    })
  })

  it('works in a context that is smaller than its rounds', async () => {
    for (const context of [150, 220, 320]) {
      const settings = { ...small, engine: { context } }
      const run = await solve(engine, plain.file, 'the answer', settings)
      expect(run.state.paths.some(isOpen)).toBe(false)
      if (run.failure !== null) expect(run.failure.code).toBe('context-too-small')
      else expect(run.state.status).toBe('ended')
    }
  })
})

describe('commands in the middle of a refine run', () => {
  const long = { ...small, budget: 200 }
  const inRound = (round: number) => (run: Watched) =>
    run.state.paths.some(({ group, tokens }) => group === round && tokens.length > 2)
  const begun = async (round: number): Promise<Watched> => {
    const run = start(engine, endless.file, 'the answer', { ...long, rounds: 3 })
    return run.until((_, one) => inRound(round)(one))
  }

  it('a path that was dropped is not read', async () => {
    const run = await begun(1)
    await run.handle.command({ type: 'drop', segment: 'p2' })
    await run.end()
    expect(run.state.paths.flatMap(({ reads }) => reads)).not.toContain('p2')
    expect(run.state.paths.filter(({ group }) => group === 3)).toHaveLength(3)
  })

  it('a stopped path is read as it is, and an extended one is waited for', async () => {
    const run = await begun(1)
    await run.handle.command({ type: 'stop', segment: 'p1' })
    await run.handle.command({ type: 'extend', segment: 'p3', tokens: 20 })
    await run.end()
    expect(run.segment('p1').reason).toBe('stopped')
    expect(run.state.paths.filter(({ group }) => group === 2)).toHaveLength(3)
    const begins = run.segment('p4').startedAt
    for (const path of ['p1', 'p2', 'p3'])
      expect(run.segment(path).endedAt).toBeLessThanOrEqual(begins)
  })

  it('a branch of an earlier round goes on beside the next ones', async () => {
    const run = await begun(2)
    const { segment } = await run.handle.command({ type: 'branch', segment: 'p1', at: 2 })
    await run.end()
    expect(run.segment(segment!)).toMatchObject({ group: 1, parent: { segment: 'p1', at: 2 } })
    expect(isOpen(run.segment(segment!))).toBe(false)
    expect(run.state.summaries).toHaveLength(1)
  })

  it('a summary now ends the rounds and reads the last whole one', async () => {
    const run = await begun(2)
    await run.handle.command({ type: 'summarise' })
    await run.end()
    expect(Math.max(...run.state.paths.map(({ group }) => group!))).toBe(2)
    const ended = run.state.paths.filter(
      ({ group, reason }) => group === 2 && (reason === 'finished' || reason === 'budget'),
    )
    const read: SegmentId[] = run.state.summaries[0]!.reads as SegmentId[]
    expect(run.state.summaries).toHaveLength(1)
    expect(read.every((path) => run.segment(path).group === (ended.length > 0 ? 2 : 1))).toBe(true)
  })

  it.each(['stop-all', 'cancel'] as const)('%s opens no other round', async (type) => {
    const run = await begun(2)
    await run.handle.command({ type })
    await run.end()
    expect(run.state.paths.some(isOpen)).toBe(false)
    expect(Math.max(...run.state.paths.map(({ group }) => group!))).toBe(2)
    await run.after({ type: 'summarise' })
    expect(run.state.summaries).toHaveLength(1)
  })

  it('two runs in one pool do not disturb each other', async () => {
    const alone = await solve(engine, plain.file, 'the answer', small)
    const [a, b] = [
      start(engine, plain.file, 'the answer', small),
      start(engine, plain.file, 'the reason', { ...small, seed: 9 }),
    ]
    await Promise.all([a.end(), b.end()])
    expect(shape(a)).toEqual(shape(alone))
    expect(shape(b)).toEqual(THREE_AND_THREE)
    for (const path of ['p4', 'p5', 'p6'] as const) {
      const scored = await rescore(engine, plain.file, b, path)
      expect(disagreement(b, path, scored)).toBeLessThan(1e-4)
    }
  })
})

it('does not tell what its summary attended to', async () => {
  const run = await solve(engine, plain.file, 'the answer', small)
  await expect(engine.attribute(run.events, 's1')).rejects.toMatchObject({
    code: 'bad-request',
    detail: { detail: 'bad-request/of-rounds' },
  })
})
