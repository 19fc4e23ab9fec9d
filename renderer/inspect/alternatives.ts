import { useEffect, useState } from 'react'
import type { Alternative, SegmentId } from '../../engine/protocol/events.ts'
import { failureWords } from '../i18n/wording.ts'
import { host } from '../store/host.ts'
import { useOpenRun, useSegment } from '../store/runs.ts'

const CHUNK = 64
/** Alternatives that were looked at, by chunk, with the number of tokens the chunk had. The rest stays on disk. */
const cache = new Map<string, readonly (Alternative[] | null)[]>()
const MAX_CHUNKS = 200

/** Returns undefined while loading, null if none were recorded, or a text that says why they cannot be read. */
export function useAlternatives(
  run: string,
  segment: SegmentId,
  index: number,
): readonly Alternative[] | string | null | undefined {
  const [answer, setAnswer] = useState<{ to: string; error: string | null }>({
    to: '',
    error: null,
  })
  const sample = useOpenRun(run)?.sample === true
  const tokens = useSegment(run, segment)?.tokens
  const from = index - (index % CHUNK)
  const key = `${run}/${segment}/${from}`
  const known = tokens?.at(index)?.alternatives ?? (sample ? null : cache.get(key)?.[index - from])
  const question = `${key}/${index}`
  const count = Math.min(CHUNK, (tokens?.length ?? 0) - from)
  const wanted = known === undefined && index < from + count
  useEffect(() => {
    if (!wanted) return
    host.call('run.alternatives', { run, segment, index: from, count }).then(
      (list) => {
        cache.set(key, list)
        if (cache.size > MAX_CHUNKS) cache.delete(cache.keys().next().value!)
        setAnswer({ to: question, error: null })
      },
      (error: unknown) => setAnswer({ to: question, error: failureWords(error) }),
    )
  }, [question, wanted])
  return known === undefined && answer.to === question ? answer.error : known
}
