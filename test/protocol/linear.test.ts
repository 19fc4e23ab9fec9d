import { describe, expect, it } from 'vitest'
import { applyEvents, EMPTY_RUN } from '../../engine/protocol/fold.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { EVENTS } from '../support/hostile-transcripts.ts'
import { runStarted } from '../support/sample-run.ts'
import { cpuMs } from '../support/time.ts'

const N = 5_000

/** Folds in chunks, as transcripts are read. */
function fold(events: readonly RunEvent[]): number {
  return cpuMs(() => {
    let state = applyEvents(EMPTY_RUN, [runStarted('r')])
    for (let i = 0; i < events.length; i += 10_000)
      state = applyEvents(state, events.slice(i, i + 10_000))
    expect(state.events).toBe(events.length + 1)
  })
}

describe('a fold', () => {
  it.each(Object.entries(EVENTS))('is linear in events: %s', (_, make) => {
    const [few, many] = [make(N), make(4 * N)]
    // Quadratic growth is 16 times: several seconds more. Garbage collection may disturb one try.
    const tries = Array.from({ length: 3 }, () => () => {
      const [short, long] = [fold(few), fold(many)]
      return long < 8 * short + 150
    })
    expect(tries.some((holds) => holds())).toBe(true)
  })
})
