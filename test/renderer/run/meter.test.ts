import { expect, test } from 'vitest'
import type { RunEvent } from '../../../engine/protocol/events.ts'
import { foldRun } from '../../../engine/protocol/fold.ts'
import { speedOf } from '../../../renderer/run/meter.ts'
import { begun } from '../synthetic.ts'

/** Returns a path that got one token at each of these times. */
const path = (...times: number[]) =>
  foldRun([
    ...begun('r', 1),
    ...times.map((at): RunEvent => ({
      type: 'tokens',
      at,
      segment: 'p1',
      tokens: [{ id: 1, text: 'x', logprob: -1, entropy: 1 }],
    })),
  ]).paths[0]!

test('the speed of a lane rests on at least five tokens, and on the last two seconds of a fast one', () => {
  const times = Array.from({ length: 40 }, (_, i) => 1000 + i * 100 + (i < 20 ? 0 : (i - 20) * 100))
  const seen: { at: number; tokens: number }[] = []
  const speeds = times.map((_, i) => speedOf(path(...times.slice(0, i + 1)), seen))
  expect(speeds.slice(0, 5)).toEqual([null, null, null, null, null])
  expect(speeds[5]).toBeCloseTo(10)
  expect(speeds.at(-1)).toBeCloseTo(5)
  // One token per second: more than two seconds are needed for five.
  const slow: typeof seen = []
  const late = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => 1000 + 1000 * i)
  late.forEach((_, i) => speedOf(path(...late.slice(0, i + 1)), slow))
  expect(slow.length).toBe(6)
  // In a replay that was moved there, nothing was seen before.
  expect(speedOf(path(...late), [])).toBeCloseTo(1)
})
