import { z } from 'zod'

/**
 * Where the thought of a path ends and its answer begins, for models that think before they answer.
 * Texts are enough for that; what a summary reads is found by ids (engine/prompt/thought.ts).
 */

const markers = z.array(z.string().min(1).max(64)).max(32)

/** The texts around a model's thought, as `run-started` records them. */
export const ThoughtMarkers = z.looseObject({
  opens: markers,
  closes: markers,
  /** The prompt opens the thought, so that a path begins in it. */
  begins: z.boolean(),
})
export type ThoughtMarkers = z.infer<typeof ThoughtMarkers>

export interface Thought {
  /** The range of the thought in UTF-16 units, without its markers. */
  start: number
  end: number
  /** Where the answer begins; null while the thought is open. */
  answer: number | null
}

/** Returns the thought in a text; null if there is none. The last closing marker ends it. */
export function thoughtIn(text: string, markers: ThoughtMarkers | null): Thought | null {
  if (markers === null) return null
  const start = beginning(text, markers.opens)
  const closed = lastOf(text, markers.closes)
  if (closed !== null)
    return {
      start: Math.min(start ?? 0, closed.start),
      end: closed.start,
      answer: past(text, closed.end),
    }
  return start !== null || markers.begins
    ? { start: start ?? 0, end: text.length, answer: null }
    : null
}

/**
 * Returns what a text says after its thought; all of it if the thought is open, or if nothing
 * follows it.
 */
export function afterThought(text: string, markers: ThoughtMarkers | null): string {
  const answer = text.slice(thoughtIn(text, markers)?.answer ?? 0)
  return answer.trim() === '' ? text : answer
}

function beginning(text: string, opens: readonly string[]): number | null {
  const from = past(text, 0)
  const open = opens.find((marker) => text.startsWith(marker, from))
  return open === undefined ? null : from + open.length
}

/** Returns the range of the marker that ends last in a text; null if it has none of them. */
export function lastOf(
  text: string,
  markers: readonly string[],
): { start: number; end: number } | null {
  let found: { start: number; end: number } | null = null
  for (const marker of markers) {
    const at = text.lastIndexOf(marker)
    if (at >= 0 && at + marker.length > (found?.end ?? -1))
      found = { start: at, end: at + marker.length }
  }
  return found
}

/** Returns the index of the first character at or behind `from` that is not white space. */
function past(text: string, from: number): number {
  while (from < text.length && /\s/.test(text[from]!)) from++
  return from
}
