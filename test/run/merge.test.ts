import { beforeAll, describe, expect, it } from 'vitest'
import { loadAddon, type NativeModel } from '../../engine/native/load.ts'
import { isOpen } from '../../engine/protocol/fold.ts'
import { answerWords } from '../../engine/protocol/instruction.ts'
import type { Source } from '../../engine/protocol/segments.ts'
import {
  newEngine,
  rescore,
  disagreement,
  solve,
  start,
  tinyFile,
  type Settings,
  type Watched,
} from './support.ts'

const engine = newEngine()
const plain = tinyFile({ shape: 'llama', seed: 5, pairs: 0, thoughts: 0 })
const trained = tinyFile({ seed: 3, keys: {} })
const endless = tinyFile({ shape: 'llama', seed: 34, pairs: 0, thoughts: 0, endless: true })
const small = {
  strategy: 'merge',
  paths: 3,
  budget: 14,
  summaryBudget: 10,
  seed: 7,
  question: 'text',
  finish: 'last',
} as const satisfies Settings

type Merge = Extract<Source, { type: 'merge' }>
const sourceOf = (run: Watched, summary = 's1'): Merge => run.segment(summary).source as Merge

/** Every token of a merged answer has a log-probability in each member, and no other token has one. */
function checkMembers(run: Watched, of: readonly string[], summary = 's1'): void {
  for (const { tokens } of run.state.paths)
    expect(tokens.slice().every(({ members }) => members === undefined)).toBe(true)
  const sampled = run
    .segment(summary)
    .tokens.slice()
    .filter(({ forced }) => forced !== true)
  expect(sampled.length).toBeGreaterThan(0)
  for (const { members } of sampled) expect(members!.map(({ segment }) => segment)).toEqual(of)
}

describe('merge', () => {
  it('writes one answer behind every path, which stay as they were', async () => {
    const run = await solve(engine, plain.file, 'the answer', small)
    const { state } = run
    expect(state.status).toBe('ended')
    expect(state.summaries).toMatchObject([
      { segment: 's1', group: 1, reads: ['p1', 'p2', 'p3'], fusion: null },
    ])
    checkMembers(run, ['p1', 'p2', 'p3'])
    const { ends } = sourceOf(run)
    expect(ends!.map(({ to }) => to)).toEqual(state.paths.map(({ tokens }) => tokens.length))
    expect(new Set(ends!.map(({ tokens }) => tokens.join())).size).toBe(1)
    expect(ends![0]!.tokens.length).toBeGreaterThan(0)
    expect(state.answer).toBe(run.segment('s1').text.trim())
    expect(state.notices.map(({ code }) => code)).not.toContain('cache-fusion')
    const open = state.paths.find(({ reason }) => reason === 'budget')!.segment
    const before = run.ids(open)
    await run.after({ type: 'extend', segment: open, tokens: 5 })
    expect(run.ids(open).slice(0, before.length)).toEqual(before)
    expect(run.ids(open).length).toBeGreaterThan(before.length)
  })

  it('begins the summary of a trained model', async () => {
    const run = await solve(engine, trained.file, 'the answer', { ...small, summaryBudget: 24 })
    const { tokens } = run.segment('s1')
    expect(tokens.at(0)).toMatchObject({
      forced: true,
      id: trained.model.vocabulary.id('<summary>'),
    })
    expect(tokens.at(0)!.members?.length ?? 0).toBeLessThanOrEqual(3)
    expect(sourceOf(run).ends!.every((end) => end.tokens.length === 0)).toBe(true)
    checkMembers(run, ['p1', 'p2', 'p3'])
  })

  it('of one path goes on from that path alone', async () => {
    const run = await solve(engine, plain.file, 'the answer', { ...small, paths: 1 })
    expect(run.segment('s1')).toMatchObject({ reads: ['p1'] })
    expect(run.segment('s1').tokens.length).toBeGreaterThan(0)
    expect(run.segment('s1').tokens.at(0)!.members).toBeUndefined()
  })

  it('needs no joins, whatever fusion is asked for', async () => {
    for (const fusion of ['cache', 'reread'] as const) {
      const run = await solve(engine, plain.file, 'the answer', { ...small, controls: { fusion } })
      expect(run.segment('s1')).toMatchObject({ source: { type: 'merge' }, fusion: null })
    }
  })

  it('works in a context that is smaller than its paths and answers', async () => {
    for (const context of [60, 100, 140, 200]) {
      const run = await solve(engine, plain.file, 'the answer', { ...small, engine: { context } })
      expect([...run.state.paths, ...run.state.summaries].some(isOpen)).toBe(false)
      if (run.failure !== null) expect(run.failure.code).toBe('context-too-small')
    }
  })

  it('writes one more answer, or a summary, when it is asked to', async () => {
    const run = await solve(engine, plain.file, 'the answer', small)
    await run.after({ type: 'summarise', segments: ['p3', 'p1'] })
    expect(sourceOf(run, 's2').of).toEqual(['p1', 'p3'])
    checkMembers(run, ['p1', 'p3'], 's2')
    await run.after({ type: 'summarise', fusion: 'cache' })
    expect(run.segment('s3')).toMatchObject({ fusion: 'cache', reads: ['p1', 'p2', 'p3'] })
    // The join moved the paths; a merge brings them home.
    await run.after({ type: 'summarise' })
    expect(sourceOf(run, 's4').of).toEqual(['p1', 'p2', 'p3'])
    expect(run.segment('s4').tokens.length).toBeGreaterThan(0)
    const difference = disagreement(run, 's3', await rescore(engine, plain.file, run, 's3'))
    expect(difference).toBeLessThan(1e-4)
  })
})

describe('merge of thoughts', () => {
  const thinker = tinyFile({
    shape: 'llama',
    seed: 5,
    pairs: 0,
    thoughts: 0,
    control: ['<think>', '</think>'],
    chatTemplate:
      "{% for m in messages %}{{ m.content.split('</think>')[-1] }}{% endfor %}{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}",
  })
  const close = thinker.model.vocabulary.id('</think>')
  let native: NativeModel
  beforeAll(async () => {
    const options = { path: thinker.file, device: 'cpu', gpuLayers: 0 }
    native = await loadAddon({ gpu: false }).openModel(options).done
    return () => native.close()
  })
  const text = (ids: readonly number[]) =>
    Buffer.concat(ids.map((id) => native.tokenBytes(id))).toString('utf8')

  it('closes a thought that is open', async () => {
    const run = await solve(engine, thinker.file, 'the answer', small)
    const { ends } = sourceOf(run)
    for (const [i, { to, tokens }] of ends!.entries()) {
      expect(to).toBe(run.state.paths[i]!.tokens.length)
      expect(tokens[0]).toBe(close)
      expect(text(tokens.slice(1))).toBe('\n\n')
    }
    expect(run.segment('s1').text).not.toContain('</think>')
  })

  it('a path ends with its thought, and the answer follows', async () => {
    const wild = { ...small, budget: 3000, sampling: { temperature: 10 } }
    const run = await solve(engine, thinker.file, 'the answer', wild)
    const alone = await solve(engine, thinker.file, 'the answer', { ...wild, strategy: 'majority' })
    let closed = 0
    for (const { segment, reason } of run.state.paths) {
      const ids = run.ids(segment)
      const other = alone.ids(segment)
      expect(ids).not.toContain(close)
      if (!other.includes(close)) continue
      closed++
      expect(reason).toBe('finished')
      expect(ids).toEqual(other.slice(0, other.indexOf(close)))
    }
    expect(closed).toBeGreaterThan(0)
  })

  it('a template that leaves out the thought is answered like any other', async () => {
    const run = await solve(engine, thinker.file, 'the answer', {
      ...small,
      templateVariables: { enable_thinking: false },
    })
    for (const { tokens } of sourceOf(run).ends!)
      expect(text(tokens)).toBe(answerWords('text', 'the answer'))
  })
})

describe('commands in the middle of a merge', () => {
  const thinking = (run: Watched) => run.state.paths.every(({ tokens }) => tokens.length > 3)
  const merging = (run: Watched) => (run.state.summaries[0]?.tokens.length ?? 0) > 3
  const long = { ...small, budget: 40, summaryBudget: 4000 }

  it('a path that was dropped takes no part', async () => {
    const run = start(engine, endless.file, 'the answer', { ...small, budget: 400 })
    await run.until((_, one) => one.state.paths.length === 3 && thinking(one))
    await run.handle.command({ type: 'drop', segment: 'p2' })
    await run.end()
    expect(sourceOf(run).of).toEqual(['p1', 'p3'])
    checkMembers(run, ['p1', 'p3'])
  })

  it('a path that is dropped while the answer is written stays in it', async () => {
    const run = start(engine, endless.file, 'the answer', { ...long, summaryBudget: 60 })
    await run.until((_, one) => merging(one))
    await run.handle.command({ type: 'drop', segment: 'p2' })
    await run.end()
    expect(run.segment('s1')).toMatchObject({ reason: 'budget' })
    checkMembers(run, ['p1', 'p2', 'p3'])
  })

  it('a summary now merges the paths as they are', async () => {
    const run = start(engine, endless.file, 'the answer', { ...small, budget: 4000 })
    await run.until((_, one) => one.state.paths.length === 3 && thinking(one))
    await run.handle.command({ type: 'summarise' })
    await run.end()
    expect(run.state.paths.map(({ reason }) => reason)).toEqual(['cut', 'cut', 'cut'])
    checkMembers(run, ['p1', 'p2', 'p3'])
  })

  it.each(['stop-all', 'cancel'] as const)(
    '%s ends the answer, and another can follow',
    async (type) => {
      const run = start(engine, endless.file, 'the answer', long)
      await run.until((_, one) => merging(one))
      await run.handle.command({ type })
      await run.end()
      expect(isOpen(run.segment('s1'))).toBe(false)
      expect(run.state.endReason).toBe(type === 'cancel' ? 'cancelled' : 'stopped')
      await run.handle.command({ type: 'summarise', segments: ['p1', 'p2'] })
      await run.until((_, one) => (one.state.summaries[1]?.tokens.length ?? 0) > 3)
      await run.handle.command({ type: 'stop-all' })
      await run.end(2)
      checkMembers(run, ['p1', 'p2'], 's2')
    },
  )

  it('works beside other runs of the pool', async () => {
    const runs = [
      start(engine, plain.file, 'the answer', small),
      start(engine, plain.file, 'the reason', { ...small, seed: 8 }),
      start(engine, plain.file, 'the reason', { strategy: 'majority', paths: 3, budget: 60 }),
    ]
    await Promise.all(runs.map((run) => run.end()))
    const alone = await solve(engine, plain.file, 'the answer', small)
    expect(runs[0]!.ids('s1')).toEqual(alone.ids('s1'))
    for (const run of runs.slice(0, 2)) checkMembers(run, ['p1', 'p2', 'p3'])
  })
})
