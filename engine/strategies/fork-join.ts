import {
  endOf,
  endsInPlan,
  entriesOf,
  forkTree,
  MAX_CHILDREN,
  MAX_FORK_DEPTH,
  MIN_FORK_ROOM,
  tipOf,
  type ForkMarks,
  type ForkNode,
} from '../protocol/forks.ts'
import { MAX_OWN_NOTICES, MAX_SEGMENTS } from '../protocol/limits.ts'
import { allSegments, isOpen, type Segment } from '../protocol/run-state.ts'
import { pathId } from '../protocol/segments.ts'
import type { NoticeCode } from '../protocol/wording.ts'
import { forkSeed, pathSeed } from './seeds.ts'
import { freeNumber, isReadable, type Action, type Strategy, type View } from './strategy.ts'

/**
 * The model splits its task itself (Multiverse, arXiv 2506.09991; NPR). A text that ends in a plan is
 * followed by one child per entry; once all have ended, the text goes on behind their cells. A plan
 * that cannot be followed is only text, and the model writes on.
 */
export const forkJoin: Strategy = {
  next(view) {
    const { state, later, pending } = view
    const marks = state.model?.forks
    if (state.paths.length === 0)
      return later || marks === undefined ? [{ type: 'finish' }] : [first(marks, view)]
    const actions: Action[] = []
    if (!later && marks !== undefined) {
      const text = { tree: forkTree(state.paths), marks, view }
      for (const node of text.tree.values())
        actions.push(...nextOf(node, text, freeNumber(view) + opensIn(actions)))
    }
    const busy = actions.length > 0 || pending.length > 0 || allSegments(state).some(isOpen)
    return busy ? actions : [{ type: 'finish' }]
  },
}

const opensIn = (actions: readonly Action[]): number =>
  actions.filter(({ type }) => type === 'open').length

const first = ({ start }: ForkMarks, { settings }: View): Action => ({
  type: 'open',
  role: 'path',
  segment: pathId(1),
  group: 1,
  place: 1,
  seed: pathSeed(settings.seed, 1),
  budget: settings.budget,
  forced: start,
})

/** A text that forks, and where its paths stand. */
interface Text {
  tree: ReturnType<typeof forkTree>
  marks: ForkMarks
  view: View
}

/** `number`: of the next path that is opened. */
function nextOf(node: ForkNode, text: Text, number: number): Action[] {
  const { marks, view } = text
  const { path, children } = node
  if (isOpen(path) || node.next !== undefined) return []
  if (children.length > 0) return join(node, text, number)
  if (!endsInPlan(path, marks)) return []
  const entries = entriesOf(path.text, marks.form)
  const why = whyNot(node, entries, number, view)
  if (why === null) return entries.map((entry, i) => child(entry, i, number + i, node))
  if (path.tokens.length >= path.budget || wentOn(path, view)) return []
  const params = { path: path.number, tokens: path.tokens.length }
  return [
    { type: 'notice', code: why, params },
    { type: 'continue', segment: path.segment, budget: path.budget },
  ]
}

/**
 * Returns whether a path went on behind this plan before, and the model wrote nothing: a notice tells.
 * Where there can be no more notices, no path goes on.
 */
function wentOn({ number, tokens }: Segment, { state }: View): boolean {
  const { notices } = state
  const told = notices.some(
    ({ code, params }) =>
      code.startsWith('fork-') && params?.path === number && params.tokens === tokens.length,
  )
  return told || notices.length >= MAX_OWN_NOTICES
}

/** Returns why a plan is not followed; null if it is. */
function whyNot(
  node: ForkNode,
  entries: readonly string[],
  number: number,
  { settings }: View,
): NoticeCode | null {
  if (entries.length === 0) return 'fork-unread'
  if (entries.length > MAX_CHILDREN) return 'fork-wide'
  if (node.depth >= MAX_FORK_DEPTH) return 'fork-deep'
  const room = settings.budget - endOf(node)
  return room < MIN_FORK_ROOM || number + entries.length > MAX_SEGMENTS ? 'fork-room' : null
}

const child = (entry: string, i: number, number: number, { path }: ForkNode): Action => ({
  type: 'open',
  role: 'branch',
  segment: pathId(number),
  of: path.segment,
  at: path.tokens.length,
  forced: [],
  entry,
  group: 1,
  thought: 0,
  seed: forkSeed(path.seed, i + 1),
  budget: path.budget,
})

/** Goes on behind the children of a plan once all of them have ended. */
function join({ path, children }: ForkNode, { tree, marks, view }: Text, number: number): Action[] {
  const { settings, pending } = view
  const tips = children.map(({ segment }) => tipOf(tree.get(segment)!))
  const reads = tips.filter(({ path }) => isReadable(path))
  // A plan without children is still to be followed, or its text to go on.
  const waits = ({ path, children }: ForkNode) =>
    isOpen(path) ||
    (children.length > 0
      ? children.some((one) => isOpen(one) || isReadable(one))
      : endsInPlan(path, marks) && path.tokens.length < path.budget && !wentOn(path, view))
  const opened = pending.some((one) => reads.some(({ path }) => one.reads.includes(path.segment)))
  if (tips.some(waits) || opened || reads.length === 0) return []
  const budget = settings.budget - Math.max(...reads.map(endOf))
  if (budget <= marks.join.length || number > MAX_SEGMENTS) return []
  return [
    {
      type: 'open',
      role: 'path',
      segment: pathId(number),
      group: 1,
      place: 1,
      seed: forkSeed(path.seed, 0),
      budget,
      reads: reads.map(({ path }) => path.segment),
      fusion: 'cache',
      forced: marks.join,
    },
  ]
}
