import { flushSync } from 'react-dom'
import { frameTask } from './frame.ts'

/** Panes, or formatted blocks, drawn in one frame: its work stays the same however many paths think. */
const PER_FRAME = 2
/** Milliseconds of drawing after which a frame takes no other turn: what is long to draw has its frame for itself. */
const LONG_MS = 1
const waiting = new Map<unknown, Set<() => void>>()
const schedule = frameTask(() => drawWaiting(PER_FRAME, LONG_MS))

let taken = 0
/** The last frame had no turn. */
let passed = false

/** A reader's own scrolling is drawn at once, and takes a turn of that frame. */
export const takeTurn = (): void => { taken = Math.max(taken, 1) }

/** Where blocks are drawn for it, it takes all turns, but not those of two frames running. */
export const takeFrame = (): void => { taken = PER_FRAME }

let drawing = false
const settling = new Set<() => void>()

/** Calls `settle`, which needs the layout, when all turns of this frame are drawn: the page is laid out once for all of them. */
export function afterTurns(settle: () => void): void {
  if (drawing) settling.add(settle)
  else settle()
}

/** Draws the panes that wait, the longest waiting first: one, and more until there are `most` or `ms` have gone. */
export function drawWaiting(most = Infinity, ms = Infinity): void {
  const end = performance.now() + ms
  let drawn = passed ? Math.min(taken, PER_FRAME - 1) : taken
  passed = drawn === PER_FRAME
  taken = 0
  drawing = true
  try {
    for (const [pane, draws] of waiting) {
      if (drawn >= most || (drawn > 0 && performance.now() > end)) break
      waiting.delete(pane)
      flushSync(() => draws.forEach((draw) => draw()))
      drawn++
    }
  } finally {
    drawing = false
  }
  for (const settle of settling) settle()
  settling.clear()
  if (waiting.size > 0) schedule()
}

/** Has `draw` called in one of the next frames, once however often it was asked for, together with what else waits in `pane`; the result takes it back. */
export function inTurn(draw: () => void, pane: unknown = draw): () => void {
  const draws = waiting.get(pane) ?? new Set()
  waiting.set(pane, draws.add(draw))
  schedule()
  return () => { if (draws.delete(draw) && draws.size === 0 && waiting.get(pane) === draws) waiting.delete(pane) }
}
