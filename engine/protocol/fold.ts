import type { EventOf, PathEndReason, RunEvent, Token } from './events.ts'
import { indexOf, put, replace } from './numbered.ts'
import {
  EMPTY_RUN,
  pathOf,
  ranUntil,
  summaryOf,
  type PathState,
  type PathStatus,
  type RunState,
  type Stream,
  type SummaryState,
} from './run-state.ts'
import { TokenList } from './token-list.ts'

export * from './run-state.ts'

/**
 * One pure reducer reads a run: `foldRun(events)` equals applying `applyEvent` one by one, live or replayed.
 *
 * States are immutable and share structure: an event replaces the run, the array and the one path or summary it
 * speaks of; every other object keeps its identity, so a selector on one path stays quiet while others think.
 * A batch of tokens costs O(batch + paths). Alternatives are not part of the state (`run.alternatives` reads them).
 */

const STATUS: Record<PathEndReason, PathStatus> = {
  finished: 'done',
  budget: 'truncated',
  overflow: 'truncated',
  stopped: 'stopped',
  cut: 'stopped',
  cancelled: 'stopped',
  dropped: 'dropped',
  failed: 'failed',
}

/** Of a whole run. `live: false`: nothing writes to it any more, so a run without an end is interrupted. */
export function foldRun(events: Iterable<RunEvent>, options: { live?: boolean } = {}): RunState {
  const state = applyEvents(EMPTY_RUN, events)
  return options.live === false ? interrupt(state) : state
}

/** As `applyEvent` for each in turn, several times faster: batches of one path that nothing stands between become one. */
export function applyEvents(state: RunState, events: Iterable<RunEvent>): RunState {
  let pending = new Map<number, Growth>()
  let [began, at, count] = [0, 0, 0]
  const flush = () => {
    if (count === 0) return
    let next = running(state, began)
    for (const { event, tokens, first, last } of pending.values())
      next = growAny(next, event, tokens, first, last)
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
    const key = event.path > 0 ? event.path : -(event.version ?? 1)
    const growth = pending.get(key)
    if (growth === undefined)
      pending.set(key, {
        event,
        tokens: [...event.tokens],
        first: { at: event.at, count: event.tokens.length },
        last: event.at,
      })
    else {
      for (const token of event.tokens) growth.tokens.push(token)
      growth.last = event.at
    }
  }
  flush()
  return state
}

/** Batches of one path or summary on their way to the state. */
interface Growth {
  event: EventOf<'tokens'>
  tokens: Token[]
  first: { at: number; count: number }
  last: number
}

/** An event about a path or summary that never started changes nothing but `at` and `events`. */
export function applyEvent(state: RunState, event: RunEvent): RunState {
  const changed = change(state, event)
  // `changed` is either the old state or an object made just now that nobody else holds.
  const next: { -readonly [K in keyof RunState]: RunState[K] } =
    changed === state ? { ...state } : changed
  next.at = Math.max(state.at, event.at)
  next.events = state.events + 1
  return next
}

/** A run that nothing writes to any more; the same state where it had ended. */
export function interrupt(state: RunState): RunState {
  if (state.status !== 'running') return state
  return {
    ...state,
    status: 'interrupted',
    ranMs: ranUntil(state, state.at),
    paths: state.paths.map(halt),
    summaries: state.summaries.map(halt),
  }
}

function change(state: RunState, event: RunEvent): RunState {
  switch (event.type) {
    case 'run-started':
      return {
        ...state,
        status: 'running',
        since: event.at,
        run: event.run,
        time: event.time,
        problem: event.problem,
        settings: event.settings,
        model: event.model,
        engine: event.engine,
        promptTokens: event.promptTokens,
        fusion: event.fusion,
        followUp: event.followUp ?? null,
      }
    case 'path-started':
      return {
        ...running(state, event.at),
        paths: put(state.paths, 'path', startPath(state, event)),
      }
    case 'tokens':
      return growAny(
        running(state, event.at),
        event,
        event.tokens,
        { at: event.at, count: event.tokens.length },
        event.at,
      )
    case 'path-extended':
      return changePath(running(state, event.at), event.path, (path) => ({
        ...path,
        budget: event.budget,
        status: 'waiting',
        reason: null,
        error: null,
        answer: null,
        endedAt: null,
      }))
    case 'path-ended':
      return changePath(state, event.path, (path) => ({ ...path, ...ending(event) }))
    case 'path-dropped':
      return changePath(state, event.path, (path) => ({
        ...path,
        status: 'dropped',
        reason: 'dropped',
        endedAt: path.endedAt ?? event.at,
      }))
    case 'joined': {
      const { version, paths, fusion, cuts = [], at } = event
      const old = summaryOf(state, version) ?? startSummary(event)
      return {
        ...running(state, at),
        summaries: put(state.summaries, 'version', { ...old, paths, fusion, cuts, joinedAt: at }),
      }
    }
    case 'summary-started': {
      const { version, paths, fusion, at } = event
      const old = summaryOf(state, version) ?? startSummary(event)
      return {
        ...running(state, at),
        summaries: put(state.summaries, 'version', { ...old, paths, fusion, startedAt: at }),
      }
    }
    case 'summary-ended':
      return changeSummary(state, event.version, (summary) => ({ ...summary, ...ending(event) }))
    case 'vote': {
      const votes = [...state.votes.filter((old) => old.over !== event.over), event]
      const chosen = event.override === true ? event.classes[event.winner] : undefined
      return { ...state, votes, answer: chosen === undefined ? state.answer : chosen.answer }
    }
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
      }
    case 'run-failed':
      return {
        ...state,
        status: 'failed',
        error: event.error,
        ranMs: ranUntil(state, event.at),
        paths: state.paths.map(halt),
        summaries: state.summaries.map(halt),
      }
    default:
      return state // an event of a newer format
  }
}

/** A run that had ended goes on: a path was extended or branched, or a new summary begins. */
function running(state: RunState, at: number): RunState {
  return state.status === 'running' || state.status === 'empty'
    ? state
    : { ...state, status: 'running', since: at, endReason: null, error: null }
}

function newStream(at: number): Stream {
  return {
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
}

function startPath(state: RunState, event: EventOf<'path-started'>): PathState {
  const { path, group, thought, seed, parent = null, at } = event
  const started = {
    ...newStream(at),
    path,
    group,
    thought,
    seed,
    parent,
    budget: state.settings?.budget ?? 0,
  }
  const from = parent === null ? undefined : pathOf(state, parent.path)
  if (parent === null || from === undefined) return started
  const kept = from.tokens.slice(0, parent.at)
  // The kept tokens are there at once: they count for no speed and are no first token.
  return {
    ...grow(started, kept, { at, count: kept.length }, at),
    status: 'waiting',
    firstTokenAt: null,
    lastTokenAt: null,
    firstTokens: 0,
  }
}

function startSummary(event: EventOf<'joined'> | EventOf<'summary-started'>): SummaryState {
  return {
    ...newStream(event.at),
    version: event.version,
    paths: event.paths,
    fusion: event.fusion,
    cuts: [],
    joinedAt: null,
  }
}

function growAny(
  state: RunState,
  { path, version }: EventOf<'tokens'>,
  tokens: readonly Token[],
  first: Growth['first'],
  last: number,
): RunState {
  return path > 0
    ? changePath(state, path, (one) => grow(one, tokens, first, last))
    : changeSummary(state, version ?? 1, (one) => grow(one, tokens, first, last))
}

/** `first`, `last`: of the batches that the tokens came in. */
function grow<T extends Stream>(
  stream: T,
  added: readonly Token[],
  first: Growth['first'],
  last: number,
): T {
  if (added.length === 0) return stream
  let { text, logprobSum, logprobCount } = stream
  for (const token of added) {
    text += token.text
    if (token.logprob === null || token.forced === true) continue
    logprobSum += token.logprob
    logprobCount++
  }
  const begins = stream.firstTokenAt === null
  return {
    ...stream,
    status: 'thinking',
    tokens: stream.tokens.append(added),
    text,
    logprobSum,
    logprobCount,
    lastTokenAt: last,
    firstTokenAt: begins ? first.at : stream.firstTokenAt,
    firstTokens: begins ? stream.tokens.length + first.count : stream.firstTokens,
  }
}

function ending(event: EventOf<'path-ended'> | EventOf<'summary-ended'>) {
  const { reason, answer, error = null, at } = event
  return { status: STATUS[reason], reason, answer, error, endedAt: at }
}

function halt<T extends Stream>(stream: T): T {
  return stream.status === 'waiting' || stream.status === 'thinking'
    ? { ...stream, status: 'interrupted' }
    : stream
}

function changePath(state: RunState, path: number, how: (path: PathState) => PathState): RunState {
  const paths = replace(state.paths, indexOf(state.paths, 'path', path), how)
  return paths === state.paths ? state : { ...state, paths }
}

function changeSummary(
  state: RunState,
  version: number,
  how: (summary: SummaryState) => SummaryState,
): RunState {
  const summaries = replace(state.summaries, indexOf(state.summaries, 'version', version), how)
  return summaries === state.summaries ? state : { ...state, summaries }
}
