import type { EndReason, EventOf, RunError, SegmentId } from '../protocol/events.ts'
import { judgedWinner } from '../protocol/deciding.ts'
import type { RunState } from '../protocol/fold.ts'

/**
 * What an experiment keeps of a run: enough to score it, and small enough to pass between
 * processes.
 */
export interface Digest {
  /** The transcript, if it is kept. */
  run?: string
  status: RunState['status']
  paths: {
    segment: SegmentId
    group: number | null
    reason: EndReason | null
    text: string
    length: number
    tokens?: number[]
  }[]
  summaries: { segment: SegmentId; text: string }[]
  /** What the run voted over; null if it did not vote. */
  over: EventOf<'vote'>['over'] | null
  /** The segment that judges prefer; absent if nothing was judged. */
  preferred?: SegmentId
  usage: RunState['usage']
  timings: RunState['timings']
  error: RunError | null
}

/** Returns the digest of a run. With `tokens`, it includes the token ids of every path. */
export function digestOf(run: RunState, tokens = false): Digest {
  const preferred = judgedWinner(run)
  return {
    status: run.status,
    paths: run.paths.map((path) => ({
      segment: path.segment,
      group: path.group,
      reason: path.reason,
      text: path.text,
      length: path.tokens.length,
      ...(tokens ? { tokens: [...path.tokens].flatMap(({ id }) => id ?? []) } : {}),
    })),
    summaries: run.summaries.map(({ segment, text }) => ({ segment, text })),
    over: run.votes.at(-1)?.over ?? null,
    ...(preferred !== undefined && { preferred }),
    usage: run.usage,
    timings: run.timings,
    error: run.error,
  }
}
