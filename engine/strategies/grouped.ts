import { allSegments, isOpen, type Segment } from '../protocol/run-state.ts'
import type { Fusion, RunSettings, Strategy as Name } from '../protocol/request.ts'
import { countedPaths } from '../protocol/deciding.ts'
import { MAX_SEGMENTS } from '../protocol/limits.ts'
import { pathId, summaryId } from '../protocol/segments.ts'
import { firstOf, groupsOf, lastGroups, ruleOf, shapeOf, type Shape } from '../protocol/shapes.ts'
import { nextComparison, replacesSummaries } from './behaviour.ts'
import { votesInstead, whetherDecided } from './deciding.ts'
import { nextJudges } from './judging.ts'
import { nextProbes } from './probing.ts'
import { drawn, pathSeed, summarySeed } from './seeds.ts'
import {
  freeNumber,
  isReadable,
  latestRound,
  type Action,
  type OpenJoined,
  type OpenPath,
  type OpenSummary,
  type Strategy,
  type View,
} from './strategy.ts'

/** Returns the strategy of this name, which opens paths in groups. */
export const inGroups = (strategy: Name): Strategy => ({
  next: (view) => grouped(shapeOf({ ...view.settings, strategy }, view.trained), view),
})

/**
 * Returns the next actions for groups of paths that start from the prompt. A group ends once all of
 * its paths have ended, or as many as the finish rule requires. Its summary is then written at
 * once, independently of other groups. In a run in rounds, each round is a group; its end opens the
 * next one, and the last one is fused or counted.
 */
function grouped(shape: Shape, view: View): Action[] {
  const { state, later, pending, probing, comparing } = view
  if (state.paths.length === 0) return later ? [{ type: 'finish' }] : nextWave(shape, view)
  const actions: Action[] = later
    ? []
    : [
        ...cutBehindFirst(view),
        ...nextProbes(view),
        ...openGroups(shape, view).flatMap((group) => nextOf(group, shape, view)),
      ]
  const busy =
    actions.length > 0 ||
    pending.length > 0 ||
    probing.length > 0 ||
    comparing ||
    allSegments(state).some(isOpen)
  if (busy) return actions
  const more = later ? [] : nextWave(shape, view)
  if (more.length > 0) return more
  const comparison = nextComparison(shape, view)
  if (comparison.length > 0) return comparison
  const judges = later ? [] : nextJudges(shape, view)
  if (judges.length > 0) return judges
  return [...(later ? [] : withoutText(shape, view)), { type: 'finish' }]
}

/** Returns the groups that may have something to do: those that have paths, or the latest round. */
const openGroups = (shape: Shape, view: View): number[] =>
  shape.rounds === 1 ? opened(shape, view) : [latestRound(view)]

/** Returns the groups that have paths. */
function opened({ groups }: Pick<Shape, 'groups'>, { state }: View): number[] {
  const begun = new Set(state.paths.map(({ group }) => group))
  return groupsOf({ groups }).filter((group) => begun.has(group))
}

/** Returns the groups that are still to be opened: those of later waves. */
export function unopened(shape: Pick<Shape, 'groups'>, view: View): number[] {
  const begun = opened(shape, view)
  return groupsOf(shape).filter((group) => !begun.includes(group))
}

/**
 * Opens the groups of the next wave, which are all if no rule stops the run early. Says so, once, if
 * the answers so far are sure enough.
 */
function nextWave(shape: Shape, view: View): Action[] {
  const left = unopened(shape, view)
  if (left.length === 0) return []
  const verdict = whetherDecided(shape, view)
  if (verdict.type === 'decided') {
    const { notice } = verdict
    return view.state.notices.some(({ code }) => code === notice.code) ? [] : [notice]
  }
  return openPaths(left.slice(0, verdict.groups), shape.size, view)
}

/** Opens the paths of these groups. Numbers that branches have taken are skipped. */
function openPaths(groups: readonly number[], size: number, view: View): OpenPath[] {
  const { settings } = view
  const from = freeNumber(view)
  return groups.flatMap((group, g) =>
    Array.from({ length: size }, (_, i): OpenPath => {
      const number = from + g * size + i
      return {
        type: 'open',
        role: 'path',
        segment: pathId(number),
        group,
        place: i + 1,
        seed: pathSeed(settings.seed, number),
        budget: settings.budget,
      }
    }),
  )
}

/** Once the first m of single paths have ended, cuts the others. */
function cutBehindFirst(view: View): Action[] {
  const { paths } = view.state
  const first = firstOf(view.settings)
  const running = paths.filter(isOpen)
  if (first === 0 || running.length === 0 || paths.filter(hasFinished).length < first) return []
  const cut = running.reduce((sum, { tokens }) => sum + tokens.length, 0)
  const params = { paths: paths.length - running.length, of: paths.length, cut }
  return [
    ...running.map(({ segment }): Action => ({ type: 'cut', segment, reason: 'cut' })),
    ...(view.state.notices.some(({ code }) => code === 'stopped-first')
      ? []
      : [{ type: 'notice' as const, code: 'stopped-first' as const, params }]),
  ]
}

/** Opens the paths of a round; each reads some of these, drawn by the run's seed. */
function openRound(
  round: number,
  texts: readonly Segment[],
  { size, reads }: Shape,
  view: View,
): OpenJoined[] {
  const room = MAX_SEGMENTS - freeNumber(view) + 1
  const from = texts.map(({ segment }) => segment)
  return openPaths([round], Math.min(size, room), view).map((path) => ({
    ...path,
    reads: drawn(from, reads, path.seed),
    fusion: view.state.fusion ?? 'reread',
  }))
}

const membersOf = (group: number, { state }: View): Segment[] =>
  state.paths.filter((path) => path.group === group)

function nextOf(group: number, shape: Shape, view: View): Action[] {
  const { state, pending } = view
  const last = Math.max(group, shape.rounds)
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
  const wanted = fuses(shape, view) && takesPart(reads, view) && !replacesSummaries(shape, view)
  return wanted ? [groupSummary(last, reads, view)] : []
}

const fuses = ({ summaries }: Shape, view: View): boolean => summaries && !votesInstead(view)

/** Returns whether a group has a text that its summary can read, and that the first m include. */
const takesPart = (reads: readonly Segment[], { settings }: View): boolean =>
  reads.length > 0 && (firstOf(settings) === 0 || reads.some(({ reason }) => reason !== 'cut'))

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
): boolean => ruleOf(strategy).merges && fusion === undefined && instruction === undefined

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
  if (view.state.paths.some(isReadable) && replacesSummaries(shape, view)) return []
  const ends = shape.rounds > 1 ? lastGroups(shape) : opened(shape, view)
  const begun = ends.filter(
    (group) =>
      firstOf(view.settings) === 0 || membersOf(group, view).some(({ reason }) => reason !== 'cut'),
  )
  const groups = begun.length
  const without = begun.filter((group) => !hasSummary(group, view)).length
  if (!fuses(shape, view) || without === 0) return []
  return without === groups
    ? [{ type: 'notice', code: 'nothing-to-summarise' }]
    : [{ type: 'notice', code: 'some-to-summarise', params: { without, groups } }]
}
