import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { weightOf } from '../../engine/protocol/answers/weights.ts'
import { writeScripted } from '../support/scripted-model.ts'
import { newEngine, solve, type Settings, type Watched } from './support.ts'

const engine = newEngine()
const file = writeScripted({
  '?': [
    'Ten sheep and ten more are twenty. The answer is \\boxed{20}.',
    'I add ten to ten, so we have \\boxed{20} sheep.',
  ],
})
const mixed = writeScripted({
  '?': ['Ten and ten are \\boxed{20}.', 'One short of it, as ever: \\boxed{19} sheep.'],
})
/** Thinks far longer than a question takes; asked for its answer, it says 20 at once. */
const LONG = Array.from({ length: 2000 }, (_, i) => `w${i}`)
const asked = writeScripted({ '?': [`${LONG.join(' ')} .`], '{': ['20}. Done'] })
afterAll(() => {
  for (const one of [file, mixed, asked]) rmSync(dirname(one), { recursive: true })
})

const ask = (model: string, settings: Settings) =>
  solve(engine, model, 'How many sheep?', {
    strategy: 'majority',
    question: 'value',
    budget: 80,
    seed: 3,
    ...settings,
  })
const codes = (run: Watched) => run.state.notices.map((notice) => notice.code)

describe('a vote that stops when it is decided', () => {
  it('saves the waves that agreement makes unnecessary', async () => {
    const run = await ask(file, { paths: 8, stop: 'decided' })
    expect(run.state).toMatchObject({ status: 'ended', answer: '20' })
    expect(run.state.paths).toHaveLength(4)
    expect(run.state.notices).toMatchObject([
      { code: 'stopped-decided', params: { paths: 4, of: 8, sure: 96, saved: 50 } },
    ])
    expect(run.state.votes).toMatchObject([{ over: 'paths', winner: 0 }])
  })

  it('goes on in the same run, with the tokens that each path has without waves', async () => {
    const settings: Settings = { paths: 6, sampling: { temperature: 1 } }
    const waves = await ask(mixed, { ...settings, stop: 'decided', wave: 2, sure: 0.9999 })
    const all = await ask(mixed, settings)
    expect(codes(waves)).toEqual([])
    expect(waves.state.paths.map(({ text }) => text)).toEqual(
      all.state.paths.map(({ text }) => text),
    )
    const starts = waves.events.flatMap((event, i) =>
      event.type === 'segment-started' ? [{ segment: event.segment, i }] : [],
    )
    const ends = waves.events.flatMap((event, i) => (event.type === 'segment-ended' ? [i] : []))
    expect(starts.map(({ segment }) => segment)).toEqual(['p1', 'p2', 'p3', 'p4', 'p5', 'p6'])
    expect(starts[2]!.i).toBeGreaterThan(ends[1]!)
    expect(starts[4]!.i).toBeGreaterThan(ends[3]!)
    expect(waves.state.answer).toBe(all.state.answer)
  })

  it('works in a context that is too small for all paths', async () => {
    const run = await ask(mixed, {
      paths: 6,
      stop: 'decided',
      wave: 2,
      sure: 0.9999,
      engine: { context: 300 },
    })
    expect(run.state.paths.map(({ reason }) => reason)).toEqual(Array(6).fill('finished'))
  })
})

describe('a vote that stops when the majority stays', () => {
  it('asks each path beside it, stops all, and counts what they said last', async () => {
    const run = await ask(asked, {
      paths: 3,
      stop: 'stable',
      probeEvery: 16,
      patience: 2,
      budget: 8000,
    })
    const { state } = run
    expect(state).toMatchObject({ status: 'ended', answer: '20' })
    expect(state.paths.map(({ reason }) => reason)).toEqual(['cut', 'cut', 'cut'])
    for (const path of state.paths) expect(path.tokens.length).toBeLessThan(LONG.length)
    for (const { after, answer, tokens } of state.probes) {
      expect([after % 16, answer]).toEqual([0, '20'])
      expect(tokens).toBeGreaterThan(3)
    }
    const last = state.notices.at(-1)!
    expect(last).toMatchObject({ code: 'stopped-stable', params: { agree: 3, asked: 3 } })
    expect(state.votes[0]!.classes).toEqual([{ answer: '20', members: ['p1', 'p2', 'p3'] }])
    expect(state.usage!.probeTokens).toBe(
      state.probes.reduce((sum, probe) => sum + probe.tokens, 0),
    )
  })

  it('leaves the tokens of the paths as they are', async () => {
    const settings: Settings = { paths: 3, budget: 150, sampling: { temperature: 1 } }
    const probed = await ask(asked, { ...settings, probeEvery: 16 })
    const plain = await ask(asked, settings)
    expect(probed.state.probes.length).toBeGreaterThanOrEqual(3 * 3)
    expect(probed.state.paths.map(({ text }) => text)).toEqual(
      plain.state.paths.map(({ text }) => text),
    )
    expect(probed.state.paths.map(({ reason }) => reason)).not.toContain('cut')
  })

  it('asks as far as there is room in a small context', async () => {
    const run = await ask(asked, {
      paths: 3,
      budget: 8000,
      stop: 'stable',
      probeEvery: 16,
      patience: 100,
      engine: { context: 3000 },
    })
    expect(run.state.status).toBe('ended')
    expect(run.state.probes.length).toBeGreaterThan(0)
  })
})

describe('a vote over the first paths', () => {
  it('leaves the others out', async () => {
    const run = await ask(mixed, { paths: 5, finish: 2, sampling: { temperature: 1 } })
    const { paths, votes } = run.state
    const done = paths.filter(({ reason }) => reason !== 'cut').map(({ segment }) => segment)
    expect(done.length).toBeGreaterThanOrEqual(2)
    expect(votes[0]!.classes.flatMap(({ members }) => members).sort()).toEqual(done)
  })
})

describe('confidence', () => {
  it('is minus the mean log-probability of the 20 likeliest tokens, where a weight asks for it', async () => {
    const run = await ask(mixed, { paths: 3, weight: 'confidence', alternatives: 20 })
    for (const path of run.state.paths)
      for (const { confidence, alternatives } of path.tokens) {
        const top = alternatives ?? []
        expect(top).toHaveLength(20)
        expect(confidence).toBeCloseTo(-top.reduce((sum, one) => sum + one.logprob, 0) / 20, 4)
      }
    const [vote] = run.state.votes
    expect(vote!.weight).toBe('confidence')
    const sum = vote!.classes.reduce((sum, { weight }) => sum + weight!, 0)
    expect(sum).toBeCloseTo(3, 2)
    const of = (i: number) => weightOf(run.state.paths[i]!, 'confidence')!
    const mean = (of(0) + of(1) + of(2)) / 3
    for (const { members, weight } of vote!.classes)
      expect(weight).toBeCloseTo(
        members.reduce((sum, member) => sum + of(Number(member[1]) - 1) / mean, 0),
        3,
      )
  })

  it('does not need alternatives, and is not recorded unless it is asked for', async () => {
    const asked = await ask(mixed, { paths: 2, confidence: true })
    const { confidence, alternatives } = asked.state.paths[0]!.tokens.at(0)!
    expect([confidence! > 0, alternatives]).toEqual([true, undefined])
    const plain = await ask(mixed, { paths: 2, weight: 'length' })
    expect(plain.state.paths[0]!.tokens.at(0)).not.toHaveProperty('confidence')
    expect(plain.state.votes[0]).toMatchObject({ weight: 'length' })
  })
})
