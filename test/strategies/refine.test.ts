import { describe, expect, it } from 'vitest'
import { segmentOf } from '../../engine/protocol/fold.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { pathSeed } from '../../engine/strategies/index.ts'
import { type Simulator } from './simulator.ts'
import { begin, finish } from './small-runs.ts'

const opened = ({ state }: Simulator) =>
  state.summaries.map(({ segment, group, reads }) => [segment, group, reads])

describe('refine', () => {
  const refined = (asked: RunRequest['settings'] = {}, trained = false) =>
    begin({ strategy: 'refine', finish: 'last', reads: 2, rounds: 3, ...asked }, trained)
  const rounds = ({ state }: Simulator) => state.paths.map(({ group }) => group)

  it('opens a round once the one before has ended; each path reads K different ones of it', () => {
    const run = refined()
    finish(run, 'p1', 'p3')
    expect(rounds(run)).toEqual([1, 1, 1])
    finish(run, 'p2')
    expect(rounds(run)).toEqual([1, 1, 1, 2, 2, 2])
    for (const { number, reads, seed } of run.state.paths.slice(3)) {
      expect(new Set(reads).size).toBe(2)
      expect(reads.every((read) => ['p1', 'p2', 'p3'].includes(read))).toBe(true)
      expect(seed).toBe(pathSeed(run.settings.seed, number))
    }
    finish(run, 'p4', 'p5', 'p6')
    for (const { reads } of run.state.paths.slice(6))
      expect(reads.every((read) => ['p4', 'p5', 'p6'].includes(read))).toBe(true)
    finish(run, 'p7', 'p8', 'p9')
    expect(opened(run)).toEqual([['s1', 3, ['p7', 'p8', 'p9']]])
    finish(run, 's1')
    expect(run.finished).toBe(true)
  })

  it('reads no path that failed, is empty or was dropped', () => {
    const run = refined()
    run.end('p1', 'failed')
    run.token('p2')
    run.command({ type: 'drop', segment: 'p2' })
    finish(run, 'p3')
    expect(run.state.paths.slice(3).map(({ reads }) => reads)).toEqual([['p3'], ['p3'], ['p3']])
    // A round without any text is the last; the one before counts.
    for (const segment of ['p4', 'p5', 'p6']) run.end(segment, 'failed')
    run.advance()
    expect(rounds(run)).toHaveLength(6)
    expect(opened(run)).toEqual([['s1', 3, ['p3']]])
  })

  it('ends a round by the finish rule, and reads the paths that were cut', () => {
    const run = refined({ finish: 'half', reads: 3 })
    for (const segment of ['p1', 'p2', 'p3']) run.token(segment)
    run.end('p1', 'finished')
    run.end('p2', 'finished')
    run.advance()
    expect(segmentOf(run.state, 'p3')!.reason).toBe('cut')
    expect([...run.state.paths[3]!.reads].sort()).toEqual(['p1', 'p2', 'p3'])
  })

  it('numbers a branch behind the paths that wait to be opened', () => {
    const run = refined()
    // The paths of the next round wait until the end of this one is reported.
    for (const segment of ['p1', 'p2', 'p3'] as const) {
      run.token(segment)
      run.end(segment, 'finished')
    }
    for (const action of run.ask()) run.carry(action)
    expect(run.pending.map(({ segment }) => segment)).toEqual(['p4', 'p5', 'p6'])
    expect(run.command({ type: 'branch', segment: 'p1', at: 1 }).segment).toBe('p7')
    expect(run.state.paths.map(({ segment }) => segment)).toContain('p7')
    finish(run, 'p4', 'p5', 'p6')
    expect(segmentOf(run.state, 'p4')!.reads).toHaveLength(2)
    expect(segmentOf(run.state, 'p7')!.parent).toEqual({ segment: 'p1', at: 1 })
  })

  it('is summarised now: paths that wait to open never do, and the last whole round is read', () => {
    const run = refined({ answerBy: 'vote' })
    finish(run, 'p1', 'p2', 'p3')
    run.token('p4')
    run.command({ type: 'extend', segment: 'p4', tokens: 3 })
    run.command({ type: 'summarise' })
    run.advance()
    expect(opened(run)).toEqual([['s1', 3, ['p1', 'p2', 'p3']]])
    finish(run, 's1')
    expect([run.finished, rounds(run).length]).toEqual([true, 6])
  })

  it('compares the programs of its last round only', () => {
    const run = refined({ question: 'code', runPrograms: true, rounds: 2 })
    finish(run, 'p1', 'p2', 'p3')
    expect(run.comparing).toBeNull()
    finish(run, 'p4', 'p5', 'p6')
    finish(run, 'q1')
    expect(run.comparing).toMatchObject({ of: ['p4', 'p5', 'p6'] })
  })
})
