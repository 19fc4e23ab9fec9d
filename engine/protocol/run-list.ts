import { consensusOf } from './consensus.ts'
import { doingOf, type Beside } from './doing.ts'
import type { RunEvent, Token } from './events.ts'
import { JUDGE_TOKENS, judgesOf } from './judges.ts'
import { outcomeOf } from './outcome.ts'
import { questionOf } from './question.ts'
import type { RunRequest } from './request.ts'
import { allSegments, isOpen, ranUntil, type RunState, type Segment } from './run-state.ts'
import { judgesPerRound, pathsOf, shapeOf } from './shapes.ts'
import type { RunProgress, RunSummary } from './wire.ts'

/** What lists and progress bars show of a run, computed from its folded events. */

/** What the user can edit in a run's entry. */
export type RunMeta = Partial<Pick<RunSummary, 'title' | 'starred' | 'tags'>>
/** The part of a history entry that is computed from the events. */
export type RunDigest = Omit<RunSummary, 'run' | keyof RunMeta>

const MAX_PROBLEM = 2000
const MAX_TITLE = 120
const BLANK: Token = { text: '', logprob: null, entropy: null }

/** Replaces an event's tokens by a shared blank one: they are only counted and take no memory. */
export function withoutText(event: RunEvent): RunEvent {
  return event.type === 'tokens' ? { ...event, tokens: event.tokens.map(() => BLANK) } : event
}

/**
 * Returns the digest of a run. `live`: the run is still being written; otherwise a run without an
 * end is interrupted.
 */
export function digestOf(state: RunState, live: boolean): RunDigest {
  const { status } = state
  const going = status === 'running' || status === 'empty'
  const question = questionOf(state) ?? 'value'
  const outcome = outcomeOf(state)
  const consensus = state.agreement === null ? null : consensusOf(state.agreement)
  return {
    problem: state.problem.slice(0, MAX_PROBLEM),
    model: state.model?.name ?? '',
    strategy: state.settings?.strategy ?? '',
    paths: state.paths.length,
    answer: question === 'value' ? state.answer : null,
    ...(question !== 'value' && { question }),
    ...(question === 'code' && consensus !== null && { consensus }),
    status: !going ? status : live ? 'running' : 'interrupted',
    ...(outcome !== null && { outcome }),
    ...(state.followUp !== null && { followUp: state.followUp.run }),
    ...(state.versionOf !== null && { versionOf: state.versionOf }),
    ...(state.client !== null && { client: state.client.slice(0, MAX_TITLE) }),
    time: state.time,
    durationMs: ranUntil(state, state.at),
    tokens: decodedTokens(state),
  }
}

/** Returns the digest of a queued run. `time`: ISO 8601. */
export function digestOfRequest(
  { problem, model, settings, followUp, versionOf, client }: RunRequest,
  time: string,
): RunDigest {
  return {
    problem: problem.slice(0, MAX_PROBLEM),
    model: model ?? '',
    strategy: settings.strategy ?? '',
    paths: settings.paths ?? 0,
    answer: null,
    status: 'queued',
    ...(followUp !== undefined && { followUp: followUp.run }),
    ...(versionOf !== undefined && { versionOf }),
    ...(client !== undefined && { client }),
    time,
    durationMs: 0,
    tokens: 0,
  }
}

/** Returns the history entry of a run. The title defaults to the first line of the problem. */
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

export function progressOf(
  { run, title, model, status, outcome, answer }: RunSummary,
  state: RunState,
  beside: Beside,
): RunProgress {
  const doing = doingOf(state, beside, fractionOf(state))
  return { run, title, model, status, ...(outcome !== undefined && { outcome }), answer, doing }
}

/**
 * Returns the share of a run's token budget that is used or no longer needed, 0..1. A segment that
 * has ended counts as fully used, one that has not started as unused. The share falls if a command
 * adds work.
 */
export function fractionOf(state: RunState): number {
  const { settings, paths, summaries, agreement, votes } = state
  if (settings === null) return 0
  const shape = shapeOf(settings, (state.model?.nativePaths ?? 0) > 0)
  const chosen = (agreement !== null && agreement.winner !== null) || votes.length > 0
  const toCome = (expected: number, opened: readonly Segment[], budget: number) =>
    Math.max(0, expected - opened.length) * budget
  const coming =
    toCome(pathsOf(shape), paths, settings.budget) +
    // A program that was chosen, or a vote, takes their place.
    toCome(shape.summaries && !chosen ? shape.groups : 0, summaries, settings.summaryBudget) +
    toCome(
      votes.length > 0 ? 0 : shape.judgements * judgesPerRound(shape),
      judgesOf(state),
      JUDGE_TOKENS,
    )
  const all = allSegments(state)
  const total = all.reduce((sum, { budget }) => sum + budget, coming)
  return total === 0 ? 0 : all.reduce((sum, one) => sum + used(one), 0) / total
}

const used = (segment: Segment): number =>
  isOpen(segment) ? Math.min(segment.tokens.length, segment.budget) : segment.budget

/** Returns how many tokens were decoded; tokens that a branch shares with its parent count once. */
const decodedTokens = (state: RunState): number =>
  allSegments(state).reduce(
    (sum, { tokens, parent }) => sum + Math.max(0, tokens.length - (parent?.at ?? 0)),
    0,
  )
