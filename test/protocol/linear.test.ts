import { describe, expect, it } from 'vitest'
import { applyEvents, EMPTY_RUN } from '../../engine/protocol/fold.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { RunSize } from '../../engine/protocol/run-size.ts'
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

/** Folds what a run may have of these events, in batches as short as those of an import. */
function foldAllowed(events: readonly RunEvent[]): number {
  const size = new RunSize()
  const beyond = events.findIndex((event) => size.add(event) !== undefined)
  const allowed = beyond < 0 ? events : events.slice(0, beyond)
  return cpuMs(() => {
    let state = applyEvents(EMPTY_RUN, [runStarted('r')])
    for (let i = 0; i < allowed.length; i += 64)
      state = applyEvents(state, allowed.slice(i, i + 64))
    expect(state.events).toBe(allowed.length + 1)
  })
}

describe('50,000 events of a kind', () => {
  it.each(Object.entries(EVENTS))('take little work or are too many: %s', (_, make) => {
    // Without a limit, or a fold that is not linear, a minute and more.
    expect(foldAllowed(make(50_000))).toBeLessThan(5_000)
  })
})

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
