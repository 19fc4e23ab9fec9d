import type { PathState, Stream } from '../run-state.ts'
import type { Candidate } from './vote.ts'

/** Of a text that was cut off, the last number is one that it happened to have written. */
export const isStated = ({ answer, reason }: Pick<Stream, 'answer' | 'reason'>): boolean =>
  answer !== null && (reason === 'finished' || answer.kind !== 'last-number')

/** What the paths of a run say that takes no vote by itself. */
export function statements(paths: readonly PathState[]): Candidate[] {
  return paths
    .filter(({ status, endedAt }) => endedAt !== null && status !== 'dropped')
    .map((path) => ({ member: path.path, answer: isStated(path) ? path.answer!.text : null }))
}
