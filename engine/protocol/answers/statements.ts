import type { PathState } from '../run-state.ts'
import type { Candidate } from './vote.ts'

/** What the paths of a run say that takes no vote by itself. Of a path that was cut off, the last number is one that it happened to have written. */
export function statements(paths: readonly PathState[]): Candidate[] {
  return paths.filter(({ status, endedAt }) => endedAt !== null && status !== 'dropped').map(({ path, answer, reason }) => ({
    member: path, answer: answer === null || (reason !== 'finished' && answer.kind === 'last-number') ? null : answer.text,
  }))
}
