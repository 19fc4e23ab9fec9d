import type { Segment } from './run-state.ts'

const OPEN = /^<(think\s*\d*|summary)>$/
const CLOSE = /^<\/(think\s*\d*|summary)>$/

/**
 * Returns where the readable text is in a segment's text: without the opening control token, the
 * line breaks after it, and the closing control token. The token view shows all of them.
 */
export function frameOf({ tokens, text }: Pick<Segment, 'tokens' | 'text'>): {
  text: string
  start: number
  end: number
} {
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

/** Returns the readable text of a segment. */
export function framedText(segment: Pick<Segment, 'tokens' | 'text'>): string {
  const { text, start, end } = frameOf(segment)
  return text.slice(start, end)
}
