import { useEffect, useState } from 'react'
import type { Alternative } from '../../engine/protocol/events.ts'
import { host } from '../store/host.ts'
import { useRuns, streamOf } from '../store/runs.ts'
import { isLive } from '../commands/target.ts'

const CHUNK = 64
/** Alternatives stay on disk; what was looked at is kept here, a chunk a key. */
const cache = new Map<string, (Alternative[] | null)[]>()
const MAX_CHUNKS = 200

/** `undefined`: on its way; null: none were recorded. */
export function useAlternatives(run: string, path: number, version: number, index: number): readonly Alternative[] | null | undefined {
  const [, loaded] = useState(0)
  const chunk = Math.floor(index / CHUNK)
  const key = `${run}/${path}/${version}/${chunk}`
  const stream = useRuns.getState().open[run] && streamOf(useRuns.getState().open[run]!.shown, path, version)
  const own = stream?.tokens.at(index)?.alternatives
  useEffect(() => {
    if (own !== undefined || cache.has(key) || useRuns.getState().open[run]?.sample === true) return
    let wanted = true
    host.call('run.alternatives', { run, path, ...(path === 0 && { version }), index: chunk * CHUNK, count: CHUNK }).then((list) => {
      if (!wanted) return
      const live = stream !== undefined && isLive(stream.status)
      cache.set(key, list)
      if (cache.size > MAX_CHUNKS) cache.delete(cache.keys().next().value!)
      loaded((n) => n + 1)
      if (live) setTimeout(() => cache.delete(key), 1000) // the chunk may still grow
    }, () => {
      cache.set(key, [])
      loaded((n) => n + 1)
    })
    return () => { wanted = false }
  }, [key, run, path, version, chunk, own, stream])
  if (own !== undefined) return own
  if (useRuns.getState().open[run]?.sample === true) return null
  const list = cache.get(key)
  return list === undefined ? undefined : list[index - chunk * CHUNK] ?? null
}
