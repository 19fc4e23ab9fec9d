import type { RunEvent } from '../protocol/events.ts'
import { bySegment, type SegmentId } from '../protocol/segments.ts'

/**
 * UTF-16 units that consecutive pieces of a text share, and that a branch repeats of its parent, so
 * that a word which is cut is whole in one of them. Twice the longest query, since letters may be
 * composed differently at the edges.
 */
export const OVERLAP = 2048
/** UTF-16 units of a piece: matching one takes about a millisecond. */
const PIECE = 1 << 17

interface Segment {
  /** The end of what a branch keeps of its parent. */
  tail: string
  /** Texts of the segment's own tokens. */
  texts: string[]
  /** For a branch: the segment whose own tokens are before this one's, up to `kept`. */
  parent: Segment | undefined
  kept: number
}

/**
 * Collects the texts of a run, to search them: its problem, then each segment. Unlike a fold, it
 * holds a branch's kept tokens only once, so it takes as much as the transcript.
 */
export class Texts {
  #problem = ''
  readonly #segments = new Map<SegmentId, Segment>()

  add(event: RunEvent): void {
    if (event.type === 'run-started') this.#problem = event.problem
    else if (event.type === 'segment-started') {
      const { segment, source } = event
      const from = source.type === 'branch' ? this.#segments.get(source.of) : undefined
      this.#segments.set(
        segment,
        from === undefined || source.type !== 'branch'
          ? { tail: '', texts: [], parent: undefined, kept: 0 }
          : branch(from, source.at as number),
      )
    } else if (event.type === 'tokens') {
      const texts = this.#segments.get(event.segment)?.texts
      if (texts !== undefined) for (const { text } of event.tokens) texts.push(text)
    }
  }

  /** Yields everything in pieces, which overlap; lines part the segments. */
  *pieces(): Generator<string> {
    let piece = ''
    for (const text of this.#all()) {
      piece += text
      while (piece.length >= PIECE) {
        yield piece.slice(0, PIECE)
        piece = piece.slice(PIECE - OVERLAP)
      }
    }
    yield piece
  }

  *#all(): Generator<string> {
    yield this.#problem
    const ids = [...this.#segments.keys()].sort(bySegment)
    for (const id of ids) {
      const { tail, texts } = this.#segments.get(id)!
      yield '\n'
      yield tail
      yield* texts
    }
  }
}

/** Returns a branch after the first `at` tokens of a segment. */
function branch(from: Segment, at: number): Segment {
  let parent: Segment | undefined = from
  // What is before the parent's own tokens is its parent's.
  while (parent !== undefined && at <= parent.kept) parent = parent.parent
  if (parent === undefined) return { tail: '', texts: [], parent, kept: 0 }
  const own = Math.min(parent.texts.length, at - parent.kept)
  let tail = ''
  const first = Math.max(0, own - OVERLAP)
  for (let i = own - 1; i >= first && tail.length < OVERLAP; i--) tail = parent.texts[i]! + tail
  if (first === 0 && tail.length < OVERLAP) tail = parent.tail + tail
  return { tail: tail.slice(-OVERLAP), texts: [], parent, kept: parent.kept + own }
}
