import { frameTask } from './frame.ts'

/** Panes drawn, or blocks formatted, in one frame: its work stays the same however many paths think. */
const PER_FRAME = 2
const waiting = new Set<() => void>()
const schedule = frameTask(() => drawWaiting(PER_FRAME))

/** A reader's own scrolling is drawn at once, and takes a turn of that frame. */
let taken = 0
export const takeTurn = (): void => { taken = 1 }

/** Draws the panes that wait, the longest waiting first. */
export function drawWaiting(most = Infinity): void {
  let drawn = taken
  taken = 0
  for (const draw of waiting) {
    if (drawn++ === most) break
    waiting.delete(draw)
    draw()
  }
  if (waiting.size > 0) schedule()
}

/** Has `draw` called in one of the next frames, once however often it was asked for; the result takes it back. */
export function inTurn(draw: () => void): () => void {
  waiting.add(draw)
  schedule()
  return () => waiting.delete(draw)
}
