import type { RunState, Segment } from '../protocol/fold.ts'
import type { Fusion, RunSettings } from '../protocol/request.ts'
import type { EndReason } from '../protocol/events.ts'
import type { SegmentId } from '../protocol/segments.ts'
import type { NoticeCode, WordParams } from '../protocol/wording.ts'

/**
 * A strategy is a pure function from what has happened to what happens next. It knows no engine, no clock and no
 * file: the driver (engine/run) carries the actions out, appends events, and asks again. Asking twice changes
 * nothing, since what was opened is in the state.
 */
export interface Strategy {
  next(view: View): Action[]
}

export interface View {
  readonly settings: RunSettings
  /** The model was trained for parallel thinking: it has pairs of control tokens. */
  readonly trained: boolean
  readonly state: RunState
  /** Summaries that are wanted and not in the state: they wait for the segments that they read to end. */
  readonly pending: readonly OpenSummary[]
  /** Only what commands ask for is opened: the run had ended before, or was stopped. */
  readonly later: boolean
}

export interface OpenPath {
  type: 'open'
  role: 'path'
  segment: SegmentId
  group: number
  /** Its place within the group, from 1; the driver chooses control tokens and thought row by it. */
  place: number
  seed: number
  budget: number
}

export interface OpenBranch {
  type: 'open'
  role: 'branch'
  segment: SegmentId
  of: SegmentId
  /** Tokens of the parent that it keeps. */
  at: number
  forced: readonly number[]
  group: number
  thought: number
  seed: number
  budget: number
}

export interface OpenSummary {
  type: 'open'
  role: 'summary'
  segment: SegmentId
  /** Absent: it was asked for later, and is of no group. */
  group?: number
  reads: readonly SegmentId[]
  fusion: Fusion
  seed: number
  budget: number
}

export type Action =
  | OpenPath
  | OpenBranch
  | OpenSummary
  /** The segment may have this many tokens, and thinks on if it had ended. */
  | { type: 'continue'; segment: SegmentId; budget: number }
  /** The segment ends where it is. */
  | { type: 'cut'; segment: SegmentId; reason: Extract<EndReason, 'cut' | 'stopped'> }
  /** The segment ends and is forgotten. */
  | { type: 'drop'; segment: SegmentId }
  | { type: 'notice'; code: NoticeCode; params?: WordParams }
  /** Nothing is left to do. The run's answer follows from its state (engine/protocol/decision.ts). */
  | { type: 'finish' }

/** A summary may read it: it has text and was neither dropped nor lost. */
export const isReadable = ({ status, tokens }: Segment): boolean =>
  status !== 'dropped' && status !== 'failed' && tokens.length > 0
