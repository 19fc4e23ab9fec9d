import { z } from 'zod'
import { judgesOf } from './judges.ts'
import { isAtWork, isOpen, type RunState } from './run-state.ts'
import type { SegmentId } from './segments.ts'

/** What a run at work is doing. Lists, titles, taskbars and screen readers all say this. */
export const Doing = z.object({
  /** `queued`: it waits for its turn or for room. `prompt`: it reads the prompt. `reading`: a summary reads paths. */
  phase: z.enum([
    'queued',
    'loading',
    'prompt',
    'thinking',
    'reading',
    'summarising',
    'judging',
    'programs',
  ]),
  /** How many paths think, or are read. */
  paths: z.int(),
  /**
   * 0..1: of the model's file while it is loaded, of what the summary reads while it reads, otherwise of
   * the run's token budgets; null if it is not known.
   */
  fraction: z.number().min(0).max(1).nullable(),
})
export type Doing = z.infer<typeof Doing>

/** What the engine reports of a run beside its events. */
export interface Beside {
  /** It waits for room in its context. */
  waits: boolean
  /** Progress of loading its model, 0..1; null if it is not being loaded. */
  loading: number | null
  /** How much of its source a summary has read, 0..1. */
  reading: { segment: SegmentId; fraction: number } | null
}

/** The engine has reported nothing. */
export const NOTHING: Beside = { waits: false, loading: null, reading: null }

/** Returns whether a summary is being written. */
export const summarising = (state: RunState): boolean => state.summaries.some(isOpen)

/** Returns the summary that has no text yet, since it reads its paths. */
const beingRead = (state: RunState) =>
  state.summaries.find((one) => isOpen(one) && one.tokens.length === 0)

/** Returns how many paths a summary reads that has no text yet. */
export const pathsBeingRead = (state: RunState): number => beingRead(state)?.reads.length ?? 0

/**
 * Returns what a run is doing; null once it is over. `fraction`: of its token budgets
 * (`fractionOf`).
 */
export function doingOf(
  state: RunState,
  { waits, loading, reading }: Beside,
  fraction: number,
): Doing | null {
  if (!isAtWork(state)) return null
  const live = state.paths.filter(isOpen).length
  if (waits) return { phase: 'queued', paths: live, fraction: null }
  if (loading !== null) return { phase: 'loading', paths: live, fraction: loading }
  if (state.status === 'empty') return { phase: 'queued', paths: 0, fraction: null }
  if (state.paths.length === 0) return { phase: 'prompt', paths: 0, fraction: null }
  const read = beingRead(state)
  if (read !== undefined)
    return {
      phase: 'reading',
      paths: read.reads.length,
      fraction: reading?.segment === read.segment ? reading.fraction : null,
    }
  if (summarising(state)) return { phase: 'summarising', paths: live, fraction }
  if (judgesOf(state).some(isOpen)) return { phase: 'judging', paths: live, fraction }
  const asked = state.others.some(isOpen)
  if (
    asked ||
    (live === 0 && state.others.some(({ role }) => role === 'probe') && state.agreement === null)
  )
    return { phase: 'programs', paths: live, fraction }
  return { phase: 'thinking', paths: live, fraction }
}

/** What all runs at work are doing together. */
export interface DoingOfAll {
  /** Running and queued runs. */
  running: number
  /** Mean of the runs that are not queued; null without runs. */
  fraction: number | null
}

export function doingOfAll(runs: readonly { doing: Doing | null }[]): DoingOfAll {
  const doing = runs.flatMap((run) => run.doing ?? [])
  const going = doing.filter(({ phase }) => phase !== 'queued')
  const sum = going.reduce((total, { fraction }) => total + (fraction ?? 0), 0)
  return {
    running: doing.length,
    fraction: doing.length === 0 ? null : sum / Math.max(1, going.length),
  }
}
