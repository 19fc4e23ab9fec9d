import { expect, it } from 'vitest'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { applyEvents, foldRun, type RunState } from '../../engine/protocol/fold.ts'
import { MAX_KEPT, MAX_SEGMENTS } from '../../engine/protocol/limits.ts'
import { RunSize } from '../../engine/protocol/run-size.ts'
import { obey } from '../../engine/strategies/commands.ts'
import { pathStarted, runStarted, SETTINGS, summaryStarted } from '../support/sample-run.ts'

const LONG = 30_000
const token = { id: 1, text: 'a', logprob: -1, entropy: 1 }
const begun: RunEvent[] = [
  runStarted('r'),
  pathStarted(1, 'p1'),
  { type: 'tokens', at: 2, segment: 'p1', tokens: Array.from({ length: LONG }, () => token) },
  { type: 'segment-ended', at: 3, segment: 'p1', reason: 'budget', answer: null },
]

/** Gives the same command until it is refused. Returns the state then, and why. */
function insist(
  command: Parameters<typeof obey>[0],
  opens: (segment: string) => RunEvent[],
): { state: RunState; refused: unknown } {
  const size = new RunSize()
  for (const event of begun) size.add(event)
  for (let state = foldRun(begun); ;) {
    const view = {
      settings: SETTINGS,
      trained: true,
      state,
      pending: [],
      probing: [],
      comparing: false,
      later: true,
    }
    let segment: string
    try {
      segment = obey(command, view, { paths: 253, vocabulary: 100 }).segment!
    } catch (refused) {
      return { state, refused }
    }
    const events = opens(segment)
    for (const event of events) expect(size.add(event)).toBeUndefined()
    state = applyEvents(state, events)
  }
}

it.each([
  [1, MAX_SEGMENTS, 'A run can have at most 1024 paths'],
  [LONG, 1 + Math.floor(MAX_KEPT / LONG), 'The branches of a run can keep at most 8388608 tokens'],
])(
  'branches after %i tokens, all dropped again, are refused before their transcript is damaged',
  (at, most, why) => {
    const { state, refused } = insist({ type: 'branch', segment: 'p1', at }, (segment) => [
      pathStarted(4, segment, { source: { type: 'branch', of: 'p1', at } }),
      { type: 'segment-dropped', at: 5, segment },
    ])
    expect(refused).toMatchObject({
      code: 'too-many-paths',
      message: expect.stringContaining(why),
    })
    expect(state.paths).toHaveLength(most)
  },
)

it('summaries are refused before their transcript is damaged', () => {
  const { state, refused } = insist({ type: 'summarise' }, (segment) => [
    summaryStarted(4, segment, ['p1']),
  ])
  expect(refused).toMatchObject({
    code: 'out-of-range',
    message: expect.stringContaining('at most 1024 summaries'),
  })
  expect(state.summaries).toHaveLength(MAX_SEGMENTS)
})
