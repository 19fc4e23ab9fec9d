import type { Answer, EndReason, EventOf, ModelRef, RunError } from './events.ts'
import type { Fusion, QuestionKind, RunSettings, Turn } from './request.ts'
import { numberOf, roleOf, type Role, type SegmentId, type Source } from './segments.ts'
import type { ThoughtMarkers } from './thoughts.ts'
import type { TokenList } from './token-list.ts'
import type { RunStatus } from './wire.ts'

/** The state that a run's events fold to (fold.ts), and functions that read it. */

/**
 * `empty`: no event yet. `interrupted`: the transcript stops mid-run and nothing writes to it
 * (`interrupt`).
 */
export type RunPhase = 'empty' | 'running' | 'ended' | 'failed' | 'interrupted'

/**
 * What a lane shows. waiting: started or extended, without a token since. done: ended by itself.
 * truncated: reached its budget, or no cells were left. stopped: by the user, the finish rule or a
 * cancel; `reason` says which.
 */
export type SegmentStatus =
  'waiting' | 'thinking' | 'done' | 'truncated' | 'stopped' | 'failed' | 'dropped' | 'interrupted'

/** A path, a summary, a probe or a judge. Times are in ms since the run began. */
export interface Segment {
  readonly segment: SegmentId
  readonly role: Role
  /** Number within its role, from 1. */
  readonly number: number
  /** The round of a judge. null for a summary that was requested later: it has no group. */
  readonly group: number | null
  readonly source: Source
  /** Row of the thought tables. */
  readonly thought: number
  readonly seed: number
  /** The most tokens that the segment may have, including those that a branch keeps. */
  readonly budget: number
  /** Ids that the segment is forced to begin with, after those that it keeps. */
  readonly forced: readonly number[]
  /** Number of the entry of its parent's plan that a path was opened for; null if of none. */
  readonly entry: string | null
  /** From `source`: the segment this one branched from, and how many of its tokens are kept. */
  readonly parent: { readonly segment: SegmentId; readonly at: number } | null
  /** From `source`: the segments whose text or cells this one reads, in order. */
  readonly reads: readonly SegmentId[]
  /** From `source`: how those segments are read; null if there are none. */
  readonly fusion: Fusion | null
  /** What a summary was asked to do with its paths; null if there was no instruction. */
  readonly instruction: string | null
  /** From `source`: the texts that were cut to fit. */
  readonly cuts: readonly { readonly segment: SegmentId; readonly removed: number }[]
  readonly status: SegmentStatus
  readonly reason: EndReason | null
  /** How it had ended before it was dropped; null if it was still open, or is not dropped. */
  readonly droppedAfter: EndReason | null
  readonly error: RunError | null
  /**
   * Includes the tokens that a branch keeps from its parent. Index i here is index i of
   * `run.alternatives`.
   */
  readonly tokens: TokenList
  readonly text: string
  /** What the text states; where a text that was cut off happens to stop, it states nothing. */
  readonly answer: Answer | null
  /** What was found in the text, stated or not: it tells what kind of answer the question has. */
  readonly found: Answer | null
  readonly startedAt: number
  readonly firstTokenAt: number | null
  readonly lastTokenAt: number | null
  readonly endedAt: number | null
  /**
   * Tokens present after the first batch, including those that a branch keeps: the baseline of
   * `tokensPerSecond`.
   */
  readonly firstTokens: number
  /** Sum and count of the log-probabilities of sampled tokens. */
  readonly logprobSum: number
  readonly logprobCount: number
}

export type VoteState = EventOf<'vote'>
export type AgreementState = EventOf<'agreement'>
export type Notice = EventOf<'notice'>
export type ProbeState = EventOf<'probe'>

export interface RunState {
  readonly status: RunPhase
  readonly run: string
  /** ISO 8601, UTC. */
  readonly time: string
  readonly problem: string
  readonly settings: RunSettings | null
  readonly model: ModelRef | null
  readonly engine: EventOf<'run-started'>['engine'] | null
  /** Empty if the engine does not report ids. */
  readonly promptTokens: readonly number[]
  /** How many positions the model was trained for; null if that is not known. */
  readonly positions: number | null
  readonly fusion: Fusion | null
  readonly followUp: { readonly run: string; readonly segment: SegmentId } | null
  /** The first version of this turn; null if this is it. */
  readonly versionOf: string | null
  /** The earlier turns that the request brought along, oldest first. */
  readonly turns: readonly Turn[]
  /** Name of the client that asked; null for Braid itself. */
  readonly client: string | null
  /** In order of their numbers, p1 first. */
  readonly paths: readonly Segment[]
  /** In order of their numbers, s1 first. */
  readonly summaries: readonly Segment[]
  /** Probes and judges, in the order in which they were opened. */
  readonly others: readonly Segment[]
  /** The latest vote over paths, the latest over summaries and the latest of judges. */
  readonly votes: readonly VoteState[]
  /** The latest comparison of programs. */
  readonly agreement: AgreementState | null
  readonly notices: readonly Notice[]
  /** The answers that paths gave on the way, in order. */
  readonly probes: readonly ProbeState[]
  /** The kind of question, once it is decided. */
  readonly question: QuestionKind | null
  /** How the model marks its thoughts; null if it is not known to think before it answers. */
  readonly thought: ThoughtMarkers | null
  readonly answer: string | null
  readonly endReason: EventOf<'run-ended'>['reason'] | null
  readonly usage: EventOf<'run-ended'>['usage'] | null
  readonly timings: EventOf<'run-ended'>['timings'] | null
  readonly error: RunError | null
  /** Time of the last event, in ms since the run began. */
  readonly at: number
  /**
   * When the run last started or resumed. The time between an end and the next command does not
   * count as running.
   */
  readonly since: number
  /** How long the run was running before `since`, or in total if it is not running, in ms. */
  readonly ranMs: number
  readonly events: number
}

export const EMPTY_RUN: RunState = {
  status: 'empty',
  run: '',
  time: '',
  problem: '',
  settings: null,
  model: null,
  engine: null,
  promptTokens: [],
  positions: null,
  fusion: null,
  followUp: null,
  versionOf: null,
  turns: [],
  client: null,
  paths: [],
  summaries: [],
  others: [],
  votes: [],
  agreement: null,
  notices: [],
  probes: [],
  question: null,
  thought: null,
  answer: null,
  endReason: null,
  usage: null,
  timings: null,
  error: null,
  at: 0,
  since: 0,
  ranMs: 0,
  events: 0,
}

/** Returns the name of the list that holds the segments of a role. */
export const listOf = (role: Role): 'paths' | 'summaries' | 'others' =>
  role === 'path' ? 'paths' : role === 'summary' ? 'summaries' : 'others'

/**
 * Returns the index of a segment in its list, or -1. Numbers are normally dense from 1, so the
 * first guess holds.
 */
export function indexOf(list: readonly Segment[], segment: SegmentId): number {
  const guess = numberOf(segment) - 1
  return list[guess]?.segment === segment ? guess : list.findIndex((one) => one.segment === segment)
}

export function segmentOf(state: RunState, segment: SegmentId): Segment | undefined {
  const list = state[listOf(roleOf(segment))]
  return list[indexOf(list, segment)]
}

/** Returns every segment of the run: paths, then summaries, then probes and judges. */
export function allSegments(state: RunState): readonly Segment[] {
  return [...state.paths, ...state.summaries, ...state.others]
}

/** Returns the segments that read a source of their own: summaries, then probes and judges. */
export function reading({ summaries, others }: Pick<RunState, 'summaries' | 'others'>): Segment[] {
  return [...summaries, ...others]
}

/** Returns the paths that were not dropped. */
export const pathsKept = ({ paths }: Pick<RunState, 'paths'>): readonly Segment[] =>
  paths.filter(({ status }) => status !== 'dropped')

/** Returns whether a segment has not ended. */
export const isOpen = ({ status }: Pick<Segment, 'status'>): boolean =>
  status === 'waiting' || status === 'thinking'

/**
 * Returns whether an engine works on a run or is about to: it is queued or running. This is the one
 * rule for folded events and for list entries that were made from them.
 */
export const isAtWork = ({ status }: { readonly status: RunPhase | RunStatus }): boolean =>
  status === 'empty' || status === 'queued' || status === 'running'

/** Returns for how many milliseconds the run was running, up to the time `at`. */
export function ranUntil(
  { status, since, ranMs }: Pick<RunState, 'status' | 'since' | 'ranMs'>,
  at: number,
): number {
  return status === 'running' ? ranMs + Math.max(0, at - since) : ranMs
}

/** Returns the mean log-probability of sampled tokens; null if there are none. */
export function meanLogprob(segment: Segment): number | null {
  return segment.logprobCount === 0 ? null : segment.logprobSum / segment.logprobCount
}

/**
 * Returns the mean speed between the segment's first and last batch; null before the second batch.
 */
export function tokensPerSecond({
  tokens,
  firstTokens,
  firstTokenAt,
  lastTokenAt,
}: Segment): number | null {
  if (firstTokenAt === null || lastTokenAt === null || lastTokenAt <= firstTokenAt) return null
  return ((tokens.length - firstTokens) * 1000) / (lastTokenAt - firstTokenAt)
}
