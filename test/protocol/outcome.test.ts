import { describe, expect, it } from 'vitest'
import { spokesman } from '../../engine/protocol/deciding.ts'
import type { EndReason, EventOf, RunEvent, SegmentId } from '../../engine/protocol/events.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { outcomeOf } from '../../engine/protocol/outcome.ts'
import { ended, pathStarted, runStarted, summaryStarted, tokensOf } from '../support/sample-run.ts'

const says = (segment: 'p1' | 'p2' | 's1', text: string): RunEvent => ({
  type: 'tokens',
  at: 2,
  segment,
  tokens: tokensOf(text),
})
const over = (at: number, segment: SegmentId, reason: EndReason = 'finished'): RunEvent => ({
  type: 'segment-ended',
  at,
  segment,
  reason,
  answer: null,
})
const runEnded = (
  at: number,
  reason: EventOf<'run-ended'>['reason'],
  answer: string | null,
): RunEvent => ({ ...ended(at, answer), reason }) as RunEvent
const paths: RunEvent[] = [
  runStarted('r', 'What?', { question: 'text' }),
  pathStarted(1, 'p1'),
  pathStarted(1, 'p2'),
  says('p1', 'one'),
  says('p2', 'two'),
  over(3, 'p1'),
  over(3, 'p2'),
]
const value = [runStarted('r'), ...paths.slice(1)]
const fold = (...events: RunEvent[]) => foldRun(events)

describe('how a run ended', () => {
  it('is nothing special where it gave its answer, and nothing before its end', () => {
    expect(outcomeOf(fold(...paths))).toBeNull()
    expect(outcomeOf(fold(...value, runEnded(9, 'finished', '4')))).toBeNull()
    expect(outcomeOf(fold(...paths, runEnded(9, 'finished', 'two')))).toBeNull()
  })

  it('stopped by the user', () => {
    for (const reason of ['stopped', 'cancelled'] as const)
      expect(outcomeOf(fold(...paths, runEnded(9, reason, null)))).toBe('stopped')
  })

  it('a value question without an answer', () => {
    expect(outcomeOf(fold(...value, runEnded(9, 'finished', null)))).toBe('no-answer')
  })

  it('a summary that was cut; not one that had stated its value', () => {
    const cut = [
      summaryStarted(4, 's1', ['p1', 'p2']),
      says('s1', 'so it is'),
      over(5, 's1', 'budget'),
    ]
    expect(outcomeOf(fold(...paths, ...cut, runEnded(9, 'finished', 'so it is')))).toBe('cut')
    expect(outcomeOf(fold(...value, ...cut, runEnded(9, 'finished', null)))).toBe('cut')
    expect(outcomeOf(fold(...value, ...cut, runEnded(9, 'finished', '4')))).toBeNull()
  })
})

describe('who speaks for a run', () => {
  const vote = (chosen?: 'p1'): RunEvent => ({
    type: 'vote',
    at: 4,
    rule: 'equality',
    over: 'paths',
    classes: [
      { answer: '2', members: ['p2'] },
      { answer: '1', members: ['p1'] },
    ],
    winner: chosen === undefined ? 0 : 1,
    tie: false,
    ...(chosen !== undefined && { chosen }),
  })
  const summary = (at: number) => [
    { ...summaryStarted(at, 's1', ['p1', 'p2']) },
    says('s1', 'both'),
  ]

  it('the first that gave the answer that won, or that the user chose', () => {
    expect(spokesman(fold(...value, vote()))?.segment).toBe('p2')
    expect(spokesman(fold(...value, vote('p1')))?.segment).toBe('p1')
  })

  it('a summary that was written later; not one that the user chose against', () => {
    expect(spokesman(fold(...value, vote('p1'), ...summary(8)))?.segment).toBe('s1')
    expect(spokesman(fold(...value, ...summary(3), vote('p1')))?.segment).toBe('p1')
    expect(spokesman(fold(...value, ...summary(3), vote()))?.segment).toBe('s1')
  })

  it('nobody, where several paths have no single value and were not merged', () => {
    expect(spokesman(fold(...paths))).toBeUndefined()
    expect(spokesman(fold(...paths, vote()))).toBeUndefined()
  })
})
