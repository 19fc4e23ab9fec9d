import { frameOf } from '../protocol/frame.ts'
import { isOpen, type Segment } from '../protocol/run-state.ts'
import type { ThoughtMarkers } from '../protocol/thoughts.ts'

/** What a segment has added to the answer since it was last read. */
export interface Added {
  content: string
  /** Indexes of the segment's tokens that are part of the content, whose texts may reach beyond it. */
  tokens: readonly number[]
}

/**
 * Reads the answer out of a segment that grows: what follows its thought, up to the first stop text.
 * What may still turn out to be the beginning of a marker or of a stop text, or white space at the
 * end, is kept back until more is known.
 */
export class Answer {
  readonly #stops: readonly string[]
  readonly #raw: boolean
  /** Where the answer begins in the segment's text; null while that is not known. */
  #begins: number | null = null
  /** Up to where the text was read as an answer. */
  #read = 0
  #token = 0
  #tokenEnd = 0
  /** Tokens of the answer so far. */
  count = 0
  /** A stop text has come: nothing follows. */
  stopped = false
  /** The thought so far, without its markers. */
  thought = ''

  /** `raw`: white space around the answer belongs to it. */
  constructor({ stops, raw }: { stops: readonly string[]; raw: boolean }) {
    this.#stops = stops
    this.#raw = raw
  }

  get begun(): boolean {
    return this.#read > 0
  }

  next(segment: Segment, markers: ThoughtMarkers | null): Added {
    const { text, start, end } = this.#raw
      ? { text: segment.text, start: 0, end: segment.text.length }
      : frameOf(segment)
    const ended = !isOpen(segment)
    this.#begins ??= this.#beginning(text.slice(0, end), start, ended, this.#raw ? null : markers)
    if (this.#begins === null || this.stopped) return { content: '', tokens: [] }
    const from = Math.max(this.#begins, this.#read)
    const to = this.#limit(text.slice(0, end), from, ended)
    if (to <= from) return { content: '', tokens: [] }
    this.#read = to
    return { content: text.slice(from, to), tokens: this.#tokens(segment, from, to) }
  }

  /** Returns where the answer begins, behind the thought and white space. */
  #beginning(
    text: string,
    start: number,
    ended: boolean,
    markers: ThoughtMarkers | null,
  ): number | null {
    const from = past(text, start)
    if (this.#raw) return 0
    if (markers === null) return from < text.length ? from : null
    const opener = markers.opens.find((marker) => text.startsWith(marker, from))
    if (opener === undefined && !markers.begins) {
      const rest = text.slice(from)
      const may = markers.opens.some(
        (marker) => rest.length < marker.length && marker.startsWith(rest),
      )
      return rest === '' || (may && !ended) ? null : from
    }
    const begun = opener === undefined ? from : past(text, from + opener.length)
    const closer = firstOf(text, markers.closes, begun)
    const thought = closer?.at ?? (ended ? text.length : text.length - kept(text, markers.closes))
    this.thought = text.slice(begun, Math.max(begun, thought)).trimEnd()
    if (closer === null) return null
    const answer = past(text, closer.at + closer.text.length)
    return answer < text.length ? answer : null
  }

  /** Returns up to where the text is known to be the answer. */
  #limit(text: string, from: number, ended: boolean): number {
    const stop = firstOf(text, this.#stops, from)
    if (stop !== null) this.stopped = true
    let to = stop?.at ?? (ended ? text.length : text.length - kept(text, this.#stops))
    if (!this.#raw) while (to > from && /\s/.test(text[to - 1]!)) to--
    return to
  }

  /** Returns the tokens that end within a range of the text, or begin in it at its end. */
  #tokens({ tokens }: Segment, from: number, to: number): number[] {
    const found: number[] = []
    for (; this.#token < tokens.length && this.#tokenEnd < to; this.#token++) {
      this.#tokenEnd += tokens.at(this.#token)!.text.length
      if (this.#tokenEnd > from) found.push(this.#token)
    }
    this.count += found.length
    return found
  }
}

/** Returns the first of some texts in another, from an index on; the longest of those at one place. */
function firstOf(
  text: string,
  texts: readonly string[],
  from: number,
): { at: number; text: string } | null {
  let first: { at: number; text: string } | null = null
  for (const one of texts) {
    const at = text.indexOf(one, from)
    if (at < 0 || (first !== null && at > first.at)) continue
    if (first === null || at < first.at || one.length > first.text.length) first = { at, text: one }
  }
  return first
}

/** Returns how many characters at the end of a text may begin one of these texts. */
function kept(text: string, texts: readonly string[]): number {
  let most = 0
  for (const one of texts)
    for (let length = Math.min(one.length - 1, text.length); length > most; length--)
      if (text.endsWith(one.slice(0, length))) most = length
  return most
}

/** Returns the index of the first character at or behind `from` that is not white space. */
function past(text: string, from: number): number {
  while (from < text.length && /\s/.test(text[from]!)) from++
  return from
}
