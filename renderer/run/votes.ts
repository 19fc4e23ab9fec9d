import { equalAnswers } from '../../engine/protocol/answers/equality.ts'
import { vote as count } from '../../engine/protocol/answers/vote.ts'
import type { PathState, RunState } from '../../engine/protocol/fold.ts'

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
export function boardOf({ paths, votes, summaries }: Pick<RunState, 'paths' | 'votes' | 'summaries'>): Board {
  const vote = votes.find((one) => one.over === 'summaries') ?? votes.find((one) => one.over === 'paths')
  const summaryAnswer = summaries.at(-1)?.answer?.text ?? null
  if (vote !== undefined) {
    const rows = vote.classes.map(({ answer, members }, i) => ({ answer, members: [...members], wins: i === vote.winner }))
    const version = summaries.at(-1)?.version
    const winner = vote.classes[vote.winner]
    const same = winner === undefined || summaryAnswer === null || (winner.answer !== null && equalAnswers(winner.answer, summaryAnswer))
      || (vote.over === 'summaries' && version !== undefined && winner.members.includes(version))
    return {
      rows, over: vote.over, total: sum(rows), voted: true, tie: vote.tie, override: vote.override === true,
      disagrees: vote.over === 'paths' && !same, summaryAnswer,
    }
  }
  const ended = paths.filter((path) => path.endedAt !== null && path.status !== 'dropped')
  const { classes, tie } = count(ended.map((path) => ({ member: path.path, answer: statedBy(path) })), 'equality')
  const rows = classes.map((one) => ({ ...one, wins: false }))
  const first = rows.find((row) => row.answer !== null)
  return {
    rows, over: 'paths', total: sum(rows), voted: false, override: false, summaryAnswer, tie,
    disagrees: summaryAnswer !== null && first !== undefined && !equalAnswers(first.answer!, summaryAnswer),
  }
}

/** Of a path that was cut off, the last number is one that it happened to have written. */
const statedBy = ({ answer, reason }: PathState): string | null =>
  answer === null || (reason !== 'finished' && answer.kind === 'last-number') ? null : answer.text

const sum = (rows: readonly BoardRow[]): number => Math.max(1, rows.reduce((n, row) => n + row.members.length, 0))
