import type { Segment } from '../run-state.ts'
import type { Candidate } from './vote.ts'

/** A text that was cut off states no answer by the number that it happened to have written last. */
export const isStated = ({ answer, reason }: Pick<Segment, 'answer' | 'reason'>): boolean =>
  answer !== null && (reason === 'finished' || answer.kind !== 'last-number')

/** Returns what the paths say of a run that takes no vote by itself. */
export function statements(paths: readonly Segment[]): Candidate[] {
  return paths
    .filter(({ status, endedAt }) => endedAt !== null && status !== 'dropped')
    .map((path) => ({
      member: path.segment,
      answer: isStated(path) ? path.answer!.text : null,
    }))
}
