import type { RunState } from '../../engine/protocol/fold.ts'
import { framedText } from '../../engine/protocol/frame.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'

export interface Hit {
  segment: SegmentId
  /** Offset in the readable text. */
  offset: number
  before: string
  match: string
  after: string
}

const MAX_HITS = 500

/** Returns where a text occurs in the paths and summaries, ignoring case. */
export function findIn(state: RunState, query: string): Hit[] {
  const wanted = query.toLowerCase()
  const hits: Hit[] = []
  if (wanted.trim() === '') return hits
  for (const one of [...state.summaries, ...state.paths]) {
    const body = framedText(one)
    let lower = body.toLowerCase()
    if (lower.length !== body.length) lower = body // a letter with a longer lower-case form would shift the offsets, so the case is kept
    for (
      let at = lower.indexOf(wanted);
      at !== -1 && hits.length < MAX_HITS;
      at = lower.indexOf(wanted, at + wanted.length)
    ) {
      hits.push({
        segment: one.segment,
        offset: at,
        before: body.slice(Math.max(0, at - 40), at).replace(/\s+/g, ' '),
        match: body.slice(at, at + wanted.length),
        after: body.slice(at + wanted.length, at + wanted.length + 60).replace(/\s+/g, ' '),
      })
    }
  }
  return hits
}
