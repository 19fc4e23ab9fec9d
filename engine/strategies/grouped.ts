import { allSegments, isOpen, type Segment } from '../protocol/run-state.ts'
import type { Fusion, RunSettings } from '../protocol/request.ts'
import { countedPaths, endsInVote } from '../protocol/deciding.ts'
import { MAX_SEGMENTS } from '../protocol/limits.ts'
import { pathId, summaryId } from '../protocol/segments.ts'
import { lastGroups, type Shape } from '../protocol/shapes.ts'
import { nextComparison, replacesSummaries } from './behaviour.ts'
import { drawn, pathSeed, summarySeed } from './seeds.ts'
import {
  isReadable,
  type Action,
  type OpenJoined,
  type OpenPath,
  type OpenSummary,
  type View,
} from './strategy.ts'

/**
 * Returns the next actions for groups of paths that start from the prompt. A group ends once all of
 * its paths have ended, or as many as the finish rule requires. Its summary is then written at
 * once, independently of other groups. In a run in rounds, each round is a group; its end opens the
 * next one, and the last one is fused or counted.
 */
export function grouped(shape: Shape, view: View): Action[] {
  const { state, later, pending, comparing } = view
  if (state.paths.length === 0) return later ? [{ type: 'finish' }] : openPaths(shape, view)
  const actions: Action[] = later
    ? []
    : openGroups(shape, view).flatMap((group) => nextOf(group, shape, view))
  const busy =
    actions.length > 0 || pending.length > 0 || comparing || allSegments(state).some(isOpen)
  if (busy) return actions
  const comparison = nextComparison(shape, view)
  if (comparison.length > 0) return comparison
  return [...(later ? [] : withoutText(shape, view)), { type: 'finish' }]
}

/** Returns the groups that may have something to do: all, or the latest round. */
function openGroups(shape: Shape, { state, pending }: View): number[] {
  if (shape.rounds === 1) return lastGroups(shape)
  const waiting = pending.flatMap((one) => (one.role === 'path' ? [one.group] : []))
  return [Math.max(...state.paths.map(({ group }) => group ?? 1), ...waiting)]
}

function openPaths({ groups, size }: Shape, { settings }: View): OpenPath[] {
  return Array.from({ length: groups * size }, (_, i) => ({
    type: 'open',
    role: 'path',
    segment: pathId(i + 1),
    group: Math.floor(i / size) + 1,
    place: (i % size) + 1,
    seed: pathSeed(settings.seed, i + 1),
    budget: settings.budget,
  }))
}

/** Opens the paths of a round; each reads some of these, drawn by the run's seed. */
function openRound(
  round: number,
  texts: readonly Segment[],
  { size, reads }: Shape,
  { settings, state }: View,
): OpenJoined[] {
  const last = state.paths.at(-1)!.number
  return Array.from({ length: Math.min(size, MAX_SEGMENTS - last) }, (_, i) => ({
    type: 'open',
    role: 'path',
    segment: pathId(last + i + 1),
    group: round,
    place: i + 1,
    reads: drawn(
      texts.map(({ segment }) => segment),
      reads,
      pathSeed(settings.seed, last + i + 1),
    ),
    fusion: state.fusion ?? 'reread',
    seed: pathSeed(settings.seed, last + i + 1),
    budget: settings.budget,
  }))
}

const membersOf = (group: number, { state }: View): Segment[] =>
  state.paths.filter((path) => path.group === group)

function nextOf(group: number, shape: Shape, view: View): Action[] {
  const { state, pending } = view
  const last = lastGroups(shape).find((one) => one >= group) ?? group
  if (hasSummary(last, view)) return []
  if (pending.some((one) => one.role === 'path')) return []
  const members = membersOf(group, view)
  const running = members.filter(isOpen)
  if (running.length > 0) {
    const { finish } = shape
    const reached = finish > 0 && members.filter(hasFinished).length >= finish
    return reached ? running.map(({ segment }) => ({ type: 'cut', segment, reason: 'cut' })) : []
  }
  const texts = members.filter(isReadable)
  if (group < last && texts.length > 0) return openRound(group + 1, texts, shape, view)
  const reads = shape.rounds === 1 ? texts : countedPaths(state).filter(isReadable)
  const wanted = fuses(shape, view) && reads.length > 0 && !replacesSummaries(shape, view)
  return wanted ? [groupSummary(last, reads, view)] : []
}

const fuses = ({ summaries }: Shape, { state, trained }: View): boolean =>
  summaries && !endsInVote(state, trained)

/** Returns whether a path counts for the finish rule: it ended by itself or reached its budget. */
const hasFinished = ({ reason }: Segment): boolean => reason === 'finished' || reason === 'budget'

const hasSummary = (group: number, { state, pending }: View): boolean =>
  state.summaries.some((summary) => summary.group === group) ||
  pending.some((one) => one.role === 'summary' && one.group === group)

/** How a user asked for a summary. */
export interface AskedSummary {
  fusion?: Fusion | undefined
  instruction?: string | undefined
}

/** Returns whether a summary is a merged answer: the run's strategy is, and the user asked for no other way. */
export const merges = (
  { strategy }: Pick<RunSettings, 'strategy'>,
  { fusion, instruction }: AskedSummary,
): boolean => strategy === 'merge' && fusion === undefined && instruction === undefined

/** Returns the action that opens the summary of a group, or of the last round. */
export function groupSummary(
  group: number,
  reads: readonly Segment[],
  { settings, state }: View,
  asked: AskedSummary = {},
): OpenSummary {
  const { fusion = state.fusion ?? 'reread', instruction } = asked
  const number = (settings.rounds ?? 1) > 1 ? 1 : group
  return {
    type: 'open',
    role: 'summary',
    segment: summaryId(number),
    group,
    reads: reads.map(({ segment }) => segment),
    fusion,
    ...(merges(settings, asked) && { merge: true }),
    ...(instruction !== undefined && { instruction }),
    seed: summarySeed(settings.seed, number),
    budget: settings.summaryBudget,
  }
}

/** Returns a notice of how many groups have no text that a summary could read, if there are any. */
function withoutText(shape: Shape, view: View): Action[] {
  const { groups } = shape
  if (view.state.paths.some(isReadable) && replacesSummaries(shape, view)) return []
  const without = lastGroups(shape).filter((group) => !hasSummary(group, view)).length
  if (!fuses(shape, view) || without === 0) return []
  return without === groups
    ? [{ type: 'notice', code: 'nothing-to-summarise' }]
    : [{ type: 'notice', code: 'some-to-summarise', params: { without, groups } }]
}
