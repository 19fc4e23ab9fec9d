import type { Literal, Nodes, Parents, Root } from 'mdast'
import { fromMarkdown, type Extension } from 'mdast-util-from-markdown'
import { gfmFromMarkdown } from 'mdast-util-gfm'
import { gfm } from 'micromark-extension-gfm'
import { contentOf } from './formulas.ts'
import { syntax } from './syntax.ts'

/** A formula in a line; `display`: on a line of its own. */
export interface InlineFormula extends Literal {
  type: 'inlineFormula'
  display: boolean
}
/** A block of one display formula. */
export interface FormulaBlock extends Literal {
  type: 'formulaBlock'
  display: true
}

declare module 'mdast' {
  interface PhrasingContentMap {
    inlineFormula: InlineFormula
  }
  interface BlockContentMap {
    formulaBlock: FormulaBlock
  }
  interface RootContentMap {
    inlineFormula: InlineFormula
    formulaBlock: FormulaBlock
  }
}

const formulas: Extension = {
  enter: {
    formula(token) {
      const source = this.sliceSerialize(token)
      const display = /^(?:\$\$|\\\[)/.test(source)
      this.enter({ type: 'inlineFormula', value: contentOf(source), display }, token)
    },
    formulaBlock(token) {
      const value = contentOf(this.sliceSerialize(token))
      this.enter({ type: 'formulaBlock', value, display: true }, token)
    },
  },
  exit: {
    formula(token) {
      this.exit(token)
    },
    formulaBlock(token) {
      this.exit(token)
    },
  },
}

const mdastExtensions = [gfmFromMarkdown(), formulas]

/**
 * Returns the Markdown of one block, for the window and every export. Offsets are those of `text`. HTML is text, a line
 * break in a table (`<br>`) a break.
 */
export function parseMarkdown(text: string): Root {
  const source = text.replace(/^\ufeff/, '\u200b') // the parser would drop it and shift all offsets
  const tree = fromMarkdown(source, {
    extensions: [gfm({ singleTilde: false }), syntax(source)],
    mdastExtensions,
  })
  walk(tree, (node, parent) => {
    if (node.type !== 'html') return undefined
    if (parent.type === 'tableCell' && /^<br\s*\/?>$/i.test(node.value))
      return { type: 'break', position: node.position }
    return { type: 'text', value: node.value, position: node.position }
  })
  return tree
}

/** Visits every node below `node`; what `visit` returns replaces the visited node and is not visited. */
export function walk(
  node: Nodes,
  visit: (child: Nodes, parent: Parents) => Nodes | undefined,
): void {
  if (!('children' in node)) return
  const children = node.children as Nodes[]
  for (let i = 0; i < children.length; i++) {
    const replaced = visit(children[i]!, node)
    if (replaced !== undefined) children[i] = replaced
    else walk(children[i]!, visit)
  }
}
