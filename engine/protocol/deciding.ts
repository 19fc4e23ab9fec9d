import type { RunState, Segment } from './run-state.ts'

/**
 * Returns the summary that gives the run's answer: the one that won the vote between groups, unless
 * a later summary exists; otherwise the latest one. Separate from decision.ts so that the page can
 * start without the rules of equality.
 */
export function decidingSummary({
  summaries,
  votes,
}: Pick<RunState, 'summaries' | 'votes'>): Segment | undefined {
  const latest = summaries.at(-1)
  const vote = votes.find(({ over }) => over === 'summaries')
  const members = vote?.classes[vote.winner]?.members ?? []
  const won = summaries.find(({ segment }) => members.includes(segment))
  return won === undefined || latest!.startedAt > vote!.at ? latest : won
}
