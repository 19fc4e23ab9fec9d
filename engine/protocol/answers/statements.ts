import type { Segment } from '../run-state.ts'
import type { Candidate } from './vote.ts'

/** Returns the paths' answers, for a run whose strategy does not vote. */
export function statements(paths: readonly Segment[]): Candidate[] {
  return paths
    .filter(({ status, endedAt }) => endedAt !== null && status !== 'dropped')
    .map((path) => ({
      member: path.segment,
      answer: path.answer?.text ?? null,
    }))
}
