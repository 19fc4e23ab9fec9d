import type { Segment } from './run-state.ts'

type Framed = Pick<Segment, 'tokens' | 'text'> & Partial<Pick<Segment, 'entry' | 'parent'>>

const OPEN = /^<(think\s*\d*|summary)>$/i
const CLOSE = /^<\/(think\s*\d*|summary)>$/

/**
 * Returns where the readable text is in a segment's text: without the opening control token, the
 * line breaks after it, and the closing control token; of a child of a plan, without what it keeps of
 * its parent. The token view shows all of them.
 */
export function frameOf({ tokens, text, entry = null, parent = null }: Framed): {
  text: string
  start: number
  end: number
} {
  if (entry !== null && parent !== null)
    return { text, start: keptOf(tokens, parent), end: text.length }
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

type Parent = NonNullable<Segment['parent']>

/** The length of the text that a child keeps, which never changes. */
const kept = new WeakMap<Parent, number>()

function keptOf(tokens: Segment['tokens'], parent: Parent): number {
  const known = kept.get(parent)
  if (known !== undefined) return known
  let length = 0
  for (const token of tokens.slice(0, parent.at)) length += token.text.length
  kept.set(parent, length)
  return length
}

/** Returns the readable text of a segment. */
export function framedText(segment: Framed): string {
  const { text, start, end } = frameOf(segment)
  return text.slice(start, end)
}
