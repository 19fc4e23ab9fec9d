import { expect, test } from 'vitest'
import { doingOf, doingOfAll, NOTHING, type Beside } from '../../engine/protocol/doing.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { ended, pathStarted, runStarted, summaryStarted, tokensOf } from '../support/sample-run.ts'

const begun = [runStarted('r'), pathStarted(1, 'p1'), pathStarted(1, 'p2')]
const write = (segment: string): RunEvent => ({
  type: 'tokens',
  at: 2,
  segment,
  tokens: tokensOf('word'),
})
const over = (segment: string): RunEvent => ({
  type: 'segment-ended',
  at: 3,
  segment,
  reason: 'finished',
  answer: null,
})
const doing = (events: RunEvent[], beside: Partial<Beside> = {}) =>
  doingOf(foldRun(events, { live: true }), { ...NOTHING, ...beside }, 0.25)

test('a run is queued, loads, reads its prompt, thinks, reads its paths, summarises, and then does nothing', () => {
  expect(doing([])).toEqual({ phase: 'queued', paths: 0, fraction: null })
  expect(doing([], { loading: 0.4 })).toEqual({ phase: 'loading', paths: 0, fraction: 0.4 })
  expect(doing([begun[0]!])).toEqual({ phase: 'prompt', paths: 0, fraction: null })
  expect(doing(begun)).toEqual({ phase: 'thinking', paths: 2, fraction: 0.25 })
  const paths = [...begun, write('p1'), write('p2'), over('p1'), over('p2')]
  const summary = [...paths, summaryStarted(4, 's1', ['p1', 'p2'])]
  expect(doing(summary)).toEqual({ phase: 'reading', paths: 2, fraction: null })
  const reading = { segment: 's1', fraction: 0.5 }
  expect(doing(summary, { reading })).toEqual({ phase: 'reading', paths: 2, fraction: 0.5 })
  // What an earlier summary had read says nothing of this one.
  const second = [...summary, write('s1'), over('s1'), summaryStarted(5, 's2', ['p1'])]
  expect(doing(second, { reading })).toEqual({ phase: 'reading', paths: 1, fraction: null })
  expect(doing([...summary, write('s1')], { reading })).toEqual({
    phase: 'summarising',
    paths: 0,
    fraction: 0.25,
  })
  expect(doing([...summary, write('s1'), over('s1'), ended(9, '4')])).toBeNull()
})

test('a run that waits for room is queued, whatever it did before', () => {
  expect(doing(begun, { waits: true })?.phase).toBe('queued')
})

test('the taskbar shows the mean of what runs are doing; those that wait do not count', () => {
  const run = (phase: 'reading' | 'queued' | 'thinking', fraction: number | null) => ({
    doing: { phase, paths: 2, fraction },
  })
  expect(doingOfAll([])).toEqual({ running: 0, fraction: null })
  expect(doingOfAll([{ doing: null }])).toEqual({ running: 0, fraction: null })
  expect(doingOfAll([run('queued', null)])).toEqual({ running: 1, fraction: 0 })
  expect(doingOfAll([run('reading', 0.5), run('queued', null)])).toEqual({
    running: 2,
    fraction: 0.5,
  })
  expect(doingOfAll([run('reading', 0.5), run('thinking', 0.1)]).fraction).toBeCloseTo(0.3, 12)
})
