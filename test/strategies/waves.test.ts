import { describe, expect, it } from 'vitest'
import { decide } from '../../engine/protocol/decision.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { pathId } from '../../engine/protocol/segments.ts'
import { resolveSettings } from '../../engine/protocol/settings.ts'
import { pathSeed } from '../../engine/strategies/index.ts'
import { Random } from '../support/random.ts'
import { Simulator } from './simulator.ts'

const begin = (asked: RunRequest['settings'], trained = false) => {
  const run = new Simulator(
    { strategy: 'majority', question: 'value', budget: 6, summaryBudget: 3, ...asked },
    trained,
    new Random(1),
  )
  run.advance()
  return run
}
const paths = (run: Simulator) => run.state.paths.map(({ segment }) => segment)
/** Lets the open segments end with these answers, in order. */
const answer = (run: Simulator, ...answers: (string | undefined)[]) => {
  for (const one of answers) {
    const segment = run.open[0]!
    run.token(segment)
    run.end(segment, 'finished', one)
    run.advance()
  }
}
const notices = ({ state }: Simulator) =>
  state.notices.map(({ code, params }) => ({ code, params }))
const decided = { stop: 'decided', paths: 12, wave: 4 } as const

describe('a vote that stops when it is decided', () => {
  it('opens a wave of paths, and no more once all of them agree', () => {
    const run = begin(decided)
    expect(paths(run)).toEqual(['p1', 'p2', 'p3', 'p4'])
    answer(run, '5', '5', '5')
    expect([run.open, paths(run).length]).toEqual([['p4'], 4])
    answer(run, '5')
    expect(run.finished).toBe(true)
    expect(notices(run)).toEqual([
      { code: 'stopped-decided', params: { paths: 4, of: 12, sure: 96, saved: 67 } },
    ])
    expect(decide(run.state)).toMatchObject({ answer: '5', vote: { over: 'paths' } })
  })

  it('opens another wave while the answer is not sure, up to the last path', () => {
    const run = begin({ ...decided, paths: 10 })
    answer(run, '5', '5', '7', '5')
    expect(paths(run)).toHaveLength(8)
    answer(run, '7', '5', '7', '7')
    expect(paths(run)).toHaveLength(10)
    answer(run, '5', '5')
    expect(run.finished).toBe(true)
    expect(notices(run)).toEqual([])
    expect(run.state.paths.map(({ seed, group }) => [seed, group])).toEqual(
      Array.from({ length: 10 }, (_, i) => [pathSeed(run.settings.seed, i + 1), i + 1]),
    )
  })

  it.each([
    ['a tie', ['5', '7', '5', '7']],
    ['no answer', [undefined, undefined, undefined, undefined]],
    ['too few answers', ['5', undefined, undefined, '5']],
  ])('goes on after %s', (_, answers) => {
    const run = begin(decided)
    answer(run, ...answers)
    expect(paths(run)).toHaveLength(8)
  })

  it('goes on after a tie even if a tie were sure enough', () => {
    const run = begin({ ...decided, sure: 0.5 })
    answer(run, '5', '7', '5', '7')
    expect(paths(run)).toHaveLength(8)
  })

  it('opens all paths at once if there is no value to count', () => {
    const run = begin({ ...decided, question: 'text' })
    answer(run, '5', '5', '5', '5')
    expect(paths(run)).toHaveLength(12)
    const known = begin({ ...decided, question: 'auto' })
    answer(known, '5', '5', '5', '5')
    expect(known.finished).toBe(true)
  })

  it('asks for the leading answer by weight, and is sure by counts', () => {
    const run = begin({ ...decided, weight: 'length', sure: 0.6 })
    // One short path outweighs three long ones, which are more.
    run.token('p1')
    run.end('p1', 'finished', '7')
    for (const segment of ['p2', 'p3', 'p4'] as const) {
      for (let i = 0; i < 6; i++) run.token(segment)
      run.end(segment, 'finished', '5')
      run.advance()
    }
    expect(paths(run)).toHaveLength(8)
  })

  it('counts whole groups as paths of a wave, and the summaries of a trained model', () => {
    const run = begin(
      { ...decided, strategy: 'parallel-majority', paths: 2, runs: 5, wave: 5, finish: 'last' },
      true,
    )
    expect(run.state.paths.map(({ group }) => group)).toEqual([1, 1, 2, 2])
    answer(run, '1', '2', '3', '4')
    expect(run.state.summaries.map(({ segment }) => segment)).toEqual(['s1', 's2'])
    answer(run, '9', '9')
    // Two of two summaries agree: 87.5 %.
    expect(run.state.paths.map(({ group }) => group)).toEqual([1, 1, 2, 2, 3, 3, 4, 4])
    answer(run, '1', '2', '3', '4')
    answer(run, '9', '9')
    expect(run.finished).toBe(true)
    expect(notices(run)).toEqual([
      { code: 'stopped-decided', params: { paths: 8, of: 10, sure: 96, saved: 20 } },
    ])
  })

  it('opens at least one group per wave', () => {
    const run = begin({ ...decided, strategy: 'parallel-majority', paths: 8, runs: 3, wave: 4 })
    expect(run.state.paths).toHaveLength(8)
  })

  it('passes over numbers that branches took', () => {
    const run = begin(decided)
    run.token('p1')
    expect(run.command({ type: 'branch', segment: 'p1', at: 1 }).segment).toBe('p5')
    answer(run, '5', '7', '5', '7', '1')
    expect(paths(run)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9].map(pathId))
    expect(run.state.paths.slice(5).map(({ group }) => group)).toEqual([5, 6, 7, 8])
  })

  it('opens no further wave after "summarise now" or a stop', () => {
    for (const trained of [true, false]) {
      const run = begin(decided, trained)
      run.token('p1')
      const { later } = run.command({ type: 'summarise' })
      expect(later).toBe(true)
      run.advance()
      while (run.open.length > 0) answer(run, '5')
      expect([run.finished, run.state.paths.length]).toEqual([true, 4])
    }
    const run = begin(decided)
    run.later = true
    answer(run, '5', '6', '7', '8')
    expect([run.finished, run.state.paths.length]).toEqual([true, 4])
  })

  it('still lets a user drop and extend paths between waves', () => {
    const run = begin(decided)
    run.command({ type: 'drop', segment: 'p2' })
    run.advance()
    answer(run, '5', '5', '5')
    expect(paths(run)).toHaveLength(8) // three of three: 93.75 %
    answer(run, '5', '5', '5', '5')
    expect(run.finished).toBe(true)
  })

  it('asks for nothing that another strategy or setting does not have', () => {
    const asked = { stop: 'decided', weight: 'tail', sure: 0.9, patience: 2 } as const
    const model = { metadata: {}, nativePaths: 0 }
    expect(resolveSettings({ ...asked, strategy: 'majority' }, model)).toMatchObject({
      stop: 'decided',
      sure: 0.9,
      wave: 4,
      weight: 'tail',
    })
    const parallel = resolveSettings({ ...asked, strategy: 'parallel' }, model)
    for (const key of ['stop', 'sure', 'wave', 'weight', 'patience'])
      expect(parallel).not.toHaveProperty(key)
  })
})

describe('a vote over the first paths', () => {
  it.each([false, true])('cuts the others and leaves them out, trained: %s', (trained) => {
    const run = begin({ paths: 4, finish: 2 }, trained)
    run.token('p1')
    run.token('p4')
    run.end('p4', 'finished', '7')
    run.advance()
    if (trained) answer(run) // s4 is open
    expect(run.open).toContain('p1')
    run.token('p2')
    run.end('p2', 'budget', '7')
    run.advance()
    while (run.open.length > 0) answer(run, '7')
    expect(run.state.paths.map(({ reason }) => reason)).toEqual([
      'cut',
      'budget',
      'cut',
      'finished',
    ])
    expect(run.state.summaries.map(({ group }) => group)).toEqual(trained ? [2, 4] : [])
    expect(notices(run)).toEqual([{ code: 'stopped-first', params: { paths: 2, of: 4, cut: 1 } }])
    const { answer: text, vote } = decide(run.state)
    expect(text).toBe('7')
    expect(vote!.classes.map(({ members }) => members)).toEqual([
      trained ? ['s2', 's4'] : ['p2', 'p4'],
    ])
  })

  it('waits for all if there are no more', () => {
    const run = begin({ paths: 2, finish: 2 })
    answer(run, '5')
    expect(run.open).toEqual(['p2'])
  })

  it('is a number of paths per group for groups of several', () => {
    const run = begin({ strategy: 'parallel', paths: 4, finish: 3 })
    answer(run, '1', '2')
    expect(run.open).toEqual(['p3', 'p4'])
    answer(run, '3')
    expect(run.state.paths.map(({ reason }) => reason)).toEqual([
      'finished',
      'finished',
      'finished',
      'cut',
    ])
  })
})
