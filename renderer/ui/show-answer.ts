import type { SegmentId } from '../../engine/protocol/segments.ts'
import { segmentNow } from '../store/runs.ts'
import { placeKey, reveal } from '../store/scroll.ts'
import { frameOf } from './control-tokens.ts'

/** Scrolls the pane of a path or summary to its answer. */
export function showAnswer(run: string, segment: SegmentId): void {
  const state = segmentNow(run, segment)
  if (state?.answer) reveal(placeKey(run, segment), state.answer.span[0] - frameOf(state).start)
}
