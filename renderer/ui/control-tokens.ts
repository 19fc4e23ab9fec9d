import type { Stream } from '../../engine/protocol/fold.ts'

const OPEN = /^<(think\s*\d*|summary)>$/
const CLOSE = /^<\/(think\s*\d*|summary)>$/

/**
 * Where the readable text lies in a stream's text: without the control token that opens it, line breaks behind that,
 * and the control token that ends it. The inspect view shows them.
 */
export function frameOf({ tokens, text }: Stream): { text: string; start: number; end: number } {
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
