import { describe, expect, test } from 'vitest'
import type { RunSummary } from '../../../engine/protocol/wire.ts'
import {
  conversationsOf,
  dayOf,
  earlierTurns,
  linesByDay,
  toldApart,
  versionsOf,
} from '../../../renderer/store/conversations.ts'

const item = (run: string, minute: number, followUp?: string): RunSummary => ({
  run,
  title: run,
  problem: run,
  model: '',
  strategy: 'parallel',
  paths: 1,
  answer: null,
  status: 'ended',
  ...(followUp !== undefined && { followUp }),
  time: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
  durationMs: 0,
  tokens: 0,
  starred: false,
  tags: [],
})
const map = (list: RunSummary[]) => new Map(list.map((one) => [one.run, one]))

describe('conversations', () => {
  test('hold a run and all that follow up on it, the latest conversation first', () => {
    const list = [item('b', 2), item('a', 1), item('a2', 5, 'a'), item('a3', 3, 'a2')]
    expect(
      conversationsOf(list).map(({ root, latest, runs }) => [
        root.run,
        latest.run,
        runs.map(({ run }) => run),
      ]),
    ).toEqual([
      ['a', 'a2', ['a', 'a3', 'a2']],
      ['b', 'b', ['b']],
    ])
  })

  test('two answers to one question belong to one conversation', () => {
    const list = [item('a', 1), item('x', 2, 'a'), item('y', 3, 'a')]
    expect(conversationsOf(list)).toHaveLength(1)
    expect(earlierTurns(list[2]!, map(list)).map(({ run }) => run)).toEqual(['a'])
  })

  test('a first turn that was made again stays in its conversation, also once its first version is gone', () => {
    const again = (run: string, minute: number, followUp?: string) => ({
      ...item(run, minute, followUp),
      versionOf: 'a',
    })
    const list = [
      item('a', 1),
      item('a2', 2, 'a'),
      again('v2', 3),
      item('x', 4, 'v2'),
      again('v3', 5),
    ]
    const runs = (all: RunSummary[]) =>
      conversationsOf(all).map((one) => one.runs.map((r) => r.run))
    expect(runs(list)).toEqual([['a', 'a2', 'v2', 'x', 'v3']])
    expect(versionsOf(list, 'v2').map(({ run }) => run)).toEqual(['a', 'v2', 'v3'])
    expect(versionsOf(list, 'x').map(({ run }) => run)).toEqual(['x'])
    expect(runs(list.slice(2))).toEqual([['v2', 'x', 'v3']])
    expect(conversationsOf(list.slice(2))[0]!.root.run).toBe('v2')
  })

  test('a turn that was deleted, or that names itself, ends the chain', () => {
    const list = [item('b', 2, 'gone'), item('c', 3, 'b'), item('x', 4, 'y'), item('y', 5, 'x')]
    expect(earlierTurns(list[1]!, map(list)).map(({ run }) => run)).toEqual(['b'])
    expect(earlierTurns(list[2]!, map(list)).map(({ run }) => run)).toEqual(['y'])
    expect(
      conversationsOf(list)
        .map(({ runs }) => runs.length)
        .sort(),
    ).toEqual([2, 2])
  })

  test('days end at midnight, here', () => {
    const now = new Date(2026, 2, 15, 0, 30)
    const at = (day: number, hour = 12) => dayOf(new Date(2026, 2, day, hour).toISOString(), now)
    expect([at(15, 0), at(14, 23), at(14, 0), at(13), at(8, 1), at(7), at(1)]).toEqual([
      'today',
      'yesterday',
      'yesterday',
      'week',
      'week',
      'month',
      'month',
    ])
    expect(dayOf(new Date(2026, 0, 1).toISOString(), now)).toBe('older')
  })

  test('stand by day, each with its follow-ups after its first turn', () => {
    const day = (run: string, days: number, followUp?: string): RunSummary => ({
      ...item(run, 0, followUp),
      time: new Date(2026, 2, 15 - days, followUp === undefined ? 12 : 13).toISOString(),
    })
    const list = [day('a', 3), day('b', 1), day('c', 0), day('a2', 0, 'a')]
    expect(
      linesByDay(list, new Date(2026, 2, 15, 14)).map((line) =>
        'run' in line ? `${line.turn} ${line.run.run}` : line.day,
      ),
    ).toEqual(['today', '0 a', '1 a2', '0 c', 'yesterday', '0 b'])
  })

  test('of one title are told apart by what they differ in, by their time only if they must', () => {
    const named = (run: string, title: string, other: Partial<RunSummary> = {}): RunSummary => ({
      ...item(run, 0),
      title,
      ...other,
    })
    const apart = toldApart([
      named('own', 'Alone'),
      named('a', 'Balls', { strategy: 'majority' }),
      named('b', 'Balls', { strategy: 'parallel', model: 'M' }),
      named('c', 'Again'),
      named('d', 'Again'),
      named('e', 'Again', { paths: 8 }),
    ])
    expect(Object.fromEntries(apart)).toEqual({
      a: ['model', 'strategy'],
      b: ['model', 'strategy'],
      c: ['paths', 'time'],
      d: ['paths', 'time'],
      e: ['paths', 'time'],
    })
  })
})
