import { frameTask } from './frame.ts'

/** Panes drawn in one frame: the work of a frame stays the same however many paths think. */
const PER_FRAME = 2
const waiting = new Set<() => void>()
const schedule = frameTask(() => drawWaiting(PER_FRAME))

/** Draws the panes that wait, the longest waiting first. */
export function drawWaiting(most = Infinity): void {
  let drawn = 0
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
