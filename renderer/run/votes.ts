import { equalAnswers } from '../../engine/protocol/answers/equality.ts'
import { statements } from '../../engine/protocol/answers/statements.ts'
import { vote as count } from '../../engine/protocol/answers/vote.ts'
import type { RunState } from '../../engine/protocol/fold.ts'
import { decidingVersion } from '../store/runs.ts'

export interface BoardRow {
  answer: string | null
  members: number[]
  wins: boolean
}

export interface Board {
  rows: BoardRow[]
  over: 'paths' | 'summaries'
  total: number
  /** false: only grouped by equality, nothing was voted. */
  voted: boolean
  tie: boolean
  override: boolean
  /** The summary's answer is not the one that won. */
  disagrees: boolean
  summaryAnswer: string | null
}

/** The vote that decides: over summaries if there is one, else over paths; without any, the paths' answers by equality. */
export function boardOf({
  paths,
  votes,
  summaries,
}: Pick<RunState, 'paths' | 'votes' | 'summaries'>): Board {
  const vote =
    votes.find((one) => one.over === 'summaries') ?? votes.find((one) => one.over === 'paths')
  const deciding = summaries.find(
    ({ version }) => version === decidingVersion({ summaries, votes }),
  )
  const summaryAnswer = deciding?.answer?.text ?? null
  if (vote !== undefined) {
    const rows = vote.classes.map(({ answer, members }, i) => ({
      answer,
      members: [...members],
      wins: i === vote.winner,
    }))
    const winner = vote.classes[vote.winner]
    const same =
      winner === undefined ||
      summaryAnswer === null ||
      (winner.answer !== null && equalAnswers(winner.answer, summaryAnswer)) ||
      (vote.over === 'summaries' && winner.members.includes(deciding!.version))
    return {
      rows,
      over: vote.over,
      total: sum(rows),
      voted: true,
      tie: vote.tie,
      override: vote.override === true,
      disagrees: !same,
      summaryAnswer,
    }
  }
  const { classes, tie } = count(statements(paths), 'equality')
  const rows = classes.map((one) => ({ ...one, wins: false }))
  const first = rows.find((row) => row.answer !== null)
  return {
    rows,
    over: 'paths',
    total: sum(rows),
    voted: false,
    override: false,
    summaryAnswer,
    tie,
    disagrees:
      summaryAnswer !== null && first !== undefined && !equalAnswers(first.answer!, summaryAnswer),
  }
}

const sum = (rows: readonly BoardRow[]): number =>
  Math.max(
    1,
    rows.reduce((n, row) => n + row.members.length, 0),
  )
