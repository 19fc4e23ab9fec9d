import type { EndReason, EventOf, RunEvent, Token } from './events.ts'
import type { Fusion } from './request.ts'
import {
  EMPTY_RUN,
  indexOf,
  isAtWork,
  isOpen,
  listOf,
  ranUntil,
  segmentOf,
  type RunState,
  type Segment,
  type SegmentStatus,
} from './run-state.ts'
import { numberOf, roleOf, type SegmentId, type Source } from './segments.ts'
import { TokenList } from './token-list.ts'

export * from './run-state.ts'

/**
 * The pure reducer of a run: `foldRun(events)` equals applying `applyEvent` to each event, live or
 * replayed.
 *
 * States are immutable and share structure: an event replaces the run, the list and the segment
 * that it concerns. Every other object keeps its identity, so a selector on one path does not fire
 * while others think. A batch of tokens costs O(batch + segments). Alternatives are not part of the
 * state; `run.alternatives` reads them.
 */

const STATUS: Record<EndReason, SegmentStatus> = {
  finished: 'done',
  budget: 'truncated',
  overflow: 'truncated',
  stopped: 'stopped',
  cut: 'stopped',
  cancelled: 'stopped',
  interrupted: 'interrupted',
  dropped: 'dropped',
  failed: 'failed',
}

/**
 * Returns the state of a whole run. `live: false`: nothing writes to the run, so a run without an
 * end is interrupted.
 */
export function foldRun(events: Iterable<RunEvent>, options: { live?: boolean } = {}): RunState {
  const state = applyEvents(EMPTY_RUN, events)
  return options.live === false ? interrupt(state) : state
}

/**
 * Equivalent to calling `applyEvent` for each event, but merges consecutive token batches per
 * segment first.
 */
export function applyEvents(state: RunState, events: Iterable<RunEvent>): RunState {
  let pending = new Map<SegmentId, Growth>()
  let [began, at, count] = [0, 0, 0]
  const flush = () => {
    if (count === 0) return
    let next = running(state, began)
    for (const [segment, growth] of pending)
      next = change(next, segment, (one) => grow(one, growth))
    state = { ...next, at: Math.max(state.at, at), events: state.events + count }
    pending = new Map()
    at = count = 0
  }
  for (const event of events) {
    if (event.type !== 'tokens') {
      flush()
      state = applyEvent(state, event)
      continue
    }
    if (count++ === 0) began = event.at
    at = Math.max(at, event.at)
    if (event.tokens.length === 0) continue
    const growth = pending.get(event.segment)
    if (growth === undefined) pending.set(event.segment, growthOf(event))
    else {
      for (const token of event.tokens) growth.tokens.push(token)
      growth.last = event.at
    }
  }
  flush()
  return state
}

/** Token batches of one segment that are merged before they are applied. */
interface Growth {
  tokens: Token[]
  /** Time and size of the first batch. */
  first: { at: number; count: number }
  /** Time of the last one. */
  last: number
}

const growthOf = ({ tokens, at }: EventOf<'tokens'>): Growth => ({
  tokens: [...tokens],
  first: { at, count: tokens.length },
  last: at,
})

/** Returns the next state. Events of a segment that never started change only `at` and `events`. */
export function applyEvent(state: RunState, event: RunEvent): RunState {
  const changed = apply(state, event)
  // `changed` is either the old state or a new object that nothing else refers to.
  const next: { -readonly [K in keyof RunState]: RunState[K] } =
    changed === state ? { ...state } : changed
  next.at = Math.max(state.at, event.at)
  next.events = state.events + 1
  return next
}

/**
 * Returns the state of a run that nothing writes to any more; the same state if the run had ended.
 */
export function interrupt(state: RunState): RunState {
  if (state.status !== 'running') return state
  return {
    ...state,
    status: 'interrupted',
    ranMs: ranUntil(state, state.at),
    ...halted(state),
  }
}

function apply(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case 'run-started':
      return start(state, event)
    case 'segment-started':
      return put(running(state, event.at), open(state, event))
    case 'tokens':
      return change(running(state, event.at), event.segment, (one) => grow(one, growthOf(event)))
    case 'segment-extended':
      return change(running(state, event.at), event.segment, (one) => ({
        ...one,
        budget: event.budget,
        status: 'waiting',
        reason: null,
        error: null,
        answer: null,
        endedAt: null,
      }))
    case 'segment-ended':
      return change(state, event.segment, (one) => ({ ...one, ...ending(event) }))
    case 'segment-dropped':
      return change(state, event.segment, (one) => ({
        ...one,
        status: 'dropped',
        reason: 'dropped',
        endedAt: one.endedAt ?? event.at,
      }))
    case 'vote': {
      const votes = [...state.votes.filter((old) => old.over !== event.over), event]
      const chosen = event.chosen === undefined ? undefined : event.classes[event.winner]
      return { ...state, votes, answer: chosen === undefined ? state.answer : chosen.answer }
    }
    case 'agreement':
      return { ...state, agreement: event }
    case 'question':
      return { ...state, question: event.kind }
    case 'notice':
      return { ...state, notices: [...state.notices, event] }
    case 'run-ended':
      return {
        ...state,
        status: 'ended',
        endReason: event.reason,
        answer: event.answer,
        usage: event.usage,
        timings: event.timings,
        ranMs: event.timings.totalMs,
        error: null,
        ...halted(state),
      }
    case 'run-failed':
      return {
        ...state,
        status: 'failed',
        error: event.error,
        ranMs: ranUntil(state, event.at),
        ...halted(state),
      }
    case 'run-resumed':
      // A run that has no end before it was interrupted.
      return running(interrupt(state), event.at)
    default:
      return state // a newer Braid wrote it
  }
}

function start(state: RunState, event: EventOf<'run-started'>): RunState {
  const { run, time, problem, settings, model, engine, fusion } = event
  return {
    ...state,
    status: 'running',
    since: event.at,
    run,
    time,
    problem,
    settings,
    model,
    engine,
    fusion,
    promptTokens: event.promptTokens ?? [],
    followUp: event.followUp ?? null,
    thought: event.thought ?? null,
  }
}

/**
 * Returns the state as running. Older transcripts have no `run-resumed`: there, a run resumes when a
 * segment is opened or extended.
 */
function running(state: RunState, at: number): RunState {
  return isAtWork(state)
    ? state
    : { ...state, status: 'running', since: at, endReason: null, error: null }
}

function open(state: RunState, event: EventOf<'segment-started'>): Segment {
  const { segment, role, source, thought, seed, budget, at } = event
  const parent = source.type === 'branch' ? { segment: source.of, at: source.at } : null
  const started: Segment = {
    segment,
    role,
    number: numberOf(segment),
    group: event.group ?? null,
    source,
    thought,
    seed,
    budget,
    forced: event.forced ?? [],
    parent,
    ...readsOf(source),
    instruction: event.instruction ?? null,
    status: 'waiting',
    reason: null,
    error: null,
    tokens: TokenList.EMPTY,
    text: '',
    answer: null,
    startedAt: at,
    firstTokenAt: null,
    lastTokenAt: null,
    endedAt: null,
    firstTokens: 0,
    logprobSum: 0,
    logprobCount: 0,
  }
  const from = parent === null ? undefined : segmentOf(state, parent.segment)
  if (parent === null || from === undefined) return started
  const kept = from.tokens.slice(0, parent.at)
  // The kept tokens were not decoded here: they count neither as the first token nor towards the
  // speed.
  return {
    ...grow(started, { tokens: kept, first: { at, count: kept.length }, last: at }),
    status: 'waiting',
    firstTokenAt: null,
    lastTokenAt: null,
    firstTokens: 0,
  }
}

/** Returns which segments a source reads, and how. */
function readsOf(source: Source): Pick<Segment, 'reads' | 'fusion' | 'cuts'> {
  if (source.type === 'merge') return { reads: source.of, fusion: null, cuts: [] }
  if (source.type !== 'join' && source.type !== 'text') return { reads: [], fusion: null, cuts: [] }
  const reads: SegmentId[] = []
  const cuts: { segment: SegmentId; removed: number }[] = []
  let fusion: Fusion = 'reread'
  for (const part of source.parts) {
    if ('segment' in part) {
      const segment = part.segment as SegmentId
      reads.push(segment)
      if (part.removed !== undefined) cuts.push({ segment, removed: part.removed as number })
      fusion = 'cache'
    } else if ('tokens' in part && part.of !== undefined) {
      const segment = part.of as SegmentId
      reads.push(segment)
      if (part.removed !== undefined) cuts.push({ segment, removed: part.removed as number })
    }
  }
  return { reads: [...new Set(reads)], fusion, cuts }
}

function grow(segment: Segment, { tokens: added, first, last }: Growth): Segment {
  if (added.length === 0) return segment
  let { text, logprobSum, logprobCount } = segment
  for (const token of added) {
    text += token.text
    if (token.logprob === null || token.forced === true) continue
    logprobSum += token.logprob
    logprobCount++
  }
  const begins = segment.firstTokenAt === null
  return {
    ...segment,
    status: 'thinking',
    tokens: segment.tokens.append(added),
    text,
    logprobSum,
    logprobCount,
    lastTokenAt: last,
    firstTokenAt: begins ? first.at : segment.firstTokenAt,
    firstTokens: begins ? segment.tokens.length + first.count : segment.firstTokens,
  }
}

function ending({ reason, answer, error = undefined, at }: EventOf<'segment-ended'>) {
  return { status: STATUS[reason], reason, answer, error: error ?? null, endedAt: at }
}

/**
 * Marks open segments of a finished run as interrupted: they have no end because the engine died.
 */
function halted({ paths, summaries, others }: RunState) {
  const halt = (list: readonly Segment[]) =>
    list.some(isOpen)
      ? list.map((one): Segment => (isOpen(one) ? { ...one, status: 'interrupted' } : one))
      : list
  return { paths: halt(paths), summaries: halt(summaries), others: halt(others) }
}

/** Inserts a segment in order of its number, replacing an earlier one with the same address. */
function put(state: RunState, segment: Segment): RunState {
  const key = listOf(roleOf(segment.segment))
  const list = state[key]
  const last = list.at(-1)
  if (key === 'others' || last === undefined || last.number < segment.number)
    return { ...state, [key]: [...list, segment] }
  const rest = list.filter((other) => other.segment !== segment.segment)
  const index = rest.findIndex((other) => other.number > segment.number)
  const at = index < 0 ? rest.length : index
  return { ...state, [key]: [...rest.slice(0, at), segment, ...rest.slice(at)] }
}

function change(state: RunState, segment: SegmentId, how: (old: Segment) => Segment): RunState {
  const key = listOf(roleOf(segment))
  const list = state[key]
  const index = indexOf(list, segment)
  if (index < 0) return state
  const copy = list.slice()
  copy[index] = how(list[index]!)
  return { ...state, [key]: copy }
}
