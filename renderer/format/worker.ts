import type { Root } from 'hast'
import { isPlain, treeOf, type Mark } from './tree.ts'

/** What the window asks for, and what it gets: null where a text cannot be formatted, or looks the same as it is. */
export interface FormatRequest {
  text: string
  mark: Mark | null
}
export type FormatResult = Root | null

self.onmessage = ({ data: { text, mark } }: MessageEvent<FormatRequest>) => {
  let result: FormatResult
  try {
    const tree = treeOf(text, mark)
    result = isPlain(tree, text) ? null : tree
  } catch {
    result = null
  }
  self.postMessage(result)
}
