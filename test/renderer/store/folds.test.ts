import { describe, expect, it } from 'vitest'
import type { ForkMarks } from '../../../engine/protocol/forks.ts'
import type { SegmentId } from '../../../engine/protocol/segments.ts'
import { foldsOf, isUnfolded } from '../../../renderer/store/folds.ts'
import { Simulator } from '../../strategies/simulator.ts'
import { Random } from '../../support/random.ts'

const marks: ForkMarks = { form: 'multiverse', start: [7], fork: 8, close: 9, join: [10, 11] }
const PLAN = '<Goal>\n<Outline>\n1: a\n</Outline>\n<Outline>\n2: b\n</Outline>\n'

const write = (run: Simulator, segment: SegmentId, text: string, id: number) => {
  run.write(segment, text, id)
  run.end(segment, 'finished')
  run.advance()
}

/** p1 forks into p2 and p3; p2 into p4 and p5, behind which p6 goes on; p7 goes on behind all. */
function nested(): Simulator {
  const run = new Simulator({ strategy: 'fork-join', budget: 1000 }, false, new Random(1), marks)
  run.advance()
  write(run, 'p1', PLAN, marks.fork)
  write(run, 'p2', PLAN, marks.fork)
  write(run, 'p4', 'a', marks.close)
  write(run, 'p5', 'b', marks.close)
  return run
}

describe('children of a plan', () => {
  it('fold under its path once the text has gone on behind them, with all that is below them', () => {
    const run = nested()
    expect(foldsOf(run.state)).toEqual([{ parent: 'p2', children: 2, all: ['p4', 'p5'] }])
    write(run, 'p6', 'both', marks.close)
    expect(foldsOf(run.state)).toHaveLength(1)
    write(run, 'p3', 'b', marks.close)
    expect(run.state.paths.at(-1)!.segment).toBe('p7')
    expect(foldsOf(run.state)).toEqual([
      { parent: 'p1', children: 2, all: ['p2', 'p4', 'p5', 'p6', 'p3'] },
      { parent: 'p2', children: 2, all: ['p4', 'p5'] },
    ])
  })

  it('do not count those that were dropped', () => {
    const run = nested()
    run.command({ type: 'drop', segment: 'p5' })
    expect(foldsOf(run.state)).toMatchObject([{ parent: 'p2', children: 1 }])
  })

  it('are shown if their fold is open or one of them is active', () => {
    const [fold] = foldsOf(nested().state)
    expect(isUnfolded(fold!, [], undefined)).toBe(false)
    expect(isUnfolded(fold!, ['p2'], undefined)).toBe(true)
    expect(isUnfolded(fold!, ['p1'], 'p5')).toBe(true)
    expect(isUnfolded(fold!, [], 'p2')).toBe(false)
  })

  it('are no one’s where the model does not fork', () => {
    const run = new Simulator({ strategy: 'majority', paths: 3 }, false, new Random(1))
    run.advance()
    expect(foldsOf(run.state)).toEqual([])
  })
})
