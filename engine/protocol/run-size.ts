import type { RunEvent } from './events.ts'
import { MAX_KEPT, MAX_NOTICES, MAX_PROBES, MAX_SEGMENTS, MAX_TEXT } from './limits.ts'
import { numberOf, roleOf, type SegmentId } from './segments.ts'

/** Counts what the events of one run take in memory, in order, and compares it with the limits of a run. */
export class RunSize {
  /** Tokens of each segment, and the most UTF-16 units that their text may have. */
  readonly #segments = new Map<SegmentId, { tokens: number; text: number }>()
  #notices = 0
  #probes = 0
  #kept = 0
  #longest = 0

  /** Adds an event. Returns what the run has too much of, as a sentence; undefined if nothing. */
  add(event: RunEvent): string | undefined {
    if (event.type === 'notice')
      return ++this.#notices > MAX_NOTICES ? `it has more than ${MAX_NOTICES} notices.` : undefined
    if (event.type === 'probe')
      return ++this.#probes > MAX_PROBES
        ? `its paths gave more than ${MAX_PROBES} answers on the way.`
        : undefined
    if (event.type === 'segment-started') {
      const { segment, source } = event
      if (numberOf(segment) > MAX_SEGMENTS)
        return `${segment} is beyond the ${MAX_SEGMENTS} segments that a run may have as ${roleOf(segment)}.`
      const parent = source.type === 'branch' ? this.#segments.get(source.of) : undefined
      const tokens = source.type === 'branch' ? Math.min(source.at, parent?.tokens ?? 0) : 0
      const text = Math.min(parent?.text ?? 0, tokens * this.#longest)
      this.#segments.set(segment, { tokens, text })
      this.#kept += tokens
      if (this.#kept > MAX_KEPT)
        return `its branches keep more than ${MAX_KEPT} tokens of other paths.`
    }
    if (event.type === 'tokens') {
      const segment = this.#segments.get(event.segment)
      if (segment === undefined) return undefined
      segment.tokens += event.tokens.length
      for (const { text } of event.tokens) {
        segment.text += text.length
        this.#longest = Math.max(this.#longest, text.length)
      }
      if (segment.text > MAX_TEXT) return `the text of ${event.segment} is too long.`
    }
    return undefined
  }
}
