import { useEffect, useState } from 'react'
import type { Alternative } from '../../engine/protocol/events.ts'
import { host } from '../store/host.ts'
import { useOpenRun, useStream } from '../store/runs.ts'

const CHUNK = 64
/** Alternatives stay on disk; what was looked at is kept here, a chunk a key: as many tokens of it as there were. */
const cache = new Map<string, readonly (Alternative[] | null)[]>()
const MAX_CHUNKS = 200

/** `undefined`: on its way; null: none were recorded; a text: why they could not be read. */
export function useAlternatives(
  run: string,
  path: number,
  version: number,
  index: number,
): readonly Alternative[] | string | null | undefined {
  const [answer, setAnswer] = useState<{ to: string; error: string | null }>({
    to: '',
    error: null,
  })
  const sample = useOpenRun(run)?.sample === true
  const stream = useStream(run, path, version)
  const from = index - (index % CHUNK)
  const key = `${run}/${path}/${version}/${from}`
  const known =
    stream?.tokens.at(index)?.alternatives ?? (sample ? null : cache.get(key)?.[index - from])
  const question = `${key}/${index}`
  const count = Math.min(CHUNK, (stream?.tokens.length ?? 0) - from)
  const wanted = known === undefined && index < from + count
  useEffect(() => {
    if (!wanted) return
    host
      .call('run.alternatives', { run, path, ...(path === 0 && { version }), index: from, count })
      .then(
        (list) => {
          cache.set(key, list)
          if (cache.size > MAX_CHUNKS) cache.delete(cache.keys().next().value!)
          setAnswer({ to: question, error: null })
        },
        (error: Error) => setAnswer({ to: question, error: error.message }),
      )
  }, [question, wanted])
  return known === undefined && answer.to === question ? answer.error : known
}
