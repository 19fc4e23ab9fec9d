import type { SegmentId } from '../../engine/protocol/segments.ts'

/** Where each text was left, so that a change of layout or view keeps the reading place. Not reactive. */
export interface Place {
  follow: boolean
  /** Offset in the text of the block at the top edge, and how much of it is above, of one; used while not following. */
  start: number
  into: number
}

const places = new Map<string, Place>()

export const placeKey = (run: string, segment: SegmentId): string => `${run}/${segment}`
export const placeOf = (key: string): Place | undefined => places.get(key)
export const keepPlace = (key: string, place: Place): void => {
  places.set(key, place)
}
/** Its texts are read from the start, or followed, again. */
export function forgetPlaces(run: string): void {
  for (const key of places.keys()) if (key.startsWith(`${run}/`)) places.delete(key)
}

type Reveal = (offset: number) => void
const revealers = new Map<string, Reveal>()

/** A mounted text offers to scroll to an offset of its own (answers, search hits). */
export function offerReveal(key: string, reveal: Reveal): () => void {
  revealers.set(key, reveal)
  return () => {
    if (revealers.get(key) === reveal) revealers.delete(key)
  }
}

/** false: that text is not on the screen. */
export function reveal(key: string, offset: number): boolean {
  const how = revealers.get(key)
  how?.(offset)
  return how !== undefined
}
