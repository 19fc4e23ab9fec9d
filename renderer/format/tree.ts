import type { Root } from 'hast'
import rehypeKatex from 'rehype-katex'
import rehypeSanitize, { defaultSchema } from 'rehype-sanitize'
import remarkGfm from 'remark-gfm'
import remarkMath from 'remark-math'
import remarkParse from 'remark-parse'
import remarkRehype from 'remark-rehype'
import { unified } from 'unified'
import { VFile } from 'vfile'
import { plainOf } from './plain.ts'

/** [start, end) of the part of the text that is marked as the answer. */
export type Mark = readonly [number, number]

interface Node {
  type: string
  value?: string
  children?: Node[]
  data?: Record<string, unknown>
  position?: { start: { offset?: number }; end: { offset?: number } }
}

const MAX_FORMULA = 3000
const MAX_NESTING = 60
/** Most nested elements: more than a formula of the allowed nesting has, and few enough to draw by recursion. */
const MAX_DEPTH = 1000

/** Returns whether a formula is too slow or nests too deep for KaTeX, in which case its source is shown. */
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

function walk(
  node: Node,
  visit: (child: Node, parent: Node, index: number) => Node | undefined,
): void {
  const { children } = node
  if (children === undefined) return
  for (let i = 0; i < children.length; i++) {
    const replaced = visit(children[i]!, node, i)
    if (replaced !== undefined) children[i] = replaced
    else walk(children[i]!, visit)
  }
}

/** Turns HTML in model text into text, and formulas beyond the limits into code. */
function remarkInert() {
  return (tree: Node) =>
    walk(tree, (node, parent) => {
      if (node.type === 'html') {
        const text: Node = {
          type: 'text',
          value: node.value ?? '',
          ...(node.position && { position: node.position }),
        }
        return parent.type === 'paragraph' ||
          parent.type === 'heading' ||
          parent.type === 'tableCell'
          ? text
          : { type: 'paragraph', children: [text] }
      }
      if ((node.type === 'math' || node.type === 'inlineMath') && tooMuch(node.value ?? '')) {
        return { type: node.type === 'math' ? 'code' : 'inlineCode', value: node.value ?? '' }
      }
      return undefined
    })
}

/** Turns \\boxed{} into a formula, since models also write it without dollars. */
function remarkBoxed() {
  return (tree: Node) =>
    walk(tree, (node, parent, index) => {
      const { value = '', position } = node
      const start = position?.start.offset
      if (
        node.type !== 'text' ||
        start === undefined ||
        value.length !== position!.end.offset! - start
      )
        return undefined
      const from = value.indexOf('\\boxed{')
      const to = from < 0 ? -1 : closing(value, from + 6)
      if (to < 0) return undefined
      const piece = (type: string, a: number, b: number): Node => ({
        type,
        value: value.slice(a, b),
        position: { start: { offset: start + a }, end: { offset: start + b } },
        ...(type === 'inlineMath' && {
          data: {
            hName: 'code',
            hProperties: { className: ['language-math', 'math-inline'] },
            hChildren: [{ type: 'text', value: value.slice(a, b) }],
          },
        }),
      })
      const rest = value.length > to + 1 ? [piece('text', to + 1, value.length)] : []
      parent.children!.splice(index + 1, 0, piece('inlineMath', from, to + 1), ...rest)
      return piece('text', 0, from)
    })
}

/** Returns the index of the brace that closes the one at `open`, or -1. */
function closing(text: string, open: number): number {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return i
  }
  return -1
}

/** Wraps the marked part in <mark>: text exactly, formulas and code as a whole. */
function remarkMark() {
  return (tree: Node, file: VFile) => {
    const mark = file.data.mark as Mark | null
    if (mark === null) return
    const wrap = (children: Node[]): Node => ({ type: 'answer', data: { hName: 'mark' }, children })
    walk(tree, (node) => {
      const start = node.position?.start.offset
      const end = node.position?.end.offset
      if (start === undefined || end === undefined || end <= mark[0] || start >= mark[1])
        return undefined
      if (node.type === 'inlineMath' || node.type === 'inlineCode') return wrap([node])
      if (node.type !== 'text') return undefined
      const value = node.value ?? ''
      if (value.length !== end - start) return wrap([node])
      const [from, to] = [Math.max(0, mark[0] - start), Math.min(value.length, mark[1] - start)]
      const part = (a: number, b: number): Node[] =>
        b > a ? [{ type: 'text', value: value.slice(a, b) }] : []
      return {
        type: 'answerText',
        data: { hName: 'span' },
        children: [...part(0, from), wrap(part(from, to)), ...part(to, value.length)],
      }
    })
  }
}

const schema = {
  ...defaultSchema,
  tagNames: [...(defaultSchema.tagNames ?? []).filter((tag) => tag !== 'input'), 'mark', 'span'],
  clobberPrefix: 'm-',
  attributes: {
    ...defaultSchema.attributes,
    '*': [],
    a: ['href'],
    img: ['alt', 'src'],
    code: [['className', /^language-[\w-]{1,40}$/, 'math-inline', 'math-display']],
    ol: ['start'],
    td: ['align'],
    th: ['align'],
  },
} satisfies typeof defaultSchema

const katex = {
  trust: false,
  strict: 'ignore',
  maxExpand: 200,
  maxSize: 20,
  throwOnError: false,
  errorColor: 'currentColor',
} as const

/** Turns \( \) and \[ \] into the dollars that remark-math reads. The length stays the same, so offsets stay valid. */
function dollars(text: string): string {
  if (/^\s*(`{3,}|~{3,})/.test(text)) return text
  return text.replace(/(?<!\\)\\[()[\]]/g, '$$$$')
}

const processor = unified()
  .use(remarkParse)
  .use([remarkGfm, remarkMath, remarkBoxed, remarkInert, remarkMark])
  .use(remarkRehype)
  .use([
    [rehypeSanitize, schema],
    [rehypeKatex, katex],
  ])
  .freeze()

const isDeeper = (node: Node, most: number): boolean =>
  most === 0 || (node.children ?? []).some((child) => isDeeper(child, most - 1))

/** Returns the tree of one closed block. It is inert: no HTML, no addresses, no images. Throws if it nests too deep. */
export function treeOf(text: string, mark: Mark | null): Root {
  const file = new VFile({ value: dollars(text), data: { mark } })
  const tree = processor.runSync(processor.parse(file), file)
  if (isDeeper(tree as Node, MAX_DEPTH)) throw new RangeError('nested too deep to be drawn')
  walk(tree as Node, (node) => {
    delete node.position
    delete node.data
    return undefined
  })
  return tree
}

/** Returns whether the tree looks like the plain text: one paragraph without markup. */
export function isPlain(tree: Root, text: string): boolean {
  const [only, ...others] = tree.children
  if (others.length > 0 || only?.type !== 'element' || only.tagName !== 'p') return false
  const [child, ...more] = only.children
  return more.length === 0 && child?.type === 'text' && child.value === plainOf(text).text
}
