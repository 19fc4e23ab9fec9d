import { printable } from '../protocol/controls.ts'
import type { RunState, Segment } from '../protocol/fold.ts'
import { decidingProgram, judgedWinner } from '../protocol/deciding.ts'
import { showsValues } from '../protocol/question.ts'
import {
  comparedPrograms,
  type ComparedPrograms,
  nameOf,
  segmentLine,
  segmentTitle,
  voteLines,
  voteTitle,
} from '../transcripts/export/index.ts'
import { table } from './table.ts'
import { print } from './usage.ts'

/**
 * Writes a run as plain text for a pipe: each segment once it has ended, then the vote and the
 * answer.
 */
export class PlainText {
  readonly #told = new Set<string>()

  async show({ paths, summaries, others }: RunState): Promise<void> {
    for (const one of [...paths, ...others, ...summaries]) {
      if (one.endedAt === null || this.#told.has(one.segment)) continue
      this.#told.add(one.segment)
      await print(block(one))
    }
  }

  async done(state: RunState): Promise<void> {
    if (showsValues(state) || comparedPrograms(state) !== null || judgedWinner(state) !== undefined)
      await print(resultText(state, { summaries: false }))
  }
}

/**
 * Returns what a reader wants after the run: summaries, votes, what programs returned, and the answer. Where the question has
 * no single value, the answer is the text of a summary or, without one, of a path.
 */
export function resultText(state: RunState, shown = { summaries: true }): string {
  const { answer } = state
  const parts = shown.summaries ? state.summaries.map(block) : []
  if (!showsValues(state)) {
    const compared = comparedPrograms(state)
    if (compared !== null) parts.push(programsText(compared))
    const program = decidingProgram(state)
    const judged = judgedWinner(state)
    parts.push(...votesText(state.votes.filter(({ over }) => over === 'judges')))
    const chosen = program ?? judged
    if (chosen !== undefined)
      parts.push(`--- Answer: ${nameOf(chosen)}\n${printable(answer ?? '')}\n`)
    else if (state.summaries.length === 0 && answer !== null) return `${printable(answer)}\n`
    return parts.join('')
  }
  parts.push(...votesText(state.votes))
  if (answer !== null) parts.push(`Answer: ${printable(answer)}\n`)
  return parts.join('')
}

const votesText = (votes: RunState['votes']): string[] =>
  votes.map((vote) => `--- ${voteTitle(vote)}\n${voteLines(vote).map(printable).join('\n')}\n\n`)

function programsText({ lines, head, rows }: ComparedPrograms): string {
  const cells = rows.map((row) => row.map(cut))
  return `--- Programs\n${lines.join('\n')}\n\n${table(head, cells)}\n`
}

const WIDTH = 32
const cut = (text: string): string => (text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text)

function block(segment: Segment): string {
  const text = printable(segment.text).trimEnd()
  return `--- ${segmentTitle(segment)} (${segmentLine(segment)})\n${text}\n\n`
}
