import { createHash } from 'node:crypto'
import type { RunState, Segment } from '../../protocol/fold.ts'
import { frameOf } from '../../protocol/frame.ts'
import type { Range } from '../../protocol/markdown/blocks.ts'
import { noticeText } from '../../protocol/wording.ts'
import { spokenText } from '../../protocol/deciding.ts'
import {
  answerCell,
  comparedPrograms,
  runRows,
  seconds,
  segmentLine,
  segmentTitle,
  shownOf,
  voteLines,
  voteTitle,
} from './describe.ts'
import type { ExportedRun } from './export.ts'
import { STYLE } from './style.ts'
import { escapeHtml, HtmlWriter } from './text-html.ts'

/**
 * Returns one page without scripts, links or remote content; its content security policy forbids
 * them all. Texts are formatted as in the window; formulas are MathML.
 */
export function exportHtml(runs: ExportedRun[]): string {
  const title = runs.length === 1 ? `Braid: ${runs[0]!.title}` : `Braid: ${runs.length} runs`
  const style = createHash('sha256').update(STYLE).digest('base64')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${runs.length > 1 ? compare(runs) : ''}${runs.map(oneRun).join('\n')}
</main>
</body>
</html>
`
}

function oneRun(run: ExportedRun): string {
  const { state } = run
  const writer = new HtmlWriter()
  const parts = [
    `<h1>${escapeHtml(run.title)}</h1>`,
    `<h2>Problem</h2>`,
    text(writer.text(state.problem)),
    `<h2>Answer</h2>`,
  ]
  const { values, whole, summaries, rest } = shownOf(state)
  if (whole !== null) {
    const line = `${segmentTitle(whole)}, ${segmentLine(whole)}`
    parts.push(`<p class="note">${escapeHtml(line)}</p>`)
    parts.push(text(writer.text(spokenText(whole, state))))
  } else
    parts.push(
      state.answer === null
        ? '<p>No answer.</p>'
        : `<div class="answer">${writer.answer(state.answer)}</div>`,
    )
  for (const summary of summaries) parts.push(section(summary, writer, values))
  for (const vote of state.votes)
    if (values || vote.over === 'judges')
      parts.push(`<h2>${escapeHtml(voteTitle(vote))}</h2>`, list(voteLines(vote)))
  const compared = comparedPrograms(state)
  if (compared !== null)
    parts.push(
      '<h2>Programs</h2>',
      ...compared.lines.map((line) => `<p>${escapeHtml(line)}</p>`),
      `<div class="text">${table(compared.head, compared.rows)}</div>`,
    )
  for (const one of rest) parts.push(section(one, writer, values))
  if (state.notices.length > 0) parts.push('<h2>Notices</h2>', list(state.notices.map(noticeText)))
  parts.push('<h2>Settings</h2>', table(['setting', 'value'], runRows(run)))
  return `<article>\n${parts.join('\n')}\n</article>`
}

function section(segment: Segment, writer: HtmlWriter, values: boolean): string {
  const { role } = segment
  const answer = values && segment.answer?.kind !== 'verdict' ? segment.answer : null
  const found =
    answer === null
      ? ''
      : `<p class="note">Answer: <b>${writer.answer(answer.text)}</b> (${answer.kind})</p>`
  const { text: whole, start, end } = frameOf(segment)
  const span: Range | null = answer && [answer.span[0] - start, answer.span[1] - start]
  const html = writer.text(whole.slice(start, end), span)
  const title = `<h2>${escapeHtml(segmentTitle(segment))}</h2>`
  const line = `<p class="note">${escapeHtml(segmentLine(segment))}</p>`
  return `<section class="${role}">${title}${line}${found}${text(html)}</section>`
}

function compare(runs: ExportedRun[]): string {
  const row = ({ title, state }: ExportedRun) => [
    title,
    state.model?.name ?? '',
    state.settings?.strategy ?? '',
    String(state.settings?.paths ?? ''),
    String(state.settings?.budget ?? ''),
    String(state.settings?.seed ?? ''),
    answerCell(state),
    time(state),
  ]
  const head = ['run', 'model', 'strategy', 'paths', 'budget', 'seed', 'answer', 'time']
  return `<article><h1>${runs.length} runs</h1>${table(head, runs.map(row))}</article>\n`
}

function time(state: RunState): string {
  return seconds(state.timings?.totalMs ?? state.at)
}

function text(html: string): string {
  return `<div class="text" dir="auto">${html}</div>`
}

function list(items: string[]): string {
  return `<ul>${items.map((item) => `<li>${escapeHtml(item)}</li>`).join('')}</ul>`
}

function table(head: string[], rows: string[][]): string {
  const cells = (tag: string, values: string[]) =>
    `<tr>${values.map((value) => `<${tag}>${escapeHtml(value)}</${tag}>`).join('')}</tr>`
  return `<table>${cells('th', head)}${rows.map((row) => cells('td', row)).join('')}</table>`
}
