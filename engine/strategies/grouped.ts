import { allSegments, isOpen, type Segment } from '../protocol/run-state.ts'
import type { Fusion } from '../protocol/request.ts'
import { pathId, summaryId } from '../protocol/segments.ts'
import type { Shape } from '../protocol/shapes.ts'
import { nextComparison, replacesSummaries } from './behaviour.ts'
import { pathSeed, summarySeed } from './seeds.ts'
import { isReadable, type Action, type OpenPath, type OpenSummary, type View } from './strategy.ts'

/**
 * Returns the next actions for groups of paths that start from the prompt. A group ends once all of
 * its paths have ended, or as many as the finish rule requires. Its summary is then written at
 * once, independently of other groups.
 */
export function grouped(shape: Shape, view: View): Action[] {
  const { state, later, pending, comparing } = view
  if (state.paths.length === 0) return later ? [{ type: 'finish' }] : openPaths(shape, view)
  const actions: Action[] = later
    ? []
    : groupsOf(shape).flatMap((group) => nextOf(group, shape, view))
  const busy =
    actions.length > 0 || pending.length > 0 || comparing || allSegments(state).some(isOpen)
  if (busy) return actions
  const comparison = nextComparison(shape, view)
  if (comparison.length > 0) return comparison
  return [...(later ? [] : withoutText(shape, view)), { type: 'finish' }]
}

const groupsOf = ({ groups }: Shape): number[] => Array.from({ length: groups }, (_, i) => i + 1)

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

const membersOf = (group: number, { state }: View): Segment[] =>
  state.paths.filter((path) => path.group === group)

function nextOf(group: number, shape: Shape, view: View): Action[] {
  const { finish, summaries } = shape
  if (hasSummary(group, view)) return []
  const members = membersOf(group, view)
  const running = members.filter(isOpen)
  if (running.length > 0) {
    const reached = finish > 0 && members.filter(hasFinished).length >= finish
    return reached ? running.map(({ segment }) => ({ type: 'cut', segment, reason: 'cut' })) : []
  }
  const reads = members.filter(isReadable)
  const wanted = summaries && reads.length > 0 && !replacesSummaries(shape, view)
  return wanted ? [groupSummary(group, reads, view)] : []
}

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

/** Returns the action that opens the summary of a group. */
export function groupSummary(
  group: number,
  reads: readonly Segment[],
  { settings, state }: View,
  { fusion = state.fusion ?? 'reread', instruction }: AskedSummary = {},
): OpenSummary {
  return {
    type: 'open',
    role: 'summary',
    segment: summaryId(group),
    group,
    reads: reads.map(({ segment }) => segment),
    fusion,
    ...(instruction !== undefined && { instruction }),
    seed: summarySeed(settings.seed, group),
    budget: settings.summaryBudget,
  }
}

/** Returns a notice of how many groups have no text that a summary could read, if there are any. */
function withoutText(shape: Shape, view: View): Action[] {
  const { groups, summaries } = shape
  if (view.state.paths.some(isReadable) && replacesSummaries(shape, view)) return []
  const without = groupsOf({ groups } as Shape).filter((group) => !hasSummary(group, view)).length
  if (!summaries || without === 0) return []
  return without === groups
    ? [{ type: 'notice', code: 'nothing-to-summarise' }]
    : [{ type: 'notice', code: 'some-to-summarise', params: { without, groups } }]
}
