import type { Root } from 'hast'
import { treeOf, type Mark } from './tree.ts'

/** What the window asks for, and what it gets: null where a text cannot be formatted. */
export interface FormatRequest { text: string; mark: Mark | null }
export type FormatResult = Root | null

self.onmessage = ({ data: { text, mark } }: MessageEvent<FormatRequest>) => {
  let result: FormatResult
  try {
    result = treeOf(text, mark)
  } catch {
    result = null
  }
  self.postMessage(result)
}
