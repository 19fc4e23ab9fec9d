import type { RunState, Segment } from '../protocol/fold.ts'
import { showsValues } from '../protocol/question.ts'
import { segmentLine, segmentTitle, voteLines } from '../transcripts/export/index.ts'
import { printable } from '../protocol/controls.ts'
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
    if (showsValues(state)) await print(resultText({ ...state, summaries: [] }))
  }
}

/**
 * Returns what a reader wants after the run: summaries, votes and the answer. Where the question has
 * no single value, the answer is the text of a summary or, without one, of a path.
 */
export function resultText(state: RunState): string {
  const { summaries, answer } = state
  const parts = summaries.map(block)
  if (!showsValues(state))
    return summaries.length === 0 && answer !== null ? `${printable(answer)}\n` : parts.join('')
  for (const vote of state.votes)
    parts.push(
      `--- Vote over ${vote.over} by ${vote.rule}\n${voteLines(vote).map(printable).join('\n')}\n\n`,
    )
  if (answer !== null) parts.push(`Answer: ${printable(answer)}\n`)
  return parts.join('')
}

function block(segment: Segment): string {
  const text = printable(segment.text).trimEnd()
  return `--- ${segmentTitle(segment)} (${segmentLine(segment)})\n${text}\n\n`
}
