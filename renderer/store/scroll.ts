import type { SegmentId } from '../../engine/protocol/segments.ts'

/** The reading place of each text, kept across changes of layout and view. Not reactive. */
export interface Place {
  follow: boolean
  /**
   * Text offset of the block at the top edge, and the share (0..1) of the block that is above the edge. Used while not
   * following.
   */
  start: number
  into: number
}

const places = new Map<string, Place>()

export const placeKey = (run: string, segment: SegmentId): string => `${run}/${segment}`
export const placeOf = (key: string): Place | undefined => places.get(key)
export const keepPlace = (key: string, place: Place): void => {
  places.set(key, place)
}
/** Forgets the reading places of a run. */
export function forgetPlaces(run: string): void {
  for (const key of places.keys()) if (key.startsWith(`${run}/`)) places.delete(key)
}

type Reveal = (offset: number) => void
const revealers = new Map<string, Reveal>()

/** Registers the scroll function of a mounted text, used for answers and search hits. */
export function offerReveal(key: string, reveal: Reveal): () => void {
  revealers.set(key, reveal)
  return () => {
    if (revealers.get(key) === reveal) revealers.delete(key)
  }
}

/** Scrolls a text to an offset. Returns false if the text is not on the screen. */
export function reveal(key: string, offset: number): boolean {
  const how = revealers.get(key)
  how?.(offset)
  return how !== undefined
}
