import { describe, expect, it } from 'vitest'
import {
  entriesOf,
  forkTree,
  MAX_CHILDREN,
  MAX_FORK_DEPTH,
  MIN_FORK_ROOM,
  type ForkMarks,
} from '../../engine/protocol/forks.ts'
import { segmentOf } from '../../engine/protocol/run-state.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { Random } from '../support/random.ts'
import { Simulator } from './simulator.ts'

const marks: ForkMarks = { form: 'multiverse', start: [7], fork: 8, close: 9, join: [10, 11] }
const plan = (...entries: string[]) =>
  `<Goal>\n${entries.map((entry) => `<Outline>\n${entry}: do it\n</Outline>`).join('\n')}`

const begin = (budget = 1000) => {
  const run = new Simulator({ strategy: 'fork-join', budget }, false, new Random(1), marks)
  run.advance()
  return run
}
/** Lets a path write a text and end, by the mark of a plan unless told otherwise. */
const write = (run: Simulator, segment: SegmentId, text: string, id = marks.fork) => {
  run.write(segment, text, id)
  run.end(segment, 'finished')
}
const seen = ({ state }: Simulator) =>
  state.paths.map(({ segment, entry, parent, reads }) =>
    [segment, entry ?? '', parent?.segment ?? '', reads.join()].join(' ').trim(),
  )
const codes = ({ state }: Simulator) => state.notices.map(({ code }) => code)

describe('a model that forks', () => {
  it('opens one child per entry of a plan, and goes on behind all of them', () => {
    const run = begin()
    expect(segmentOf(run.state, 'p1')!.forced).toEqual(marks.start)
    write(run, 'p1', plan('1', '2', '3'))
    run.advance()
    expect(seen(run).slice(1)).toEqual(['p2 1 p1', 'p3 2 p1', 'p4 3 p1'])
    write(run, 'p3', 'b', marks.close)
    write(run, 'p2', 'a, which is longer', marks.close)
    run.advance()
    expect(seen(run)).toHaveLength(4)
    write(run, 'p4', 'c', marks.close)
    run.advance()
    expect(seen(run).at(-1)).toBe('p5   p2,p3,p4')
    const [joined, longest] = [segmentOf(run.state, 'p5')!, segmentOf(run.state, 'p2')!]
    expect(joined.forced).toEqual(marks.join)
    expect(joined.budget).toBe(1000 - longest.tokens.length)
    write(run, 'p5', 'done', 1)
    run.advance()
    expect(run.finished).toBe(true)
  })

  it('joins a child that forked itself by what goes on behind its own children', () => {
    const run = begin()
    write(run, 'p1', plan('1', '2'))
    run.advance()
    write(run, 'p3', 'b', marks.close)
    write(run, 'p2', plan('1.1', '1.2'))
    run.advance()
    expect(seen(run).slice(3)).toEqual(['p4 1.1 p2', 'p5 1.2 p2'])
    write(run, 'p4', 'c', marks.close)
    write(run, 'p5', 'd', marks.close)
    run.advance()
    write(run, 'p6', 'so', marks.close)
    run.advance()
    expect(seen(run).slice(5)).toEqual(['p6   p4,p5', 'p7   p6,p3'])
  })

  it('numbers two forks and a join that happen at once apart', () => {
    const run = begin()
    write(run, 'p1', plan('1', '2'))
    run.advance()
    write(run, 'p2', plan('1.1', '1.2'))
    write(run, 'p3', plan('2.1'))
    run.advance()
    expect(seen(run).slice(3)).toEqual(['p4 1.1 p2', 'p5 1.2 p2', 'p6 2.1 p3'])
  })

  it('writes on, and says why, where a plan cannot be followed', () => {
    const many = Array.from({ length: 200 }, (_, i) => String(i + 1))
    for (const [text, code] of [
      ['<Goal>\n<Outline>\nfirst: do it\n</Outline>', 'fork-unread'],
      ['no plan', 'fork-unread'],
      [plan(...many), 'fork-wide'],
    ] as const) {
      const run = begin(100_000)
      write(run, 'p1', text)
      run.advance()
      expect([codes(run), run.open, seen(run)]).toEqual([[code], ['p1'], ['p1']])
      write(run, 'p1', 'the end', 1)
      run.advance()
      expect(run.finished).toBe(true)
    }
    expect(many.length).toBeGreaterThan(MAX_CHILDREN)
  })

  it('ends with a plan that cannot be followed, behind which the model writes nothing', () => {
    const run = begin()
    write(run, 'p1', plan('1', '2'))
    run.advance()
    write(run, 'p2', '<Goal>no plan')
    write(run, 'p3', 'b', marks.close)
    run.advance()
    expect(run.open).toEqual(['p2'])
    run.end('p2', 'finished')
    run.advance()
    expect([codes(run), seen(run).at(-1)]).toEqual([['fork-unread'], 'p4   p2,p3'])
  })

  it('does not fork too deep, or without room', () => {
    const deep = begin()
    let last: SegmentId = 'p1'
    for (let depth = 0; depth < MAX_FORK_DEPTH; depth++) {
      write(deep, last, plan('1'))
      deep.advance()
      last = deep.state.paths.at(-1)!.segment
    }
    expect(forkTree(deep.state.paths).get(last)!.depth).toBe(MAX_FORK_DEPTH)
    write(deep, last, plan('1'))
    deep.advance()
    expect([codes(deep), deep.open]).toEqual([['fork-deep'], [last]])

    const text = plan('1')
    const full = begin(text.length + MIN_FORK_ROOM)
    write(full, 'p1', text)
    full.advance()
    expect([codes(full), full.open]).toEqual([['fork-room'], ['p1']])
  })

  it('leaves out children that were dropped or failed; without any, it ends', () => {
    const run = begin()
    write(run, 'p1', plan('1', '2', '3'))
    run.advance()
    run.command({ type: 'drop', segment: 'p2' })
    run.token('p3')
    run.end('p3', 'failed')
    write(run, 'p4', 'c', marks.close)
    run.advance()
    expect(seen(run).at(-1)).toBe('p5   p4')

    const within = begin()
    write(within, 'p1', plan('1', '2'))
    within.advance()
    write(within, 'p2', plan('1.1'))
    write(within, 'p3', 'b', marks.close)
    within.advance()
    within.command({ type: 'drop', segment: 'p4' })
    within.advance()
    expect(seen(within).at(-1)).toBe('p5   p2,p3')

    const none = begin()
    write(none, 'p1', plan('1'))
    none.advance()
    none.command({ type: 'drop', segment: 'p2' })
    none.advance()
    expect(none.finished).toBe(true)
  })

  it('opens nothing once it has ended', () => {
    const run = begin()
    run.later = true
    write(run, 'p1', plan('1', '2'))
    run.advance()
    expect([run.finished, seen(run)]).toEqual([true, ['p1']])
  })
})

describe('the entries of a plan', () => {
  it('are those behind its last beginning, each once', () => {
    expect(entriesOf(`${plan('1', '2')}</Goal>${plan('2.1', '2.1', '2.2')}`, 'multiverse')).toEqual(
      ['2.1', '2.2'],
    )
    expect(entriesOf('<guideline><plan>1: a</plan><plan> 2 : b</plan>', 'npr')).toEqual(['1', '2'])
    expect(entriesOf(plan('1'), 'npr')).toEqual([])
    expect(entriesOf('<Goal><Outline>1.: x <Outline>: y <Outline>a: z', 'multiverse')).toEqual([])
  })

  it('are found in linear time', () => {
    const text = `<Goal>${'<Outline>1.1.1.1.1.1.1.1'.repeat(40_000)}`
    expect(entriesOf(text, 'multiverse')).toEqual([])
  })
})
