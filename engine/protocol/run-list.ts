import type { RunEvent, Token } from './events.ts'
import type { RunRequest } from './request.ts'
import { allSegments, isOpen, ranUntil, type RunState, type Segment } from './run-state.ts'
import { shapeOf } from './shapes.ts'
import type { RunProgress, RunSummary } from './wire.ts'

/** What lists and progress bars say of a run, from its folded events. */

/** What the user adds to a run. */
export type RunMeta = Partial<Pick<RunSummary, 'title' | 'starred' | 'tags'>>
/** The part of a line of the history that follows from the events. */
export type RunDigest = Omit<RunSummary, 'run' | keyof RunMeta>

const MAX_PROBLEM = 2000
const MAX_TITLE = 120
const BLANK: Token = { text: '', logprob: null, entropy: null }

/** An event as this file needs it: its tokens are counted, and take no memory of their own once folded. */
export function withoutText(event: RunEvent): RunEvent {
  return event.type === 'tokens' ? { ...event, tokens: event.tokens.map(() => BLANK) } : event
}

/** `live`: something writes the run; otherwise a run without an end is interrupted. */
export function digestOf(state: RunState, live: boolean): RunDigest {
  const { status } = state
  const going = status === 'running' || status === 'empty'
  return {
    problem: state.problem.slice(0, MAX_PROBLEM),
    model: state.model?.name ?? '',
    strategy: state.settings?.strategy ?? '',
    paths: state.paths.length,
    answer: state.answer,
    status: !going ? status : live ? 'running' : 'interrupted',
    time: state.time,
    durationMs: ranUntil(state, state.at),
    tokens: decodedTokens(state),
  }
}

/** Of a run that waits for its turn. `time`: ISO 8601. */
export function digestOfRequest({ problem, model, settings }: RunRequest, time: string): RunDigest {
  return {
    problem: problem.slice(0, MAX_PROBLEM),
    model: model ?? '',
    strategy: settings.strategy ?? '',
    paths: settings.paths ?? 0,
    answer: null,
    status: 'queued',
    time,
    durationMs: 0,
    tokens: 0,
  }
}

/** One line of the history. A run without a title of its own is called by the first line of its problem. */
export function listItem(run: string, digest: RunDigest, meta: RunMeta = {}): RunSummary {
  const line = digest.problem.split('\n').find((one) => one.trim() !== '') ?? run
  return {
    ...digest,
    run,
    title: meta.title ?? line.trim().slice(0, MAX_TITLE),
    starred: meta.starred ?? false,
    tags: meta.tags ?? [],
  }
}

/** How far a run is. `state`: undefined while it waits for its turn. */
export function progressOf(
  { run, title, status, answer }: RunSummary,
  state: RunState | undefined,
): RunProgress {
  return { run, title, status, answer, fraction: state === undefined ? 0 : fractionOf(state) }
}

/**
 * How much of a run's budget is used or no longer needed, 0..1: a segment that has ended counts whole, one that is
 * still to come counts with its budget. Falls when a command asks for more.
 */
export function fractionOf(state: RunState): number {
  const { settings, paths, summaries } = state
  if (settings === null) return 0
  const { groups, size, ...shape } = shapeOf(settings, (state.model?.nativePaths ?? 0) > 0)
  const toCome = (expected: number, opened: readonly Segment[], budget: number) =>
    Math.max(0, expected - opened.length) * budget
  const coming =
    toCome(groups * size, paths, settings.budget) +
    toCome(shape.summaries ? groups : 0, summaries, settings.summaryBudget)
  const all = allSegments(state)
  const total = all.reduce((sum, { budget }) => sum + budget, coming)
  return total === 0 ? 0 : all.reduce((sum, one) => sum + used(one), 0) / total
}

const used = (segment: Segment): number =>
  isOpen(segment) ? Math.min(segment.tokens.length, segment.budget) : segment.budget

/** What a branch shares with its parent was decoded once. */
const decodedTokens = (state: RunState): number =>
  allSegments(state).reduce(
    (sum, { tokens, parent }) => sum + Math.max(0, tokens.length - (parent?.at ?? 0)),
    0,
  )
