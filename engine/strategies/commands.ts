import { countedPaths } from '../protocol/deciding.ts'
import { fail } from '../protocol/errors.ts'
import { judgesOf } from '../protocol/judges.ts'
import { MAX_KEPT, MAX_SEGMENTS } from '../protocol/limits.ts'
import type { RunCommand } from '../protocol/commands.ts'
import { isOpen, pathsKept, segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import {
  bySegment,
  numberOf,
  pathId,
  roleOf,
  summaryId,
  type SegmentId,
} from '../protocol/segments.ts'
import { questionOf } from '../protocol/question.ts'
import { lastGroups, shapeOf } from '../protocol/shapes.ts'
import { candidates, compare } from './behaviour.ts'
import { groupSummary, merges, unopened, type AskedSummary } from './grouped.ts'
import { pathSeed, summarySeed } from './seeds.ts'
import { freeNumber, isReadable, type Action, type OpenSummary, type View } from './strategy.ts'

/** What a user's command results in: actions, like those of a strategy. */
export interface Obeyed {
  actions: readonly Action[]
  /** The segment that the command opens. */
  segment?: SegmentId
  /** From now on only commands open segments. */
  later?: true
}

type Of<T extends RunCommand['type']> = Extract<RunCommand, { type: T }>

/** Limits of a run; `vocabulary` is undefined until the model is loaded. */
export interface Limits {
  paths: number
  vocabulary: number | undefined
}

/**
 * Returns the actions of a command that opens, extends or ends segments, or compares them. Errors: `no-such-path`,
 * `not-running`, `bad-request`, `out-of-range`, `too-many-paths`.
 */
export function obey(
  command: Of<'stop' | 'drop' | 'restore' | 'extend' | 'branch' | 'summarise' | 'compare'>,
  view: View,
  limits: Limits,
): Obeyed {
  switch (command.type) {
    case 'stop':
      return stop(command, view)
    case 'drop':
      return drop(command, view)
    case 'restore':
      return restore(command, view, limits)
    case 'extend':
      return extend(command, view)
    case 'branch':
      return branch(command, view, limits)
    case 'summarise':
      return summarise(command, view)
    case 'compare':
      return { actions: [compareAgain(command, view)] }
  }
}

function compareAgain({ calls }: Of<'compare'>, view: View): Action {
  if (questionOf(view.state) !== 'code') throw fail('bad-request/not-code')
  const of = candidates(shapeOf(view.settings, view.trained).groups, view)
  if (of.length === 0) throw fail('bad-request/nothing-to-compare')
  return compare(of, view, calls)
}

function anyPathIn(state: RunState, segment: SegmentId): Segment {
  const path = roleOf(segment) === 'path' ? segmentOf(state, segment) : undefined
  if (path === undefined) throw fail('no-such-path/missing', { path: nameOf(segment) })
  return path
}

function pathIn(state: RunState, segment: SegmentId): Segment {
  const path = anyPathIn(state, segment)
  if (path.status === 'dropped') throw fail('no-such-path/dropped', { path: path.number })
  return path
}

const nameOf = (segment: SegmentId): string | number =>
  roleOf(segment) === 'path' ? numberOf(segment) : segment

function stop({ segment }: Of<'stop'>, { state }: View): Obeyed {
  const path = pathIn(state, segment)
  if (!isOpen(path)) throw fail('not-running/path', { path: path.number })
  return { actions: [{ type: 'cut', segment, reason: 'stopped' }] }
}

function drop({ segment }: Of<'drop'>, { state }: View): Obeyed {
  pathIn(state, segment)
  return { actions: [{ type: 'drop', segment }] }
}

/** A path that was dropped while it was thinking goes on if others still think, else it is stopped. */
function restore({ segment }: Of<'restore'>, { state }: View, limits: Limits): Obeyed {
  const { status, number, droppedAfter, tokens, budget } = anyPathIn(state, segment)
  if (status !== 'dropped') throw fail('bad-request/not-dropped', { path: number })
  if (pathsKept(state).length >= limits.paths)
    throw fail('too-many-paths/branch', { most: limits.paths })
  const goesOn = droppedAfter === null && tokens.length < budget && state.paths.some(isOpen)
  return {
    actions: [goesOn ? { type: 'continue', segment, budget } : { type: 'restore', segment }],
  }
}

function extend({ segment, tokens: more }: Of<'extend'>, { state }: View): Obeyed {
  const path = pathIn(state, segment)
  const { reason, number, tokens, budget } = path
  if (reason === 'finished') throw fail('bad-request/ended-by-itself', { path: number })
  if (tokens.length === 0 && !isOpen(path)) throw fail('bad-request/no-text', { path: number })
  const had = isOpen(path) ? budget : tokens.length
  return { actions: [{ type: 'continue', segment, budget: had + more }] }
}

function branch({ segment, at, token }: Of<'branch'>, view: View, limits: Limits): Obeyed {
  const { state, settings } = view
  const parent = pathIn(state, segment)
  const tokens = parent.tokens.length
  if (at > tokens) throw fail('out-of-range/branch', { path: parent.number, tokens, at })
  const { vocabulary } = limits
  if (token !== undefined && vocabulary !== undefined && token >= vocabulary)
    throw fail('out-of-range/token', { token, vocabulary })
  if (pathsKept(state).length >= limits.paths)
    throw fail('too-many-paths/branch', { most: limits.paths })
  const number = freeNumber(view)
  if (number > MAX_SEGMENTS) throw fail('too-many-paths/all', { most: MAX_SEGMENTS })
  const kept = state.paths.reduce((sum, path) => sum + (path.parent?.at ?? 0), 0)
  if (kept + at > MAX_KEPT) throw fail('too-many-paths/kept', { most: MAX_KEPT, kept })
  const opened = pathId(number)
  return {
    segment: opened,
    actions: [
      {
        type: 'open',
        role: 'branch',
        segment: opened,
        of: segment,
        at,
        forced: token === undefined ? [] : [token],
        group: parent.group ?? 1,
        thought: parent.thought,
        seed: pathSeed(settings.seed, number),
        // A branch has its parent's budget, and room for at least one new token.
        budget: Math.max(parent.budget, at + 1),
      },
    ],
  }
}

/**
 * Ends the paths that still think. Writes the groups' own summaries if they are still to come, else
 * one more summary.
 */
function summarise({ segments, ...asked }: Of<'summarise'>, view: View): Obeyed {
  const { state, later, pending } = view
  for (const segment of segments ?? []) {
    const path = pathIn(state, segment)
    if (path.tokens.length === 0)
      throw fail('bad-request/no-text-to-summarise', { path: path.number })
  }
  const chosen = segments === undefined ? undefined : [...new Set(segments)].sort(bySegment)
  const reads =
    chosen === undefined
      ? countedPaths(state).filter(isReadable)
      : state.paths.filter((path) => isReadable(path) && chosen.includes(path.segment))
  if (!state.paths.some(isReadable)) throw fail('bad-request/nothing-to-summarise')
  const thinking = [...state.paths.filter(isOpen), ...pending.filter(({ role }) => role === 'path')]
  const cuts = thinking.map(({ segment }): Action => ({ type: 'cut', segment, reason: 'cut' }))
  const shape = shapeOf(view.settings, view.trained)
  const { groups, summaries, rounds, judgements } = shape
  // Waves that are still to come are not waited for.
  const early = !later && unopened(shape, view).length > 0 ? { later: true as const } : {}
  const coming = pending.filter((one) => one.role === 'summary')
  const written = new Set([...state.summaries, ...coming].map(({ group }) => group))
  // A summary that is asked for ends the rounds, even if a vote would.
  const ends = !later && (summaries || rounds > 1)
  const own = ends ? lastGroups(shape).filter((group) => !written.has(group)) : []
  const mixed = chosen !== undefined && groups > 1
  // A summary that is asked for ends the tournament: its judges are not waited for.
  const judging = !later && judgements > 0 && own.length === 0
  if (own.length > 0 && !mixed) {
    const opens = own.flatMap((group) => {
      const texts = rounds > 1 ? reads : reads.filter((path) => path.group === group)
      return texts.length === 0 ? [] : [groupSummary(group, texts, view, asked)]
    })
    if (opens.length > 0)
      return { actions: [...cuts, ...opens], segment: opens[0]!.segment, ...early }
  }
  const summary = laterSummary(reads, groups, view, asked)
  const judges = [
    ...judgesOf(state).filter(isOpen),
    ...pending.filter(({ role }) => role === 'judge'),
  ]
  return {
    actions: [
      ...cuts,
      ...judges.map(({ segment }): Action => ({ type: 'cut', segment, reason: 'cut' })),
      summary,
    ],
    segment: summary.segment,
    ...((mixed || judging) && { later: true }),
    ...early,
  }
}

function laterSummary(
  reads: readonly Segment[],
  groups: number,
  { state, pending, settings }: View,
  asked: AskedSummary,
): OpenSummary {
  const { fusion = state.fusion ?? 'reread', instruction } = asked
  const coming = pending.filter(({ role }) => role === 'summary')
  const last = [...state.summaries, ...coming].reduce(
    (most, { segment }) => Math.max(most, numberOf(segment)),
    groups > 1 ? groups : 0,
  )
  if (last >= MAX_SEGMENTS) throw fail('out-of-range/summaries', { most: MAX_SEGMENTS })
  return {
    type: 'open',
    role: 'summary',
    segment: summaryId(last + 1),
    reads: reads.map(({ segment }) => segment),
    fusion,
    ...(merges(settings, asked) && { merge: true }),
    ...(instruction !== undefined && { instruction }),
    seed: summarySeed(settings.seed, last + 1),
    budget: settings.summaryBudget,
  }
}
