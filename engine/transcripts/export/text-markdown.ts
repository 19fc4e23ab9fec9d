import type { Image, Link, RootContent, Text } from 'mdast'
import { gfmToMarkdown } from 'mdast-util-gfm'
import { defaultHandlers, toMarkdown, type Handle, type Options } from 'mdast-util-to-markdown'
import { codeOf, textOf, wholeBlocksOf, type Block } from '../../protocol/markdown/blocks.ts'
import { isFormula, plainSigns } from '../../protocol/markdown/formulas.ts'
import { plainAnswer, prosePieces } from '../../protocol/markdown/prose.ts'
import { safeUrl } from '../../protocol/links.ts'
import {
  parseMarkdown,
  type FormulaBlock,
  type InlineFormula,
} from '../../protocol/markdown/parse.ts'
import { TextBudget } from './budget.ts'

/** Levels by which headings of a text stand below those of the export: a run's and a segment's. */
const LEVELS = 2

/** Writes text with as few escapes as other readers allow. */
const text: Handle = (node: Text, parent, state, info) =>
  defaultHandlers
    .text(node, parent, state, info)
    .replace(/(?<=[A-Za-z0-9])\\_(?=[A-Za-z0-9])/g, '_') // inside a word it cannot be emphasis
    .replace(/(?<=\S )\\\*(?= )/g, '*')
    .replace(/\$(?!\d)/g, '\\$') // before a digit no reader takes it for the end of a formula
    .replace(/\\\[(?=[^\]^\n][^\]\n\\]+\](?![([:]))/g, '[') // no link and no task
    .replace(/\n/g, '  \n') // the window keeps lines

const link: Handle = (node: Link, parent, state, info) =>
  safeUrl(node.url) === null
    ? state.containerPhrasing(node, info)
    : defaultHandlers.link(node, parent, state, info)

/** A picture becomes a link, since a reader would fetch it. */
const image: Handle = ({ alt, url }: Image, parent, state, info) =>
  link(
    { type: 'link', url, children: [{ type: 'text', value: `[${alt ?? ''}]` }] },
    parent,
    state,
    info,
  )

const heading: Handle = (node, parent, state, info) =>
  defaultHandlers.heading({ ...node, depth: Math.min(6, node.depth + LEVELS) }, parent, state, info)

/** Writes a formula so that it is harmless for a reader that knows no formulas. */
const harmless = (formula: string): string =>
  formula.replace(/<(?=[A-Za-z/!?])/g, '\\lt ').replaceAll('![', '! [')

const inlineFormula: Handle = ({ value, display }: InlineFormula, _, state) => {
  const line = harmless(value.replace(/\s*\n\s*/g, ' '))
  const formula = state.stack.includes('tableCell') ? line.replaceAll('|', '\\vert ') : line
  return display ? `$$${formula}$$` : `$${formula}$`
}

/**
 * Matches where a line begins with what is a block of its own, a row below a table's head or the line below a heading for
 * a reader that knows no formulas.
 */
const BLOCK = /^[ \t]*(?=[-+*>#~`|:]|=+[ \t]*$|\d+[.)](?:\s|$))/gm

const formulaBlock: Handle = ({ value }: FormulaBlock) => {
  const lines = value.replace(/\n(?:[ \t]*\n)+/g, '\n').replace(BLOCK, '{}')
  return `$$\n${harmless(lines)}\n$$`
}

const OPTIONS: Options = {
  bullet: '-',
  rule: '-',
  fences: true,
  listItemIndent: 'one',
  extensions: [
    gfmToMarkdown({ tablePipeAlign: false }),
    {
      handlers: { text, link, image, heading, inlineFormula, formulaBlock } as Options['handlers'],
    },
  ],
}

/**
 * Writes the texts of one run as Markdown that other readers show as the window does: money, operators and HTML escaped
 * where they would be read as something else, formulas in dollars, code in closed fences, headings below those of the
 * export, no pictures that a reader would fetch. A text cannot end or change what stands around it.
 */
export class MarkdownWriter {
  #budget = new TextBudget()

  text(text: string): string {
    const plain = text.replaceAll('\0', '\ufffd').replace(/\r\n?/g, '\n')
    const children = this.#budget.allows(plain)
      ? wholeBlocksOf(plain).flatMap((block) => nodesOf(plain, block))
      : [{ type: 'code' as const, value: plain }]
    return toMarkdown({ type: 'root', children }, OPTIONS).trimEnd()
  }

  /** Returns an answer as Markdown: a formula if it is written as one, prose without LaTeX, else as it is written. */
  answer(answer: string): string {
    if (answer.includes('\n')) return this.text(answer)
    const prose = prosePieces(answer) !== null
    if (isFormula(answer) && !prose) return `$${harmless(answer)}$`
    const text: Text = { type: 'text', value: prose ? plainAnswer(answer) : plainSigns(answer) }
    return toMarkdown({ type: 'paragraph', children: [text] }, OPTIONS).trimEnd()
  }
}

function nodesOf(text: string, block: Block): RootContent[] {
  if (block.kind === 'markdown') return parseMarkdown(textOf(text, block, null).text).children
  const { code, info } = codeOf(text, block)
  const [, lang = '', meta] = /^(\S*)\s*(.*)$/s.exec(info)!
  return [{ type: 'code', lang, meta: meta || null, value: code }]
}
