import type { Turn } from '../prompt/index.ts'
import type { CommandResult, RunCommand, RunEvent, SegmentId } from '../protocol/events.ts'
import type { RunState } from '../protocol/fold.ts'

/**
 * The owner's handle to a run: it yields events and takes commands.
 *
 * A path's text is the concatenation of its tokens' texts, forced tokens included (`foldRun` builds
 * it); answer spans refer to it. A branch's `tokens` events hold only what comes after the kept
 * prefix.
 */
export interface RunHandle {
  readonly id: string
  /**
   * Yields every event in order, from the first one, to one reader. It does not end with the run,
   * since commands may add events after `run-ended` or `run-failed`: leave the loop there (`break`
   * closes the handle), or read until `close`. A run that fails or is cancelled before its prompt
   * is known has no `run-started`, only `run-failed` or `run-ended`.
   */
  readonly events: AsyncGenerator<RunEvent, void, undefined>
  /** The fold of all events, including those that were not read yet. */
  readonly state: RunState
  /**
   * Resolves once the command is accepted, with the segment that it opens; events report its
   * effects. A command that follows `cancel` or `stop-all` waits for the end of the run. Errors (`BraidError`): `bad-request`, `no-such-path`, `not-running`,
   * `bad-combination`, `cannot-join`, `out-of-range`, `too-many-paths`.
   */
  command(command: RunCommand): Promise<CommandResult>
  /** Cancels any remaining work, frees the run's cells and ends `events`. No command is accepted afterwards. */
  close(): Promise<void>
}

export interface ThinkOptions {
  /** The run's id; made from the time if absent. */
  id?: string
  /** The earlier turns of a follow-up, oldest first; the caller reads them from the earlier run. */
  conversation?: readonly Turn[]
  /** Reports the progress of loading the model, 0..1. */
  onProgress?: (fraction: number) => void
  /** Called with how much of what it reads a summary has read, 0..1; not if nothing is decoded for that. */
  onReading?: (segment: SegmentId, fraction: number) => void
  /** Called with the run's place in the queue for cells, from 1; null once it does not wait. */
  onWaiting?: (place: number | null) => void
  /**
   * No command will follow. A run without summaries then needs no cells that have left a sliding
   * window.
   */
  final?: boolean
  /**
   * For experiments: tokens that a path begins with, after its control token. They do not count
   * against its budget.
   */
  given?: ReadonlyMap<SegmentId, readonly number[]>
}

export interface ResumeOptions extends Omit<ThinkOptions, 'given' | 'final'> {
  /** The strategy goes on with what is there, as it would have if the run had not been interrupted. */
  goOn?: boolean
}
