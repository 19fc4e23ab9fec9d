import { useEffect, useState } from 'react'
import type { Stream } from '../../engine/protocol/fold.ts'
import { streamNow, useRuns } from '../store/runs.ts'
import { placeKey } from '../store/scroll.ts'
import { inTurn } from '../store/turns.ts'

/** A path or summary as it is drawn: the newest state, in turn with the other panes. */
export function useDrawnStream(run: string, path: number, version: number): Stream | undefined {
  const [drawn, setDrawn] = useState(() => streamNow(run, path, version))
  useEffect(() => {
    let last = streamNow(run, path, version)
    const pane = placeKey(run, path, version)
    const draw = () => setDrawn(streamNow(run, path, version))
    let takeBack = inTurn(draw, pane)
    const stop = useRuns.subscribe(() => {
      const now = streamNow(run, path, version)
      if (now === last) return
      last = now
      takeBack = inTurn(draw, pane)
    })
    return () => {
      stop()
      takeBack()
    }
  }, [run, path, version])
  return drawn
}
