import { expect, test } from 'vitest'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { positionsUsed } from '../../engine/protocol/positions.ts'
import { pathStarted, runStarted, summaryStarted, tokensOf } from '../support/sample-run.ts'

/** The prompt has three tokens. */
const begun = [runStarted('r'), pathStarted(1, 'p1'), pathStarted(1, 'p2')]
const write = (segment: string, count: number): RunEvent => ({
  type: 'tokens',
  at: 2,
  segment,
  tokens: tokensOf('x'.repeat(3 * count)).slice(0, count),
})
const used = (...more: RunEvent[]) => positionsUsed(foldRun([...begun, ...more], { live: true }))

test('paths count from the prompt, and the longest decides', () => {
  expect(used()).toBe(3)
  expect(used(write('p1', 5), write('p2', 9))).toBe(12)
  const branch = pathStarted(3, 'p3', { source: { type: 'branch', of: 'p2', at: 4 } })
  expect(used(write('p1', 5), write('p2', 9), branch, write('p3', 7))).toBe(3 + 4 + 7)
})

test('a summary counts what it reads: paths side by side, or one behind another', () => {
  const paths = [write('p1', 5), write('p2', 9)]
  expect(used(...paths, summaryStarted(3, 's1', ['p1', 'p2']), write('s1', 2))).toBe(3 + 9 + 2)
  const behind = summaryStarted(3, 's1', [], {
    source: {
      type: 'join',
      layout: 'consecutive',
      parts: [
        { prompt: true, to: 2 },
        { tokens: [1, 2, 3, 4] },
        { segment: 'p1' },
        { segment: 'p2', from: 1, to: 8 },
      ],
    },
  })
  expect(used(...paths, behind, write('s1', 2))).toBe(2 + 4 + 5 + 7 + 2)
  const quoted = summaryStarted(3, 's1', [], {
    source: { type: 'text', parts: [{ tokens: [1, 2, 3, 4], of: 'p1' }, { tokens: [5] }] },
  })
  expect(used(...paths, quoted, write('s1', 30))).toBe(4 + 1 + 30)
})

test('without a run nothing is used', () => {
  expect(positionsUsed(foldRun([], { live: true }))).toBe(0)
})
