import { useEffect, useState } from 'react'
import type { Stream } from '../../engine/protocol/fold.ts'
import { streamOf, useRuns } from '../store/runs.ts'
import { inTurn } from '../store/turns.ts'

const read = (run: string, path: number, version: number): Stream | undefined => {
  const open = useRuns.getState().open[run]
  return open && streamOf(open.shown, path, version)
}

/** A path or summary as it is drawn: the newest state, in turn with the other panes. */
export function useDrawnStream(run: string, path: number, version: number): Stream | undefined {
  const [drawn, setDrawn] = useState(() => read(run, path, version))
  useEffect(() => {
    let last = read(run, path, version)
    const draw = () => setDrawn(read(run, path, version))
    let takeBack = inTurn(draw)
    const stop = useRuns.subscribe(() => {
      const now = read(run, path, version)
      if (now === last) return
      last = now
      takeBack = inTurn(draw)
    })
    return () => {
      stop()
      takeBack()
    }
  }, [run, path, version])
  return drawn
}
