import { flushSync } from 'react-dom'
import { frameTask } from './frame.ts'

/** Panes drawn in one frame: its work stays the same however many paths think. A formatted block has a frame for itself. */
const PER_FRAME = 2
/** Milliseconds of drawing after which a frame takes no other turn. */
const LONG_MS = 1
/** By pane; what belongs to none stands for itself. */
const waiting = new Map<string | (() => void), Set<() => void>>()
const isPane = (key: string | (() => void)) => typeof key === 'string'
const schedule = frameTask(() => drawWaiting(PER_FRAME, LONG_MS))

let taken = 0
/** The last frame had no turn. */
let passed = false

/** A reader's own scrolling is drawn at once, and takes a turn of that frame. */
export const takeTurn = (): void => {
  taken = Math.max(taken, 1)
}

/** Where blocks are drawn for it, it takes all turns, but not those of two frames running. */
export const takeFrame = (): void => {
  taken = PER_FRAME
}

let drawing = false
const settling = new Set<() => void>()

/** Calls `settle`, which needs the layout, when all turns of this frame are drawn: the page is laid out once for all of them. */
export function afterTurns(settle: () => void): void {
  if (drawing) settling.add(settle)
  else settle()
}

/** Draws what waits, the longest waiting first: one turn, and more until there are `most` or `ms` have gone; all of it where no limit is given. */
export function drawWaiting(most = Infinity, ms = Infinity): void {
  const end = performance.now() + ms
  const before = passed ? Math.min(taken, PER_FRAME - 1) : taken
  passed = before === PER_FRAME
  taken = 0
  let drawn = before
  drawing = true
  try {
    for (const [pane, draws] of waiting) {
      // What belongs to no pane is a formatted block, which is long to draw and to lay out.
      const alone = most < Infinity && !isPane(pane)
      if (drawn >= most || (drawn > before && (alone || performance.now() > end))) break
      waiting.delete(pane)
      flushSync(() => draws.forEach((draw) => draw()))
      drawn++
      if (alone) break
    }
  } finally {
    drawing = false
  }
  for (const settle of settling) settle()
  settling.clear()
  if (waiting.size > 0) schedule()
}

/** Has `draw` called in one of the next frames, once however often it was asked for, together with what else waits in `pane`; the result takes it back. */
export function inTurn(draw: () => void, pane: string | (() => void) = draw): () => void {
  const draws = waiting.get(pane) ?? new Set()
  waiting.set(pane, draws.add(draw))
  schedule()
  return () => {
    if (draws.delete(draw) && draws.size === 0 && waiting.get(pane) === draws) waiting.delete(pane)
  }
}
