import type { Answer, EventOf, PathEndReason, RunError } from '../protocol/events.ts'
import type { RunState } from '../protocol/fold.ts'

/** What an experiment keeps of a run: enough to score it, small enough to pass between processes. */
export interface Digest {
  status: RunState['status']
  paths: {
    path: number
    group: number
    reason: PathEndReason | null
    text: string
    answer: Answer | null
    length: number
    tokens?: number[]
  }[]
  summaries: { version: number; text: string; answer: Answer | null }[]
  /** What the run voted over; null: it did not vote. */
  over: EventOf<'vote'>['over'] | null
  usage: RunState['usage']
  timings: RunState['timings']
  error: RunError | null
}

/** `tokens`: with the ids of every path. */
export function digestOf(run: RunState, tokens = false): Digest {
  return {
    status: run.status,
    paths: run.paths.map((path) => ({
      path: path.path,
      group: path.group,
      reason: path.reason,
      text: path.text,
      answer: path.answer,
      length: path.tokens.length,
      ...(tokens ? { tokens: [...path.tokens].map(({ id }) => id) } : {}),
    })),
    summaries: run.summaries.map(({ version, text, answer }) => ({ version, text, answer })),
    over: run.votes.at(-1)?.over ?? null,
    usage: run.usage,
    timings: run.timings,
    error: run.error,
  }
}
