import type { RunState, Segment } from '../../protocol/fold.ts'
import { framedText } from '../../protocol/frame.ts'
import { noticeText } from '../../protocol/wording.ts'
import { spokenText } from '../../protocol/deciding.ts'
import {
  answerCell,
  comparedPrograms,
  runRows,
  segmentLine,
  segmentTitle,
  shownOf,
  voteLines,
  voteTitle,
} from './describe.ts'
import type { ExportedRun } from './export.ts'
import { MarkdownWriter } from './text-markdown.ts'

/**
 * Exports runs as Markdown. The texts of the user and the model are Markdown too, as the window
 * shows them (text-markdown.ts); names and short values are code spans that they cannot close.
 */
export function exportMarkdown(runs: ExportedRun[]): string {
  const parts = runs.length > 1 ? [`# ${runs.length} runs`, compare(runs)] : []
  for (const run of runs) parts.push(...oneRun(run))
  return parts.join('\n\n') + '\n'
}

function oneRun(run: ExportedRun): string[] {
  const { state } = run
  const writer = new MarkdownWriter()
  const parts = [`# Run ${code(run.title)}`, '## Problem', writer.text(state.problem), '## Answer']
  const { values, whole, summaries, rest } = shownOf(state)
  if (whole !== null) {
    parts.push(code(`${segmentTitle(whole)}, ${segmentLine(whole)}`))
    parts.push(writer.text(spokenText(whole, state)))
  } else parts.push(state.answer === null ? 'No answer.' : writer.answer(state.answer))
  for (const summary of summaries) parts.push(...segmentParts(summary, writer, values))
  for (const vote of state.votes)
    if (values || vote.over === 'judges') parts.push(`## ${voteTitle(vote)}`, list(voteLines(vote)))
  const compared = comparedPrograms(state)
  if (compared !== null)
    parts.push('## Programs', ...compared.lines, table(compared.head, compared.rows))
  for (const one of rest) parts.push(...segmentParts(one, writer, values))
  if (state.notices.length > 0) parts.push('## Notices', list(state.notices.map(noticeText)))
  parts.push(
    '## Settings',
    runRows(run)
      .map(([name, value]) => `- ${name}: ${code(value)}`)
      .join('\n'),
  )
  return parts
}

function segmentParts(segment: Segment, writer: MarkdownWriter, values: boolean): string[] {
  const { answer } = segment
  const parts = [`## ${segmentTitle(segment)}`, code(segmentLine(segment))]
  if (values && answer !== null && answer.kind !== 'verdict')
    parts.push(`Answer: ${writer.answer(answer.text)} (${answer.kind})`)
  return [...parts, writer.text(framedText(segment))]
}

function compare(runs: ExportedRun[]): string {
  const row = ({ run, state }: ExportedRun) => [
    run,
    state.model?.name ?? '',
    state.settings?.strategy ?? '',
    String(state.settings?.paths ?? ''),
    String(state.settings?.budget ?? ''),
    String(state.settings?.seed ?? ''),
    answerCell(state),
    time(state),
  ]
  return table(
    ['run', 'model', 'strategy', 'paths', 'budget', 'seed', 'answer', 'seconds'],
    runs.map(row),
  )
}

function time(state: RunState): string {
  return ((state.timings?.totalMs ?? state.at) / 1000).toFixed(2)
}

/**
 * Returns a Markdown table. A bar inside a cell is replaced by a similar Unicode character, because
 * not every reader supports escaping it.
 */
export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  return [
    line(head),
    line(head.map(() => '---')),
    ...rows.map((row) => line(row.map((cell) => code(cell.replaceAll('|', '\u2223'))))),
  ].join('\n')
}

function list(items: string[]): string {
  return items.map((item) => `- ${code(item)}`).join('\n')
}

/** Returns a code span on one line. */
export function code(text: string): string {
  const line = text.replace(/[\s\0]+/g, ' ').trim()
  if (line === '') return ''
  const ticks = '`'.repeat(longestTicks(line) + 1)
  return /^`|`$/.test(line) ? `${ticks} ${line} ${ticks}` : `${ticks}${line}${ticks}`
}

function longestTicks(text: string): number {
  let longest = 0
  for (const run of text.match(/`+/g) ?? []) longest = Math.max(longest, run.length)
  return longest
}
