import type { Segment } from '../run-state.ts'
import type { Candidate } from './vote.ts'

/**
 * Returns whether an answer counts. The last number of a text that was cut off is not an answer.
 */
export const isStated = ({ answer, reason }: Pick<Segment, 'answer' | 'reason'>): boolean =>
  answer !== null && (reason === 'finished' || answer.kind !== 'last-number')

/** Returns the paths' answers, for a run whose strategy does not vote. */
export function statements(paths: readonly Segment[]): Candidate[] {
  return paths
    .filter(({ status, endedAt }) => endedAt !== null && status !== 'dropped')
    .map((path) => ({
      member: path.segment,
      answer: isStated(path) ? path.answer!.text : null,
    }))
}
