import type { Element, ElementContent, Root } from 'hast'
import { fromHtmlIsomorphic } from 'hast-util-from-html-isomorphic'
import { defaultSchema, sanitize, type Schema } from 'hast-util-sanitize'
import katex from 'katex'
import type { Nodes } from 'mdast'
import { toHast, type State } from 'mdast-util-to-hast'
import type { Range } from './blocks.ts'
import { visitElements } from './elements.ts'
import { MAX_FORMULA } from './formulas.ts'
import { prosePieces } from './prose.ts'
import { parseMarkdown, walk, type FormulaBlock, type InlineFormula } from './parse.ts'

export interface TreeOptions {
  /** The part of the text that is marked as the answer. */
  mark?: Range | null
  /** Parts that are marked, in order and without overlap. */
  marks?: readonly Range[]
  /** How formulas are written. Default: HTML for the window, which has KaTeX's fonts and styles. */
  formulas?: 'html' | 'mathml'
}

const MAX_NESTING = 60
/** Most nested elements: more than a formula of the allowed nesting has, and few enough to draw by recursion. */
const MAX_DEPTH = 1000

const schema: Schema = {
  ...defaultSchema,
  tagNames: [...(defaultSchema.tagNames ?? []).filter((tag) => tag !== 'input'), 'mark', 'span'],
  clobberPrefix: 'm-',
  attributes: {
    '*': [],
    a: ['href'],
    img: ['alt', 'src'],
    code: [['className', /^language-./, 'formula', 'formula-display']],
    ol: ['start'],
    li: [['className', 'task']],
    td: ['align'],
    th: ['align'],
  },
}

/**
 * Returns the tree of one block. It is inert: no HTML of the model, no addresses but those of links and images, which
 * the reader's side decides about. Throws if it nests too deep.
 */
export function treeOf(
  text: string,
  { mark = null, marks = mark === null ? [] : [mark], formulas = 'html' }: TreeOptions = {},
): Root {
  const markdown = parseMarkdown(text)
  boxTasks(markdown)
  if (marks.length > 0) markParts(markdown, marks)
  const tree = sanitize(
    toHast(markdown, {
      handlers: {
        inlineFormula: formulaElement,
        formulaBlock: formulaElement,
      },
    }),
    schema,
  ) as Root
  setFormulas(tree, text, formulas)
  if (isDeeper(tree, MAX_DEPTH)) throw new RangeError('nested too deep to be drawn')
  clean(tree)
  return tree
}

function formulaElement(state: State, node: InlineFormula | FormulaBlock): Element {
  const element: Element = {
    type: 'element',
    tagName: 'code',
    properties: { className: [node.display ? 'formula-display' : 'formula'] },
    children: [{ type: 'text', value: node.value }],
  }
  state.patch(node, element)
  return element
}

/** Writes the boxes of a task list as text, since the page has no inputs of a model. */
function boxTasks(tree: Nodes): void {
  walk(tree, (node) => {
    if (node.type !== 'listItem' || typeof node.checked !== 'boolean') return undefined
    const box: Nodes = { type: 'text', value: node.checked ? '☑ ' : '☐ ' }
    const [first] = node.children
    if (first?.type === 'paragraph') first.children.unshift(box)
    else node.children.unshift({ type: 'paragraph', children: [box] })
    node.checked = null
    node.data = { hProperties: { className: ['task'] } }
    return undefined
  })
}

/** Wraps the marked parts in <mark>: text exactly, formulas and code as a whole. */
function markParts(tree: Nodes, marks: readonly Range[]): void {
  const wrap = (children: Nodes[]): Nodes =>
    ({ type: 'emphasis', data: { hName: 'mark' }, children }) as Nodes
  walk(tree, (node) => {
    const start = node.position?.start.offset
    const end = node.position?.end.offset
    if (start === undefined || end === undefined) return undefined
    const inside = marks.filter(([from, to]) => end > from && start < to)
    if (inside.length === 0) return undefined
    if (node.type === 'inlineFormula' || node.type === 'formulaBlock' || node.type === 'inlineCode')
      return wrap([node])
    if (node.type !== 'text') return undefined
    const { value } = node
    if (value.length !== end - start) return wrap([node])
    const part = (a: number, b: number): Nodes[] =>
      b > a ? [{ type: 'text', value: value.slice(a, b) }] : []
    let at = 0
    const children = inside.flatMap(([first, last]): Nodes[] => {
      const [from, to] = [Math.max(at, first - start), Math.min(value.length, last - start)]
      const pieces = [...part(at, from), wrap(part(from, to))]
      at = to
      return pieces
    })
    return {
      type: 'emphasis',
      data: { hName: 'span' },
      children: [...children, ...part(at, value.length)],
    } as Nodes
  })
}

/** Replaces formulas by what KaTeX makes of them. One that it cannot read stays as written. */
function setFormulas(tree: Root, text: string, output: 'html' | 'mathml'): void {
  visitElements(tree, (element) => {
    const [name] = (element.properties.className as string[] | undefined) ?? []
    if (name !== 'formula' && name !== 'formula-display') return undefined
    const [content] = element.children
    const value = content?.type === 'text' ? content.value : ''
    return (
      formulaElements(value, name === 'formula-display', output) ?? [
        asWritten(element, text, value),
      ]
    )
  })
}

function asWritten({ position }: Element, text: string, value: string): ElementContent {
  const [start, end] = [position?.start.offset, position?.end.offset]
  const source = start === undefined || end === undefined ? value : text.slice(start, end)
  return { type: 'text', value: source }
}

/**
 * Returns a formula as elements, or null if KaTeX cannot read it or would take too long. One that is
 * prose becomes text, which wraps, in a frame if it was in a box.
 */
export function formulaElements(
  formula: string,
  displayMode: boolean,
  output: 'html' | 'mathml',
): ElementContent[] | null {
  const pieces = prosePieces(formula)
  if (pieces === null) return katexElements(formula, displayMode, output)
  const children: ElementContent[] = []
  for (const { text, formula } of pieces) {
    const drawn = formula
      ? katexElements(text, false, output)
      : [{ type: 'text' as const, value: text }]
    if (drawn === null) return null
    children.push(...drawn)
  }
  if (!formula.trimStart().startsWith('\\boxed')) return children
  return [{ type: 'element', tagName: 'span', properties: { className: ['boxed'] }, children }]
}

function katexElements(
  formula: string,
  displayMode: boolean,
  output: 'html' | 'mathml',
): ElementContent[] | null {
  if (tooMuch(formula)) return null
  try {
    const html = katex.renderToString(formula, {
      displayMode,
      output: output === 'html' ? 'htmlAndMathml' : 'mathml',
      throwOnError: true,
      trust: false,
      strict: 'ignore',
      maxExpand: 200,
      maxSize: 20,
    })
    return fromHtmlIsomorphic(html, { fragment: true }).children as ElementContent[]
  } catch {
    return null
  }
}

function tooMuch(formula: string): boolean {
  if (formula.length > MAX_FORMULA) return true
  let depth = 0
  for (const char of formula) {
    if (char === '{') depth++
    else if (char === '}') depth--
    if (depth > MAX_NESTING) return true
  }
  return false
}

/** Drops what only the parser needs, so that the tree is small to send. */
function clean(node: Root | Element): void {
  delete node.position
  delete node.data
  for (const child of node.children) {
    if (child.type === 'element') clean(child)
    else delete child.position
  }
}

const isDeeper = (node: Root | Element, most: number): boolean =>
  most === 0 || node.children.some((child) => child.type === 'element' && isDeeper(child, most - 1))
