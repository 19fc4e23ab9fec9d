import type { Root } from 'hast'
import type { Range } from '../../engine/protocol/markdown/blocks.ts'
import { codeIn, visitElements } from '../../engine/protocol/markdown/elements.ts'
import { formulaElements, treeOf } from '../../engine/protocol/markdown/tree.ts'
import { isPlain } from '../../engine/protocol/markdown/plain.ts'

/**
 * Request and response of the worker. The tree is null if the text cannot be formatted or looks the same unformatted.
 * `info`: the text is code, and this its language as the model wrote it.
 */
export interface FormatRequest {
  text: string
  mark: Range | null
  /** Parts that are marked instead, in order. */
  marks?: readonly Range[]
  info?: string
  /** The text is a formula without delimiters. */
  formula?: boolean
}
export type FormatResult = Root | null

/** The grammars of languages are loaded with the first code. */
const colours = () => import('../../engine/protocol/markdown/highlight.ts')

function hasCode(tree: Root): boolean {
  let found = false
  visitElements(tree, (element) => {
    found ||= (codeIn(element)?.info ?? '') !== ''
    return undefined
  })
  return found
}

async function formatted({
  text,
  mark,
  marks,
  info,
  formula,
}: FormatRequest): Promise<FormatResult> {
  if (formula === true) {
    const children = formulaElements(text, false, 'html')
    return children && { type: 'root', children }
  }
  if (info !== undefined)
    return {
      type: 'root',
      children: (await colours()).highlight(text, info, marks ?? (mark === null ? [] : [mark])),
    }
  const tree = treeOf(text, marks === undefined ? { mark } : { marks })
  if (hasCode(tree)) (await colours()).highlightIn(tree)
  return isPlain(tree, text) ? null : tree
}

self.onmessage = async ({ data }: MessageEvent<FormatRequest>) => {
  self.postMessage(await formatted(data).catch(() => null))
}
