import type { Turn } from '../prompt/index.ts'
import type { CommandResult, RunCommand, RunEvent, SegmentId } from '../protocol/events.ts'

/**
 * A run as its owner holds it: events come out, commands go in.
 *
 * Texts: a path's text is the texts of all its tokens joined, forced ones included (`foldRun` builds it); answer spans
 * count in it. A branch's `tokens` events hold only what comes after the kept prefix.
 */
export interface RunHandle {
  readonly id: string
  /**
   * Every event in order, from the first one on, for one reader. It does not end with the run: commands may add events
   * after `run-ended` or `run-failed`, so leave the loop there (`break` closes the handle) or read on until `close`.
   * A run that fails or is cancelled before its prompt is known has no `run-started`: `run-failed` or `run-ended` comes alone.
   */
  readonly events: AsyncGenerator<RunEvent, void, undefined>
  /**
   * Resolves when the command was taken, with the segment that it opens; what it does is reported by events. Errors (`BraidError`): `bad-request`,
   * `no-such-path`, `not-running`, `bad-combination`, `cannot-join`, `out-of-range`.
   */
  command(command: RunCommand): Promise<CommandResult>
  /** Cancels what still goes on, lets go of the run's cells and ends `events`. */
  close(): Promise<void>
}

export interface ThinkOptions {
  /** The run's id; absent: made from the time. */
  id?: string
  /** What a follow-up follows up on, oldest first; the caller reads it from the earlier run. */
  conversation?: readonly Turn[]
  /** The model is loading: 0..1. */
  onProgress?: (fraction: number) => void
  /** Tokens that paths begin with, by path: given instead of sampled, after the control token and on top of the budget. For experiments. */
  given?: ReadonlyMap<SegmentId, readonly number[]>
}
