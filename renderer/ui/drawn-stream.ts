import { useEffect, useState } from 'react'
import type { Segment } from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { segmentNow, useRuns } from '../store/runs.ts'
import { placeKey } from '../store/scroll.ts'
import { inTurn } from '../store/turns.ts'

/** Returns the newest state of a segment, updated in turn with the other panes. */
export function useDrawnStream(run: string, segment: SegmentId): Segment | undefined {
  const [drawn, setDrawn] = useState(() => segmentNow(run, segment))
  useEffect(() => {
    let last = segmentNow(run, segment)
    const pane = placeKey(run, segment)
    const draw = () => setDrawn(segmentNow(run, segment))
    let takeBack = inTurn(draw, pane)
    const stop = useRuns.subscribe(() => {
      const now = segmentNow(run, segment)
      if (now === last) return
      last = now
      takeBack = inTurn(draw, pane)
    })
    return () => {
      stop()
      takeBack()
    }
  }, [run, segment])
  return drawn
}
