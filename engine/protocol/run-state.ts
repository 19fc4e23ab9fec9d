import type { Answer, EndReason, EventOf, ModelRef, RunError } from './events.ts'
import type { Fusion, RunSettings } from './request.ts'
import { numberOf, roleOf, type Role, type SegmentId, type Source } from './segments.ts'
import type { TokenList } from './token-list.ts'

/** What a run is once its events are folded (fold.ts), and what can be read from it. */

/** `empty`: no event yet. `interrupted`: the transcript stops in mid-run and nothing writes to it (`interrupt`). */
export type RunPhase = 'empty' | 'running' | 'ended' | 'failed' | 'interrupted'

/**
 * What a lane shows. waiting: started or extended, no token since. done: it ended by itself. truncated: at its budget
 * or out of cells. stopped: by the user, the finish rule or a cancel; `reason` says which.
 */
export type SegmentStatus =
  'waiting' | 'thinking' | 'done' | 'truncated' | 'stopped' | 'failed' | 'dropped' | 'interrupted'

/** Tokens that one sequence decodes: a path, a summary, a probe or a judge. Times in ms since the run began. */
export interface Segment {
  readonly segment: SegmentId
  readonly role: Role
  /** Among those of its role, from 1. */
  readonly number: number
  /** null: a summary that was asked for later, of no group. */
  readonly group: number | null
  readonly source: Source
  /** Row of the thought tables. */
  readonly thought: number
  readonly seed: number
  /** Tokens that it may have, those that a branch keeps included. */
  readonly budget: number
  /** Ids that it is forced to begin with, behind what it keeps. */
  readonly forced: readonly number[]
  /** Read from `source`: the segment that it was branched from, and how many of its tokens it kept. */
  readonly parent: { readonly segment: SegmentId; readonly at: number } | null
  /** Read from `source`: the segments whose text or cells it reads, in order. */
  readonly reads: readonly SegmentId[]
  /** Read from `source`: how it reads them; null: it reads none. */
  readonly fusion: Fusion | null
  /** Read from `source`: texts that were cut to fit. */
  readonly cuts: readonly { readonly segment: SegmentId; readonly removed: number }[]
  readonly status: SegmentStatus
  readonly reason: EndReason | null
  readonly error: RunError | null
  /** A branch holds the tokens it kept of its parent too: index i here is index i of `run.alternatives`. */
  readonly tokens: TokenList
  readonly text: string
  readonly answer: Answer | null
  readonly startedAt: number
  readonly firstTokenAt: number | null
  readonly lastTokenAt: number | null
  readonly endedAt: number | null
  /** Tokens that came with the first batch, kept ones of a branch included: the baseline of `tokensPerSecond`. */
  readonly firstTokens: number
  /** Sum and count of the logprobs of sampled tokens. */
  readonly logprobSum: number
  readonly logprobCount: number
}

export type VoteState = EventOf<'vote'>
export type Notice = EventOf<'notice'>

export interface RunState {
  readonly status: RunPhase
  readonly run: string
  /** ISO 8601, UTC. */
  readonly time: string
  readonly problem: string
  readonly settings: RunSettings | null
  readonly model: ModelRef | null
  readonly engine: EventOf<'run-started'>['engine'] | null
  /** Empty where the engine does not tell ids. */
  readonly promptTokens: readonly number[]
  readonly fusion: Fusion | null
  readonly followUp: { readonly run: string; readonly segment: SegmentId } | null
  /** In order of their numbers, p1 first. */
  readonly paths: readonly Segment[]
  /** In order of their numbers, s1 first. */
  readonly summaries: readonly Segment[]
  /** Probes and judges, in order of opening. */
  readonly others: readonly Segment[]
  /** The latest vote over paths and the latest over summaries. */
  readonly votes: readonly VoteState[]
  readonly notices: readonly Notice[]
  /** What kind of question this is, once it was decided. */
  readonly question: EventOf<'question'>['kind'] | null
  readonly answer: string | null
  readonly endReason: EventOf<'run-ended'>['reason'] | null
  readonly usage: EventOf<'run-ended'>['usage'] | null
  readonly timings: EventOf<'run-ended'>['timings'] | null
  readonly error: RunError | null
  /** Time of the last event, ms since the run began. */
  readonly at: number
  /** When it last began to run; `ranMs`: how long it ran before that, or in all where it does not run. Between an end and a command it does not. */
  readonly since: number
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
  fusion: null,
  followUp: null,
  paths: [],
  summaries: [],
  others: [],
  votes: [],
  notices: [],
  question: null,
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

/** The list of a run's state that holds the segments of a role. */
export const listOf = (role: Role): 'paths' | 'summaries' | 'others' =>
  role === 'path' ? 'paths' : role === 'summary' ? 'summaries' : 'others'

/** Returns the index of a segment in its list, -1 if it is not there. Numbers are dense from 1, so the first guess holds. */
export function indexOf(list: readonly Segment[], segment: SegmentId): number {
  const guess = numberOf(segment) - 1
  return list[guess]?.segment === segment ? guess : list.findIndex((one) => one.segment === segment)
}

export function segmentOf(state: RunState, segment: SegmentId): Segment | undefined {
  const list = state[listOf(roleOf(segment))]
  return list[indexOf(list, segment)]
}

/** Every segment of the run: paths, then summaries, then probes and judges. */
export function allSegments(state: RunState): readonly Segment[] {
  return [...state.paths, ...state.summaries, ...state.others]
}

/** It thinks, or waits to: it did not end yet. */
export const isOpen = ({ status }: Pick<Segment, 'status'>): boolean =>
  status === 'waiting' || status === 'thinking'

/** Something of the run is still at work, or waits to be. */
export const isAtWork = ({ status }: Pick<RunState, 'status'>): boolean => status === 'running'

/** Returns the milliseconds that the run had run at a time. */
export function ranUntil(
  { status, since, ranMs }: Pick<RunState, 'status' | 'since' | 'ranMs'>,
  at: number,
): number {
  return status === 'running' ? ranMs + Math.max(0, at - since) : ranMs
}

/** Returns null without a sampled token. */
export function meanLogprob(segment: Segment): number | null {
  return segment.logprobCount === 0 ? null : segment.logprobSum / segment.logprobCount
}

/** Returns the speed over the whole time of the segment; null before the second batch. */
export function tokensPerSecond({
  tokens,
  firstTokens,
  firstTokenAt,
  lastTokenAt,
}: Segment): number | null {
  if (firstTokenAt === null || lastTokenAt === null || lastTokenAt <= firstTokenAt) return null
  return ((tokens.length - firstTokens) * 1000) / (lastTokenAt - firstTokenAt)
}
