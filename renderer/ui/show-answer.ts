import { frameOf } from '../../engine/protocol/frame.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { segmentNow } from '../store/runs.ts'
import { placeKey, reveal } from '../store/scroll.ts'

/** Scrolls the pane of a path or summary to its answer. */
export function showAnswer(run: string, segment: SegmentId): void {
  const state = segmentNow(run, segment)
  if (state?.answer) reveal(placeKey(run, segment), state.answer.span[0] - frameOf(state).start)
}
