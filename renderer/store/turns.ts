import { flushSync } from 'react-dom'
import { frameTask } from './frame.ts'

/**
 * Panes drawn per frame, so that the work of a frame does not grow with the number of paths. A formatted block gets
 * its own frame.
 */
const PER_FRAME = 2
/** Milliseconds of drawing after which a frame starts no further turn. */
const LONG_MS = 1
/** Waiting work by pane; work without a pane is its own key. */
const waiting = new Map<string | (() => void), Set<() => void>>()
const isPane = (key: string | (() => void)) => typeof key === 'string'
const schedule = frameTask(() => drawWaiting(PER_FRAME, LONG_MS))

let taken = 0
/** The last frame had no turns. */
let passed = false

/** Draws the user's own scrolling at once, which takes one turn of the frame. */
export const takeTurn = (): void => {
  taken = Math.max(taken, 1)
}

/** If scrolling has drawn blocks, it takes all turns of the frame, but not of two frames in a row. */
export const takeFrame = (): void => {
  taken = PER_FRAME
}

let drawing = false
const settling = new Set<() => void>()

/** Calls `settle`, which needs the layout, after all turns of this frame, so that the page is laid out only once. */
export function afterTurns(settle: () => void): void {
  if (drawing) settling.add(settle)
  else settle()
}

/**
 * Draws waiting work, longest waiting first: one turn, then more until `most` turns or `ms` milliseconds are reached.
 * Draws everything without limits.
 */
export function drawWaiting(most = Infinity, ms = Infinity): void {
  const end = performance.now() + ms
  const before = passed ? Math.min(taken, PER_FRAME - 1) : taken
  passed = before === PER_FRAME
  taken = 0
  let drawn = before
  drawing = true
  try {
    for (const [pane, draws] of waiting) {
      // Work without a pane is a formatted block, which is slow to draw and to lay out.
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

/**
 * Calls `draw` once in one of the next frames, together with other work of `pane`. Returns a function that withdraws
 * it.
 */
export function inTurn(draw: () => void, pane: string | (() => void) = draw): () => void {
  const draws = waiting.get(pane) ?? new Set()
  waiting.set(pane, draws.add(draw))
  schedule()
  return () => {
    if (draws.delete(draw) && draws.size === 0 && waiting.get(pane) === draws) waiting.delete(pane)
  }
}
