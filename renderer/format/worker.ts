import type { Root } from 'hast'
import { isProse, treeOf, type Mark } from './tree.ts'

/** What the window asks for, and what it gets: null where a text stays as it is: prose, or one that cannot be formatted. */
export interface FormatRequest { text: string; mark: Mark | null }
export type FormatResult = Root | null

self.onmessage = ({ data: { text, mark } }: MessageEvent<FormatRequest>) => {
  let result: FormatResult
  try {
    const tree = treeOf(text, mark)
    result = isProse(tree, text) ? null : tree
  } catch {
    result = null
  }
  self.postMessage(result)
}
