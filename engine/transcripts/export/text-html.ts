import type { Element, ElementContent, Root } from 'hast'
import { toHtml } from 'hast-util-to-html'
import { codeOf, textOf, wholeBlocksOf, type Range } from '../../protocol/markdown/blocks.ts'
import { codeIn, sourceIn, textIn, visitElements } from '../../protocol/markdown/elements.ts'
import { isFormula, plainSigns } from '../../protocol/markdown/formulas.ts'
import { highlight } from '../../protocol/markdown/highlight.ts'
import { languageName } from '../../protocol/markdown/languages.ts'
import { isProse, plainOf } from '../../protocol/markdown/plain.ts'
import { formulaElements, treeOf } from '../../protocol/markdown/tree.ts'
import { safeUrl } from '../../protocol/links.ts'
import { TextBudget } from './budget.ts'

/** Writes the texts of one run as HTML: as the window shows them, with MathML, and without links and scripts. */
export class HtmlWriter {
  #budget = new TextBudget()

  /** Returns a text as HTML. `mark`: the part to highlight; a formula that overlaps it is highlighted as a whole. */
  text(text: string, mark: Range | null = null): string {
    const plain = printable(text)
    if (!this.#budget.allows(plain)) return `<pre>${escapeHtml(plain)}</pre>`
    const children = wholeBlocksOf(plain).flatMap((block) => {
      const own = textOf(plain, block, mark)
      if (block.kind === 'markdown') return markdown(own.text, own.mark)
      const { code, info, lead } = codeOf(plain, block)
      const inside: Range | null = own.mark && [own.mark[0] - lead, own.mark[1] - lead]
      return [codeElement(highlight(code, info, inside === null ? [] : [inside]), info)]
    })
    return html({ type: 'root', children })
  }

  /** Returns a short answer as HTML: a formula if it is written as one, prose without LaTeX. */
  answer(answer: string): string {
    const plain = printable(answer)
    if (plain.includes('\n')) return this.text(plain)
    const formula = isFormula(plain) ? formulaElements(plain, false, 'mathml') : null
    if (formula === null) return escapeHtml(plainSigns(plain))
    return html({ type: 'root', children: formula })
  }
}

const html = (tree: Root): string =>
  toHtml(tree, { characterReferences: { useNamedReferences: true } })

/** Replaces control characters, which HTML forbids, and ends each line with a line feed. All offsets stay the same. */
const printable = (text: string): string =>
  text
    .replace(/\r(?=\n)/g, ' ')
    .replace(/\r/g, '\n')
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '\ufffd')

/** Escapes text for HTML content and for attributes in double quotes. */
export function escapeHtml(text: string): string {
  return printable(text)
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
}

const element = (tagName: string, className: string, children: ElementContent[]): Element => ({
  type: 'element',
  tagName,
  properties: className === '' ? {} : { className: [className] },
  children,
})
const textNode = (value: string): ElementContent => ({ type: 'text', value })

function markdown(text: string, mark: Range | null): ElementContent[] {
  if (mark === null && isProse(text)) {
    const { text: prose } = plainOf(text)
    return prose === '' ? [] : [element('p', '', [textNode(prose)])]
  }
  let tree: Root
  try {
    tree = treeOf(text, { mark, formulas: 'mathml' })
  } catch {
    return [element('p', '', [textNode(text)])] // nests too deep
  }
  visitElements(tree, forPaper)
  return tree.children as ElementContent[]
}

/** Returns what stands for an element on a page without links and pictures, with headings below those of the page. */
function forPaper(found: Element): ElementContent[] | undefined {
  const { tagName, properties } = found
  const code = codeIn(found)
  if (code !== null) return [codeElement(highlight(sourceIn(code.code), code.info), code.info)]
  if (/^h[1-6]$/.test(tagName)) found.tagName = `h${Math.min(6, Number(tagName[1]) + 2)}`
  if (tagName !== 'a' && tagName !== 'img') return undefined
  const image = tagName === 'img'
  if (!image) visitElements(found, forPaper)
  const label = image ? [textNode(`[${String(properties.alt ?? '')}]`)] : found.children
  const address = safeUrl(String((image ? properties.src : properties.href) ?? ''))
  const shown = textIn({ ...found, children: label })
  const same = address === null || address.replace(/^mailto:|\/$/g, '') === shown.replace(/\/$/, '')
  return [
    element('span', '', label),
    ...(same ? [] : [element('span', 'address', [textNode(` (${address})`)])]),
  ]
}

function codeElement(children: ElementContent[], info: string): Element {
  const name = languageName(info)
  return element('div', 'code', [
    ...(name === '' ? [] : [element('div', 'code-head', [textNode(name)])]),
    element('pre', '', [element('code', '', children)]),
  ])
}
