import type { EventOf, RunEvent } from './events.ts'
import { MAX_SEGMENTS } from './limits.ts'

/**
 * Returns which of an event's indexes, counts or addresses do not fit together, as a sentence; undefined if all do.
 * Readers of a run rely on them. An address may be of a segment that never started: readers look it up.
 */
export function badReference(event: RunEvent): string | undefined {
  switch (event.type) {
    case 'segment-started':
      return (event.group ?? 1) > MAX_SEGMENTS ? 'its group is too high.' : undefined
    case 'vote':
      return inVote(event)
    case 'agreement':
      return inAgreement(event)
    default:
      return undefined
  }
}

function inVote({ classes, winner, chosen }: EventOf<'vote'>): string | undefined {
  if (classes.some(({ members }) => members.length === 0)) return 'a class has no members.'
  // A vote without candidates has no class, and 0 as its winner.
  if (winner >= Math.max(1, classes.length)) return 'its winner is none of its classes.'
  return chosen === undefined || classes[winner]?.members.includes(chosen) === true
    ? undefined
    : 'the member that was chosen is not in the class that won.'
}

function inAgreement(event: EventOf<'agreement'>): string | undefined {
  const { of, calls, programs, winner, chosen } = event
  // Programs that could not be run leave no record.
  if (programs.length !== of.length && programs.length + calls.length > 0)
    return 'it has not as many programs as segments.'
  if (winner !== null && winner >= programs.length) return 'its winner is none of its programs.'
  if (chosen !== undefined && !of.includes(chosen))
    return 'the program that was chosen is not in it.'
  for (const { cells, outcomes } of calls) {
    if (cells.length !== programs.length) return 'a call has not as many results as programs.'
    if (cells.some((cell) => cell !== null && cell >= outcomes.length))
      return 'a result of a call is none of its outcomes.'
  }
  return undefined
}
