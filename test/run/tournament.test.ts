import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { judgedWinner } from '../../engine/protocol/deciding.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { judgingFor } from '../../engine/protocol/instruction.ts'
import { JUDGE_TOKENS, judgesOf, preferredBy } from '../../engine/protocol/judges.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { standingsOf } from '../../engine/protocol/tournament.ts'
import { THINKS, writeScripted } from '../support/scripted-model.ts'
import { IDEAS, JUDGED } from '../support/scripts.ts'
import {
  disagreement,
  newEngine,
  readInTurn,
  rescore,
  solve,
  start,
  tinyFile,
  Watched,
  type Settings,
} from './support.ts'

const engine = newEngine()
const plain = tinyFile({ shape: 'llama', seed: 5, pairs: 0, thoughts: 0 })
const endless = tinyFile({ shape: 'llama', seed: 34, pairs: 0, thoughts: 0, endless: true })
const trained = tinyFile({ seed: 3, keys: {} })
const scripted = writeScripted(JUDGED)
const thinking = writeScripted(
  {
    '?': [
      '<think>One or two of them.</think>\nA red kite.',
      '<think>Let me see.</think>\nAn old owl.',
    ],
    '.': JUDGED['.']!,
  },
  { template: THINKS },
)
afterAll(() => {
  for (const file of [scripted, thinking]) rmSync(dirname(file), { recursive: true })
})

const small = {
  strategy: 'tournament',
  paths: 4,
  budget: 12,
  seed: 7,
  question: 'text',
} as const satisfies Settings
const texts = { ...small, budget: 120 }
const codes = ({ state }: Watched) => state.notices.map(({ code }) => code)
const pairs = ({ state }: Watched) =>
  judgesOf(state).map(({ group, reads }) => `${group} ${reads.join()}`)

describe('a tournament', () => {
  it('judges from the cache, each judge with its own copies, in both orders', async () => {
    const run = await solve(engine, plain.file, 'the answer', small)
    expect(run.state.status).toBe('ended')
    const judges = judgesOf(run.state)
    expect(pairs(run).slice(0, 4)).toEqual(['1 p1,p2', '1 p2,p1', '1 p3,p4', '1 p4,p3'])
    expect(judges).toHaveLength(8)
    for (const judge of judges) {
      expect(judge).toMatchObject({ fusion: 'cache', budget: JUDGE_TOKENS })
      expect(judge.instruction).toBe(judgingFor('text', 'the answer'))
      expect(readInTurn(run, judge.segment).parts.map(({ segment }) => segment)).toEqual(
        judge.reads,
      )
      const scored = await rescore(engine, plain.file, run, judge.segment)
      expect(disagreement(run, judge.segment, scored)).toBeLessThan(1e-4)
    }
    // A random model names nobody: the tie goes to the first path, and a notice says so.
    expect(codes(run)).toEqual(['judges-silent'])
    expect(run.state.votes).toMatchObject([{ over: 'judges', tie: true, winner: 0 }])
    expect(run.state.answer).toBe(run.segment('p1').text.trim())
    const { usage, timings } = run.state
    expect(usage!.judgeTokens).toBe(judges.reduce((sum, { tokens }) => sum + tokens.length, 0))
    expect(usage!.probeTokens).toBeUndefined()
    expect(timings!.judgeMs).toBeGreaterThan(0)
  })

  it('has the reasons and the verdict of each judge, and the winner’s text unchanged', async () => {
    const run = await solve(engine, scripted, 'What is best?', { ...texts, seed: 3 })
    const judges = judgesOf(run.state)
    expect(judges).toHaveLength(8)
    for (const judge of judges) {
      expect(judge.text).toMatch(/Better: [12]$/)
      expect(preferredBy(judge)).toBe(judge.reads[Number(judge.text.at(-1)) - 1])
      expect(judge.answer).toMatchObject({ kind: 'verdict' })
    }
    expect(new Set(judges.map(({ text }) => text)).size).toBe(2)
    const [first] = standingsOf(run.state)
    const winner = judgedWinner(run.state)!
    expect(winner).toBe(first!.members[0])
    expect(run.state.answer).toBe(run.segment(winner).text.trim())
    expect(codes(run)).not.toContain('judges-silent')
    expect(foldRun(run.events)).toEqual(run.handle.state)
    const again = await solve(engine, scripted, 'What is best?', { ...texts, seed: 3 })
    expect(judgesOf(again.state).map(({ text }) => text)).toEqual(judges.map(({ text }) => text))
  })

  it('lets the user choose another text, and take it back by a later summary', async () => {
    const run = await solve(engine, scripted, 'What is best?', texts)
    const winner = judgedWinner(run.state)!
    const other = run.state.paths.find(
      ({ segment, text }) => segment !== winner && text !== run.segment(winner).text,
    )!
    await run.handle.command({ type: 'override-vote', member: other.segment })
    await run.until((event) => event.type === 'run-ended' && event.answer === other.text.trim())
    await run.handle.command({ type: 'drop', segment: other.segment })
    await run.until(() => run.state.answer === run.segment(judgedWinner(run.state)!).text.trim())
    await run.after({ type: 'summarise' })
    expect(run.state.answer).toBe(run.state.summaries.at(-1)!.text.trim())
    expect(judgesOf(run.state)).toHaveLength(8)
  })

  it('reads again where cells cannot be joined or re-reading is asked for, and for trained models', async () => {
    const reread = { controls: { fusion: 'reread' } } as const
    const run = await solve(engine, plain.file, 'the answer', { ...small, ...reread, paths: 2 })
    expect(judgesOf(run.state)).toHaveLength(2)
    for (const judge of judgesOf(run.state))
      expect(judge).toMatchObject({ fusion: 'reread', source: { type: 'text' } })
    for (const more of [{}, reread]) {
      const native = await solve(engine, trained.file, 'the answer', {
        ...small,
        paths: 2,
        summaryBudget: 8,
        ...more,
      })
      expect(native.state.summaries).toHaveLength(2)
      expect(pairs(native)).toEqual(['1 s1,s2', '1 s2,s1'])
      for (const judge of judgesOf(native.state)) {
        expect(judge).toMatchObject({ source: { type: 'text' } })
        expect(judge.instruction).toBeDefined()
      }
      expect(native.state.answer).not.toBeNull()
    }
  })

  it('shows a judge only what follows a thought', async () => {
    const run = await solve(engine, thinking, 'Which bird?', { ...texts, paths: 2 })
    const [judge] = judgesOf(run.state)
    expect(judge!.reads).toEqual(['p1', 'p2'])
    for (const { segment, from } of readInTurn(run, 'j1').parts) {
      const before = run
        .segment(segment)
        .tokens.slice(0, from)
        .map(({ text }) => text)
        .join('')
      expect(before).toContain('</think>')
    }
    expect(run.state.answer).toMatch(/^(A red kite|An old owl)\.$/)
  })

  it('does not run the programs that it compares', async () => {
    const run = await solve(engine, scripted, 'What is best?', { ...texts, question: 'code' })
    expect(run.state.agreement).toBeNull()
    expect(codes(run)).not.toContain('programs-off')
    expect(judgesOf(run.state)[0]!.instruction).toBe(judgingFor('code', 'What is best?'))
  })

  it('goes on where a path is dropped or extended while it is judged', async () => {
    const run = start(engine, endless.file, 'the answer', { ...small, budget: 30 })
    await run.until(({ type, segment }) => type === 'tokens' && segment === 'j2')
    await run.handle.command({ type: 'drop', segment: 'p1' })
    await run.handle.command({ type: 'extend', segment: 'p2', tokens: 12 })
    await run.end()
    expect(run.segment('p2').tokens.length).toBe(42)
    const later = judgesOf(run.state).filter(({ group }) => group === 2)
    expect(later).toHaveLength(2)
    expect(later.flatMap(({ reads }) => reads)).not.toContain('p1')
    expect(run.state.status).toBe('ended')
  })

  it('stops with the judgements so far, and can be taken up from its events', async () => {
    const run = start(engine, endless.file, 'the answer', { ...small, budget: 30 })
    await run.until(({ type, segment }) => type === 'tokens' && segment === 'j4')
    await run.handle.command({ type: 'stop-all' })
    await run.end()
    expect(run.state.endReason).toBe('stopped')
    expect(judgesOf(run.state).every(({ reason }) => reason !== null)).toBe(true)
    expect(run.state.votes).toHaveLength(1)
    await run.close()
    const resumed = new Watched(newEngine().resume(run.events), run.events)
    await resumed.after({ type: 'extend', segment: 'p1', tokens: 5 })
    expect(judgesOf(resumed.state)).toHaveLength(4)
    expect(resumed.segment('p1').tokens.length).toBe(35)
  })

  it('records a judge that finds no room as one that names neither', async () => {
    const run = await solve(engine, endless.file, 'the answer', {
      ...small,
      budget: 60,
      engine: { context: 330 },
    })
    expect(run.state.status).toBe('ended')
    const failed = judgesOf(run.state).filter(({ status }) => status === 'failed')
    expect(failed.length).toBeGreaterThan(0)
    expect(failed[0]!.error).toMatchObject({ code: 'context-too-small' })
    expect(failed[0]!.reads).toHaveLength(2)
    expect(run.state.answer).not.toBeNull()
  })

  it('judges nothing where one path is left', async () => {
    const run = await solve(engine, plain.file, 'the answer', { ...small, paths: 1 })
    expect([judgesOf(run.state), run.state.answer]).toEqual([[], run.segment('p1').text.trim()])
  })

  it.each([0, 4])('refuses %i judgements per candidate', (judgements) => {
    expect(() => start(engine, plain.file, 'the answer', { ...small, judgements })).toThrow(
      /judgements/,
    )
  })
})

it('works on the ideas of a script as on any other', async () => {
  const file = writeScripted(IDEAS)
  try {
    const run = await solve(engine, file, 'What shall we do?', { ...texts, question: 'auto' })
    expect(run.state.question).toBe('text')
    const winner = judgedWinner(run.state) as SegmentId
    expect(run.state.answer).toBe(run.segment(winner).text.trim())
  } finally {
    rmSync(dirname(file), { recursive: true })
  }
})
