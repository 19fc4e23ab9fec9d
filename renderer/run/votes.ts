import type { RunState } from '../../engine/protocol/fold.ts'
import { sameAnswer, valueOf } from './arithmetic.ts'

export interface BoardRow {
  answer: string | null
  members: number[]
  wins: boolean
}

export interface Board {
  rows: BoardRow[]
  over: 'paths' | 'summaries'
  total: number
  /** false: only grouped by equal value or text, nothing was voted. */
  voted: boolean
  tie: boolean
  override: boolean
  /** The summary's answer is not the one that won. */
  disagrees: boolean
  summaryAnswer: string | null
}

/** The vote that decides: over summaries if there is one, else over paths; without any, the paths' answers by their value or text. */
export function boardOf({ paths, votes, summaries }: Pick<RunState, 'paths' | 'votes' | 'summaries'>): Board {
  const vote = votes.find((one) => one.over === 'summaries') ?? votes.find((one) => one.over === 'paths')
  const summaryAnswer = summaries.at(-1)?.answer?.text ?? null
  if (vote !== undefined) {
    const rows = vote.classes.map(({ answer, members }, i) => ({ answer, members: [...members], wins: i === vote.winner }))
    const version = summaries.at(-1)?.version
    const winner = vote.classes[vote.winner]
    const same = winner === undefined || summaryAnswer === null || (winner.answer !== null && sameAnswer(winner.answer, summaryAnswer))
      || (vote.over === 'summaries' && version !== undefined && winner.members.includes(version))
    return {
      rows, over: vote.over, total: sum(rows), voted: true, tie: vote.tie, override: vote.override === true,
      disagrees: vote.over === 'paths' && !same, summaryAnswer,
    }
  }
  const groups = new Map<string | number | null, BoardRow>()
  for (const path of paths) {
    if (path.endedAt === null || path.status === 'dropped') continue
    const answer = path.answer?.text.trim() ?? null
    const key = answer === null ? null : valueOf(answer) ?? answer
    const row = groups.get(key)
    if (row === undefined) groups.set(key, { answer, members: [path.path], wins: false })
    else row.members.push(path.path)
  }
  const rows = [...groups.values()].sort((a, b) => b.members.length - a.members.length)
  const [first, second] = rows.filter((row) => row.answer !== null)
  return {
    rows, over: 'paths', total: sum(rows), voted: false, override: false, summaryAnswer,
    tie: first !== undefined && second !== undefined && first.members.length === second.members.length,
    disagrees: summaryAnswer !== null && first !== undefined && !sameAnswer(first.answer!, summaryAnswer),
  }
}

const sum = (rows: readonly BoardRow[]): number => Math.max(1, rows.reduce((n, row) => n + row.members.length, 0))
