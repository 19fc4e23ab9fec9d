import { describe, expect, it } from 'vitest'
import { decide } from '../../engine/protocol/decision.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { Random } from '../support/random.ts'
import { Simulator } from './simulator.ts'

const EVERY = 16
const begin = (asked: RunRequest['settings'] = {}, trained = false) => {
  const run = new Simulator(
    {
      strategy: 'majority',
      question: 'value',
      paths: 3,
      budget: 400,
      stop: 'stable',
      probeEvery: EVERY,
      patience: 2,
      ...asked,
    },
    trained,
    new Random(1),
  )
  run.advance()
  return run
}
const write = (run: Simulator, tokens = EVERY) => {
  for (let i = 0; i < tokens; i++) for (const segment of run.open) run.token(segment)
  run.advance()
}
/** Writes up to the next round and answers its questions, by path. */
const round = (run: Simulator, answers: Record<SegmentId, string | null>) => {
  write(run)
  for (const [segment, answer] of Object.entries(answers)) {
    run.probed(segment, answer)
    run.advance()
  }
}
const asked = ({ probing }: Simulator) => probing.map(({ segment, after }) => [segment, after])
const codes = ({ state }: Simulator) => state.notices.map(({ code }) => code)

describe('a vote that stops when the majority stays', () => {
  it('asks every path once per round', () => {
    const run = begin()
    write(run, EVERY - 1)
    expect(asked(run)).toEqual([])
    write(run, 1)
    expect(asked(run)).toEqual([
      ['p1', 16],
      ['p2', 16],
      ['p3', 16],
    ])
    write(run, 3)
    expect(asked(run)).toHaveLength(3)
    run.probed('p1', '5')
    run.advance()
    expect(asked(run)).toHaveLength(2)
    expect(run.ask()).toEqual([])
  })

  it('cuts all once most keep saying the same, and counts what they said last', () => {
    const run = begin()
    round(run, { p1: '5', p2: '5', p3: '7' })
    expect(run.open).toHaveLength(3)
    round(run, { p1: '5', p2: '5.0', p3: '5' })
    expect(run.finished).toBe(true)
    expect(run.state.paths.map(({ reason }) => reason)).toEqual(['cut', 'cut', 'cut'])
    expect(run.state.notices).toMatchObject([
      { code: 'stopped-stable', params: { tokens: 32, agree: 3, asked: 3 } },
    ])
    const { saved } = run.state.notices[0]!.params as { saved: number }
    expect(saved).toBe(Math.floor(100 - (100 * (3 * 32 + 6 * 9)) / 1200))
    expect(decide(run.state)).toMatchObject({
      answer: '5',
      vote: { classes: [{ members: ['p1', 'p2', 'p3'] }] },
    })
  })

  it('waits for every path of a round', () => {
    const run = begin()
    round(run, { p1: '5', p2: '5', p3: '5' })
    round(run, { p1: '5', p2: '5' })
    expect(run.open).toHaveLength(3)
    run.probed('p3', '5')
    run.advance()
    expect(run.finished).toBe(true)
  })

  it('goes on after a tie, a change, or silence', () => {
    for (const [first, second] of [
      [
        { p1: '5', p2: '7', p3: null },
        { p1: '5', p2: '7', p3: null },
      ],
      [
        { p1: '5', p2: '5', p3: '7' },
        { p1: '7', p2: '5', p3: '7' },
      ],
      [
        { p1: null, p2: null, p3: null },
        { p1: null, p2: null, p3: null },
      ],
    ]) {
      const run = begin()
      round(run, first!)
      round(run, second!)
      expect([run.open.length, codes(run)]).toEqual([3, []])
    }
  })

  it('counts a path that has ended by its own answer, and leaves it as it is', () => {
    const run = begin({ paths: 4 })
    round(run, { p1: '5', p2: '5', p3: '7', p4: '7' })
    run.token('p4')
    run.end('p4', 'finished', '5')
    run.advance()
    round(run, { p1: '5', p2: '5', p3: '7' })
    expect(run.open).toEqual(['p1', 'p2', 'p3']) // the first round was a tie
    round(run, { p1: '5', p2: '5', p3: '7' })
    expect(run.finished).toBe(true)
    expect(run.state.paths.map(({ reason }) => reason)).toEqual(['cut', 'cut', 'cut', 'finished'])
    expect(decide(run.state).answer).toBe('5')
  })

  it('drops a path that keeps disagreeing, once', () => {
    const run = begin({ paths: 5, patience: 2 })
    // The leader has two of five: no majority yet.
    round(run, { p1: '5', p2: '5', p3: '7', p4: null, p5: null })
    round(run, { p1: '5', p2: '5', p3: '8', p4: null, p5: '5' })
    // Three of five in the last round, and the same leader before: that would stop.
    expect(run.finished).toBe(true)
    const other = begin({ paths: 5, patience: 2 })
    round(other, { p1: '5', p2: '5', p3: '7', p4: null, p5: null })
    round(other, { p1: '5', p2: '5', p3: '8', p4: null, p5: null })
    expect(other.state.paths[2]!.status).toBe('dropped')
    expect(other.state.notices).toMatchObject([{ code: 'path-deviates', params: { path: 3 } }])
    round(other, { p1: '5', p2: null, p4: '5', p5: '5' })
    expect(other.finished).toBe(true)
    expect(codes(other)).toEqual(['path-deviates', 'stopped-stable'])
    expect(decide(other.state).vote!.classes.map(({ members }) => members)).toEqual([
      ['p1', 'p4', 'p5'],
      ['p2'], // it gave no answer when it was asked last
    ])
  })

  it('summarises what the paths of groups have, and drops none of them', () => {
    const run = begin({ strategy: 'parallel-majority', paths: 2, runs: 2, finish: 'last' })
    round(run, { p1: '5', p2: '5', p3: '7', p4: null })
    round(run, { p1: '5', p2: '5', p3: '7', p4: null })
    expect(run.state.paths.every(({ status }) => status !== 'dropped')).toBe(true)
    round(run, { p1: '5', p2: '5', p3: '5', p4: null })
    expect(codes(run)).toEqual(['stopped-stable'])
    expect(run.state.summaries.map(({ group }) => group)).toEqual([1, 2])
  })

  it('asks nothing if there is nothing to count, after the end, or at the budget', () => {
    const text = begin({ question: 'text' })
    write(text)
    expect(asked(text)).toEqual([])
    const later = begin()
    later.later = true
    write(later)
    expect(asked(later)).toEqual([])
    const short = begin({ budget: EVERY })
    write(short)
    expect(asked(short)).toEqual([])
  })

  it('asks in every round, also after the end, if the answers are only recorded', () => {
    const run = begin({ stop: undefined, paths: 2 })
    write(run, 3 * EVERY)
    expect(asked(run)).toEqual([
      ['p1', 16],
      ['p2', 16],
    ])
    for (const segment of ['p1', 'p2'] as const) run.end(segment, 'finished', '5')
    run.command({ type: 'drop', segment: 'p2' })
    run.advance()
    run.probed('p1', '5')
    run.probed('p2', '5')
    run.advance()
    expect([run.finished, asked(run)]).toEqual([false, [['p1', 32]]])
    run.probed('p1', '5')
    run.advance()
    // At its end, a path states its answer itself.
    expect([run.finished, codes(run)]).toEqual([true, []])
  })
})
