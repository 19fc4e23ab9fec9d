import type { Root } from 'hast'
import { isPlain, treeOf, type Mark } from './tree.ts'

/**
 * Request and response of the worker. The tree is null if the text cannot be formatted or looks the same unformatted.
 */
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
