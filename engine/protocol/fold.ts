import { Draft } from './draft.ts'
import type { Answer, EndReason, EventOf, RunEvent, Token } from './events.ts'
import type { Fusion } from './request.ts'
import {
  EMPTY_RUN,
  isAtWork,
  ranUntil,
  type RunState,
  type Segment,
  type SegmentStatus,
} from './run-state.ts'
import { numberOf, type SegmentId, type Source } from './segments.ts'
import { TokenList } from './token-list.ts'

export * from './run-state.ts'

/**
 * The pure reducer of a run: `foldRun(events)` equals applying `applyEvent` to each event, live or
 * replayed.
 *
 * States are immutable and share structure: an event replaces the run, the list and the segment
 * that it concerns. Every other object keeps its identity, so a selector on one path does not fire
 * while others think. `applyEvents` costs O(events + their tokens + segments), and a branch as much
 * again as it keeps tokens (limits.ts bounds them). Alternatives are not part of the state;
 * `run.alternatives` reads them.
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
 * Equivalent to calling `applyEvent` for each event, but copies each list at most once, and merges
 * consecutive token batches per segment first.
 */
export function applyEvents(state: RunState, events: Iterable<RunEvent>): RunState {
  const draft = new Draft(state)
  const { run } = draft
  let pending = new Map<SegmentId, Growth>()
  let [began, count] = [0, 0]
  const flush = () => {
    if (count === 0) return
    goOn(draft, began)
    for (const [segment, growth] of pending) draft.change(segment, (one) => grow(one, growth))
    pending = new Map()
    count = 0
  }
  for (const event of events) {
    if (event.type === 'tokens') {
      if (count++ === 0) began = event.at
      collect(pending, event)
    } else {
      flush()
      apply(draft, event)
    }
    run.at = Math.max(run.at, event.at)
    run.events++
  }
  flush()
  return draft.finished()
}

function collect(pending: Map<SegmentId, Growth>, event: EventOf<'tokens'>): void {
  if (event.tokens.length === 0) return
  const growth = pending.get(event.segment)
  if (growth === undefined) return void pending.set(event.segment, growthOf(event))
  for (const token of event.tokens) growth.tokens.push(token)
  growth.last = event.at
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
export const applyEvent = (state: RunState, event: RunEvent): RunState =>
  applyEvents(state, [event])

/**
 * Returns the state of a run that nothing writes to any more; the same state if the run had ended.
 */
export function interrupt(state: RunState): RunState {
  if (state.status !== 'running') return state
  const draft = new Draft(state)
  cutOff(draft)
  return draft.finished()
}

/** As `interrupt`, for a run that is being folded. */
function cutOff(draft: Draft): void {
  const { run } = draft
  if (run.status !== 'running') return
  run.ranMs = ranUntil(run, run.at)
  run.status = 'interrupted'
  draft.halt()
}

function apply(draft: Draft, event: Exclude<RunEvent, { type: 'tokens' }>): void {
  const { run } = draft
  switch (event.type) {
    case 'run-started':
      return start(draft, event)
    case 'segment-started':
      goOn(draft, event.at)
      return draft.put(open(draft, event))
    case 'segment-extended':
      goOn(draft, event.at)
      return draft.change(event.segment, (one) => ({
        ...one,
        budget: event.budget,
        status: 'waiting',
        reason: null,
        droppedAfter: null,
        error: null,
        answer: null,
        found: null,
        endedAt: null,
      }))
    case 'segment-ended':
      return draft.change(event.segment, (one) => ({ ...one, ...ending(event) }))
    case 'segment-dropped':
      return draft.change(event.segment, (one) => ({
        ...one,
        status: 'dropped',
        reason: 'dropped',
        droppedAfter: one.status === 'dropped' ? one.droppedAfter : one.reason,
        endedAt: one.endedAt ?? event.at,
      }))
    case 'vote': {
      run.votes = [...run.votes.filter((old) => old.over !== event.over), event]
      const chosen = event.chosen === undefined ? undefined : event.classes[event.winner]
      // Judged texts have no value: the end of the run gives the answer.
      if (chosen !== undefined && (chosen.answer !== null || event.over !== 'judges'))
        run.answer = chosen.answer
      return
    }
    case 'agreement':
      run.agreement = event
      return
    case 'question':
      run.question = event.kind
      return
    case 'notice':
      return draft.notice(event)
    case 'probe':
      return draft.probe(event)
    case 'run-ended':
      run.status = 'ended'
      run.endReason = event.reason
      run.answer = event.answer
      run.usage = event.usage
      run.timings = event.timings
      run.ranMs = event.timings.totalMs
      run.error = null
      return draft.halt()
    case 'run-failed':
      run.ranMs = ranUntil(run, event.at)
      run.status = 'failed'
      run.error = event.error
      return draft.halt()
    case 'run-resumed':
      // A run that has no end before it was interrupted.
      cutOff(draft)
      return goOn(draft, event.at)
  }
  // A newer Braid wrote any other event.
}

function start({ run }: Draft, event: EventOf<'run-started'>): void {
  const { run: id, time, problem, settings, model, engine, fusion } = event
  Object.assign(run, {
    status: 'running',
    since: event.at,
    run: id,
    time,
    problem,
    settings,
    model,
    engine,
    fusion,
    promptTokens: event.promptTokens ?? [],
    positions: event.positions ?? null,
    followUp: event.followUp ?? null,
    versionOf: event.versionOf ?? null,
    turns: event.turns ?? [],
    client: event.client ?? null,
    thought: event.thought ?? null,
  } satisfies Partial<RunState>)
}

/**
 * Marks the run as running. Older transcripts have no `run-resumed`: there, a run resumes when a
 * segment is opened or extended.
 */
function goOn({ run }: Draft, at: number): void {
  if (isAtWork(run)) return
  run.status = 'running'
  run.since = at
  run.endReason = null
  run.error = null
}

function open(draft: Draft, event: EventOf<'segment-started'>): Segment {
  const { segment, role, source, thought, seed, budget, at } = event
  const parent = source.type === 'branch' ? { segment: source.of, at: source.at } : null
  const from = parent === null ? undefined : draft.segment(parent.segment)
  return {
    segment,
    role,
    number: numberOf(segment),
    group: event.group ?? null,
    source,
    thought,
    seed,
    budget,
    forced: event.forced ?? [],
    entry: event.entry ?? null,
    parent,
    ...readsOf(source),
    instruction: event.instruction ?? null,
    status: 'waiting',
    reason: null,
    droppedAfter: null,
    error: null,
    answer: null,
    found: null,
    startedAt: at,
    firstTokenAt: null,
    lastTokenAt: from === undefined || parent!.at === 0 || from.tokens.length === 0 ? null : at,
    endedAt: null,
    // The kept tokens were not decoded here: they count neither as the first token nor towards the
    // speed.
    firstTokens: 0,
    ...(from === undefined ? NO_TEXT : textUntil(from, parent!.at)),
  }
}

type Text = Pick<Segment, 'tokens' | 'text' | 'logprobSum' | 'logprobCount'>
const NO_TEXT: Text = { tokens: TokenList.EMPTY, text: '', logprobSum: 0, logprobCount: 0 }

/** Returns what a branch keeps: the first `at` tokens. */
function textUntil({ tokens, text, logprobSum, logprobCount }: Segment, at: number): Text {
  if (at >= tokens.length) return { tokens, text, logprobSum, logprobCount }
  let length = 0
  logprobSum = logprobCount = 0
  for (let i = 0; i < at; i++) {
    const token = tokens.at(i)!
    length += token.text.length
    if (!isSampled(token)) continue
    logprobSum += token.logprob
    logprobCount++
  }
  return { tokens: tokens.first(at), text: text.slice(0, length), logprobSum, logprobCount }
}

type Sampled = Token & { logprob: number }
const isSampled = (token: Token): token is Sampled =>
  token.logprob !== null && token.forced !== true

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
    if (!isSampled(token)) continue
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

/** Kinds of answers that are only where a text ends, so that it must have ended by itself. */
const LAST: ReadonlySet<Answer['kind']> = new Set(['final-line', 'last-number'])

function ending({ reason, answer: found, error = undefined, at }: EventOf<'segment-ended'>) {
  const status = STATUS[reason]
  const answer = found !== null && LAST.has(found.kind) && reason !== 'finished' ? null : found
  return { status, reason, droppedAfter: null, answer, found, error: error ?? null, endedAt: at }
}
