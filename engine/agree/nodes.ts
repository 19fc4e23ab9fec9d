import type { SyntaxNode } from '@lezer/common'

/** What is told of a statement, in every language. */

/** What can be called by another expression than its name: a method, or what a module exports. */
export interface Offer {
  /** null: it has no name of its own. */
  name: string | null
  /** The expression that can be called. */
  as: string
}

/** What a statement is; the parts of it that its names do not tell. */
export interface Described {
  /**
   * `definition`: of a function or a class. `constant`: an assignment. `other`: everything that
   * only does something, such as a call or a test.
   */
  kind: 'import' | 'definition' | 'constant' | 'other'
  /** Names that it gives a meaning. */
  names: readonly string[]
  /** Those of them that are functions, and those that may be: what a call returned, another name. */
  functions: readonly string[]
  maybe: readonly string[]
  offers: readonly Offer[]
  text: string
}

/** A statement of which nothing is known but that it does something. */
export const OTHER: Described = {
  ...{ kind: 'other', text: '' },
  ...{ names: [], functions: [], maybe: [], offers: [] },
}

export function children(node: SyntaxNode): SyntaxNode[] {
  const all: SyntaxNode[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) all.push(child)
  return all
}

export const slice = (node: SyntaxNode, code: string): string => code.slice(node.from, node.to)
