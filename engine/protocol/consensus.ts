import type { CallRecord, Outcome, Reason } from './programs.ts'
import type { AgreementState } from './run-state.ts'
import { reasonText } from './wording.ts'

/**
 * What readers show of a comparison of programs. Free of the rules of equality, so that the page
 * starts without them.
 */

/** Returns whether an outcome is a result, which can agree with others. */
export const isResult = (outcome: Outcome): boolean =>
  'value' in outcome || 'printed' in outcome || 'changed' in outcome

type Compared = Pick<AgreementState, 'calls' | 'programs'>

/** How many programs return the same, and for how many calls. */
export interface Consensus {
  /** Programs that return the same. */
  same: number
  programs: number
  /** Calls for which this many do. */
  calls: number
  ofCalls: number
}

/**
 * Returns the largest number of programs that return the same for at least half of the calls, and
 * for how many calls they do; if there is none, the same for two programs. null: fewer than two
 * programs were run.
 */
export function consensusOf({ calls, programs }: Compared): Consensus | null {
  const ran = programs.filter(({ source }) => source !== '').length
  if (ran < 2 || calls.length === 0) return null
  const most = calls.map(largestGroup)
  const reach = (same: number) => most.filter((size) => size >= same).length
  let same = ran
  while (same > 2 && 2 * reach(same) < calls.length) same--
  return { same, programs: ran, calls: reach(same), ofCalls: calls.length }
}

/**
 * Returns what decided for a program: results that were expected, agreement with the others, or, where it
 * agrees with none, that the model was surest of it; `alone` if not even that tells it from the others.
 */
export function wonBy(
  { programs }: Compared,
  winner: number,
): 'expected' | 'agreement' | 'score' | 'alone' {
  const { missed, agreement, score } = programs[winner]!
  const beaten = programs.some(
    (one) => one.ran > 0 && one.missed > missed && one.agreement >= agreement,
  )
  if (beaten || agreement > 0) return beaten ? 'expected' : 'agreement'
  const surest = programs.every(
    (one, i) => i === winner || one.ran === 0 || (one.score ?? -Infinity) < (score ?? -Infinity),
  )
  return surest ? 'score' : 'alone'
}

/** Returns how many programs give the commonest result of a call; an error is not a result. */
function largestGroup({ outcomes, cells }: CallRecord): number {
  const sizes = outcomes.map((outcome, i) =>
    isResult(outcome) ? cells.filter((cell) => cell === i).length : 0,
  )
  return Math.max(0, ...sizes)
}

/** Returns the text of an outcome. `words`: how a reason is worded; absent: in English. */
export function outcomeText(
  outcome: Outcome,
  words: (reason: Reason) => string = reasonText,
): string {
  if ('changed' in outcome) return words({ code: 'changes', name: outcome.changed })
  const said = Object.values(outcome)[0] as string | Reason
  return typeof said === 'string' ? said : words(said)
}

/** Returns the result of an outcome, as it can be expected of others; null if it is none. */
export const resultOf = (outcome: Outcome): string | null =>
  isResult(outcome) ? (Object.values(outcome)[0] as string) : null

/** Returns the outcome of one program for a call; null if it was not run. */
export function outcomeOf({ outcomes, cells }: CallRecord, program: number): Outcome | null {
  const cell = cells[program] ?? null
  return cell === null ? null : (outcomes[cell] ?? null)
}
