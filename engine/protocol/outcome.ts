import { z } from 'zod'
import { decidingSummary } from './deciding.ts'
import { showsValues } from './question.ts'
import type { RunState } from './run-state.ts'

/**
 * How a run ended that did not simply give its answer. stopped: by the user. cut: the summary that is
 * its answer reached its budget. no-answer: the question has one value, and none was found.
 */
export const Outcome = z.enum(['stopped', 'cut', 'no-answer'])
export type Outcome = z.infer<typeof Outcome>

/** Returns how a run ended; null for a run that gave its answer, or has not ended. */
export function outcomeOf(state: RunState): Outcome | null {
  if (state.status !== 'ended') return null
  if (state.endReason !== 'finished') return 'stopped'
  const values = showsValues(state)
  if (values && state.answer !== null) return null
  if (decidingSummary(state)?.status === 'truncated') return 'cut'
  return values ? 'no-answer' : null
}
