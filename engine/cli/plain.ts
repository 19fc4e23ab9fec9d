import type { PathState, RunState, Stream, SummaryState } from '../protocol/fold.ts'
import {
  pathLine,
  pathTitle,
  streamLine,
  summaryTitle,
  voteLines,
} from '../transcripts/export/describe.ts'
import { print, printable } from './usage.ts'

/** A run as plain text, for a pipe: each path when it has ended, the summaries, the vote, the answer. */
export class PlainText {
  readonly #told = new Set<string>()

  async show(state: RunState): Promise<void> {
    for (const path of state.paths)
      if (path.endedAt !== null) await this.#once(`path ${path.path}`, () => pathText(path))
    for (const summary of state.summaries)
      if (summary.endedAt !== null)
        await this.#once(`summary ${summary.version}`, () => summaryText(summary))
  }

  async done(state: RunState): Promise<void> {
    await print(resultText({ ...state, summaries: [] }))
  }

  async #once(name: string, text: () => string): Promise<void> {
    if (this.#told.has(name)) return
    this.#told.add(name)
    await print(text())
  }
}

/** What a reader wants when it is over: summaries, votes, the answer. */
export function resultText(state: RunState): string {
  const parts = state.summaries.map(summaryText)
  for (const vote of state.votes)
    parts.push(
      `--- Vote over ${vote.over} by ${vote.rule}\n${voteLines(vote).map(printable).join('\n')}\n\n`,
    )
  if (state.answer !== null) parts.push(`Answer: ${printable(state.answer)}\n`)
  return parts.join('')
}

function pathText(path: PathState): string {
  return block(pathTitle(path), pathLine(path), path)
}

function summaryText(summary: SummaryState): string {
  return block(summaryTitle(summary), streamLine(summary), summary)
}

function block(title: string, line: string, stream: Stream): string {
  return `--- ${title} (${line})\n${printable(stream.text).trimEnd()}\n\n`
}
