import type { RunState, Segment } from './run-state.ts'

/**
 * Returns the summary that the run's answer is from: of several groups the one that won the vote, unless one was written
 * since; else the latest. It stands apart from decision.ts, which brings mathjs: the page asks this at its start.
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
