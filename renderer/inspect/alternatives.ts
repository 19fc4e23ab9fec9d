import { useEffect, useState } from 'react'
import type { Alternative, SegmentId } from '../../engine/protocol/events.ts'
import { failureWords } from '../i18n/wording.ts'
import { host } from '../store/host.ts'
import { useOpenRun, useSegment } from '../store/runs.ts'

const CHUNK = 64
/** Alternatives stay on disk; what was looked at is kept here, a chunk a key: as many tokens of it as there were. */
const cache = new Map<string, readonly (Alternative[] | null)[]>()
const MAX_CHUNKS = 200

/** `undefined`: on its way; null: none were recorded; a text: why they could not be read. */
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
