import type { RunState, Segment } from '../protocol/fold.ts'
import type { Fusion, RunSettings } from '../protocol/request.ts'
import type { EndReason } from '../protocol/events.ts'
import { numberOf, type SegmentId } from '../protocol/segments.ts'
import type { NoticeCode, WordParams } from '../protocol/wording.ts'

/**
 * A strategy is a pure function from the state of a run to its next actions. It has no access to
 * the engine, the clock or files: the driver (engine/run) carries out the actions, appends events
 * and calls it again. Calling it twice in a row does no harm once the actions are carried out,
 * since opened segments are in the state.
 */
export interface Strategy {
  next(view: View): Action[]
}

export interface View {
  readonly settings: RunSettings
  /** The model was trained for parallel thinking (it has pairs of control tokens). */
  readonly trained: boolean
  readonly state: RunState
  /** Segments not in the state yet: they wait for those that they read to end. */
  readonly pending: readonly OpenReader[]
  /** Paths that were asked for their answer and have not given it yet. */
  readonly probing: readonly Probing[]
  /** A comparison of programs was asked for and is not in the state yet. */
  readonly comparing: boolean
  /** Only commands open segments, because the run has ended before or was stopped. */
  readonly later: boolean
}

/** A question for the answer of a path after its first `after` tokens. */
export interface Probing {
  segment: SegmentId
  after: number
}

export interface OpenPath {
  type: 'open'
  role: 'path'
  segment: SegmentId
  group: number
  /** Place within the group, from 1; it determines the control tokens and the thought row. */
  place: number
  seed: number
  budget: number
  /** Tokens that it begins with. */
  forced?: readonly number[]
  reads?: undefined
}

/** A path that begins behind others, which it reads. */
export interface OpenJoined extends Omit<OpenPath, 'reads'> {
  reads: readonly SegmentId[]
  fusion: Fusion
}

export interface OpenBranch {
  type: 'open'
  role: 'branch'
  segment: SegmentId
  of: SegmentId
  /** How many of the parent's tokens the branch keeps. */
  at: number
  forced: readonly number[]
  /** Number of the entry of its parent's plan that it is for; it is forced to begin with that (forks.ts). */
  entry?: string
  group: number
  thought: number
  seed: number
  budget: number
}

export interface OpenSummary {
  type: 'open'
  role: 'summary'
  segment: SegmentId
  /** Absent if the summary was requested later and belongs to no group. */
  group?: number
  reads: readonly SegmentId[]
  fusion: Fusion
  /** It is decoded from the mean of the segments' log-probabilities, instead of reading them. */
  merge?: true
  /** Replaces the run's instruction. */
  instruction?: string
  seed: number
  budget: number
}

/** A short text that is asked for beside the paths: calls for the programs that they hold. */
export interface OpenProbe {
  type: 'open'
  role: 'probe'
  segment: SegmentId
  reads: readonly SegmentId[]
  seed: number
  budget: number
}

/** A short comparison of two segments, in this order, in a round of a tournament. */
export interface OpenJudge {
  type: 'open'
  role: 'judge'
  segment: SegmentId
  /** Number of the round, from 1. */
  group: number
  reads: readonly SegmentId[]
  fusion: Fusion
  seed: number
  budget: number
}

/** A segment that reads others, and opens once they have ended. */
export type OpenReader = OpenJoined | OpenSummary | OpenProbe | OpenJudge

/** Runs the programs of these segments, and records what they return. */
export interface Compare {
  type: 'compare'
  of: readonly SegmentId[]
  probe?: SegmentId
  /** What the user adds to the calls that the texts hold. */
  calls: readonly { call: string; expected?: string | undefined }[]
}

export type Action =
  | OpenPath
  | OpenJoined
  | OpenBranch
  | OpenSummary
  | OpenProbe
  | OpenJudge
  | Compare
  /** Sets the segment's budget; the segment continues if it had ended. */
  | { type: 'continue'; segment: SegmentId; budget: number }
  /** Ends the segment where it is. */
  | { type: 'cut'; segment: SegmentId; reason: Extract<EndReason, 'cut' | 'stopped'> }
  /** Ends the segment and frees its cells. */
  | { type: 'drop'; segment: SegmentId }
  /** Takes a dropped segment back, as it had ended before. */
  | { type: 'restore'; segment: SegmentId }
  /** Asks the path for its answer, beside it; the `probe` event records it. */
  | ({ type: 'probe' } & Probing)
  | { type: 'notice'; code: NoticeCode; params?: WordParams }
  /**
   * Nothing is left to do. The run's answer follows from the state (engine/protocol/decision.ts).
   */
  | { type: 'finish' }

/** Returns whether others may read the segment: it has text and did not fail or get dropped. */
export const isReadable = ({ status, tokens }: Segment): boolean =>
  status !== 'dropped' && status !== 'failed' && tokens.length > 0

/** Returns the first number that no path has or waits to have. */
export const freeNumber = ({ state, pending }: Pick<View, 'state' | 'pending'>): number =>
  1 +
  Math.max(
    state.paths.at(-1)?.number ?? 0,
    ...pending.flatMap(({ role, segment }) => (role === 'path' ? [numberOf(segment)] : [])),
  )

/** Returns the number of the latest round that was opened or waits to be. */
export const latestRound = ({ state, pending }: Pick<View, 'state' | 'pending'>): number =>
  [...state.paths, ...pending].reduce(
    (most, one) => Math.max(most, (one.role === 'path' && one.group) || 1),
    1,
  )
