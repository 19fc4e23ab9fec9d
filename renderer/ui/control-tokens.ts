import type { Segment } from '../../engine/protocol/fold.ts'

const OPEN = /^<(think\s*\d*|summary)>$/
const CLOSE = /^<\/(think\s*\d*|summary)>$/

/**
 * Where the readable text lies in a segment's text: without the control token that opens it, line breaks behind that,
 * and the control token that ends it. The inspect view shows them.
 */
export function frameOf({ tokens, text }: Segment): { text: string; start: number; end: number } {
  const first = tokens.at(0)
  const last = tokens.length > 1 ? tokens.at(tokens.length - 1) : undefined
  let start = first !== undefined && OPEN.test(first.text.trim()) ? first.text.length : 0
  while (text[start] === '\n') start++
  const end =
    last !== undefined && CLOSE.test(last.text.trim())
      ? text.length - last.text.length
      : text.length
  return { text, start, end: Math.max(start, end) }
}

/** How many tokens open a path and are no part of what it says: its control token. */
export const openingOf = ({ tokens }: Segment): number => (tokens.at(0)?.forced === true ? 1 : 0)

/** What paths are compared by, token by token: ids, or texts where the engine does not tell ids. */
export function tokenKey({ tokens }: Segment, index: number): number | string | undefined {
  const token = tokens.at(index)
  return token?.id ?? token?.text
}
