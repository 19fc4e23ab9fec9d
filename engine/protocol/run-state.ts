import type { Answer, EventOf, ModelRef, PathEndReason, RunError } from './events.ts'
import { indexOf } from './numbered.ts'
import type { Fusion, RunSettings } from './request.ts'
import type { TokenList } from './token-list.ts'

/** What a run is once its events are folded (fold.ts), and what can be read off it. */

/** `empty`: no event yet. `interrupted`: the transcript stops in mid-run and nothing writes to it (`interrupt`). */
export type RunPhase = 'empty' | 'running' | 'ended' | 'failed' | 'interrupted'

/**
 * What a lane shows. waiting: started or extended, no token since. done: it ended by itself. truncated: at its budget
 * or out of cells. stopped: by the user, the finish rule or a cancel; `reason` says which.
 */
export type PathStatus =
  'waiting' | 'thinking' | 'done' | 'truncated' | 'stopped' | 'failed' | 'dropped' | 'interrupted'

/** Text that grows token by token: a path or a summary. Times in ms since the run began. */
export interface Stream {
  readonly status: PathStatus
  readonly reason: PathEndReason | null
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

export interface PathState extends Stream {
  readonly path: number
  readonly group: number
  readonly thought: number
  readonly seed: number
  readonly parent: { readonly path: number; readonly at: number } | null
  readonly budget: number
}

export interface SummaryState extends Stream {
  readonly version: number
  readonly paths: readonly number[]
  readonly fusion: Fusion
  /** Paths that were cut to fit when re-read. */
  readonly cuts: readonly { readonly path: number; readonly removed: number }[]
  readonly joinedAt: number | null
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
  readonly promptTokens: readonly number[]
  readonly fusion: Fusion | null
  readonly followUp: { readonly run: string; readonly version: number } | null
  /** In order of their numbers, 1 first. */
  readonly paths: readonly PathState[]
  /** In order of their versions, 1 first. */
  readonly summaries: readonly SummaryState[]
  /** The latest vote over paths and the latest over summaries. */
  readonly votes: readonly VoteState[]
  readonly notices: readonly Notice[]
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
  votes: [],
  notices: [],
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

/** Milliseconds that the run had run at a time. */
export function ranUntil(
  { status, since, ranMs }: Pick<RunState, 'status' | 'since' | 'ranMs'>,
  at: number,
): number {
  return status === 'running' ? ranMs + Math.max(0, at - since) : ranMs
}

/** null without a sampled token. */
export function meanLogprob(stream: Stream): number | null {
  return stream.logprobCount === 0 ? null : stream.logprobSum / stream.logprobCount
}

/** Over the whole time of the stream; null before the second batch. */
export function tokensPerSecond(stream: Stream): number | null {
  if (
    stream.firstTokenAt === null ||
    stream.lastTokenAt === null ||
    stream.lastTokenAt <= stream.firstTokenAt
  )
    return null
  return (
    ((stream.tokens.length - stream.firstTokens) * 1000) /
    (stream.lastTokenAt - stream.firstTokenAt)
  )
}

export function pathOf(state: RunState, path: number): PathState | undefined {
  return state.paths[indexOf(state.paths, 'path', path)]
}

export function summaryOf(state: RunState, version: number): SummaryState | undefined {
  return state.summaries[indexOf(state.summaries, 'version', version)]
}
