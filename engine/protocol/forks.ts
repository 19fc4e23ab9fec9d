import { z } from 'zod'
import type { RunState, Segment } from './run-state.ts'
import type { SegmentId } from './segments.ts'
import { forksText } from './shapes.ts'

/**
 * Models that split a task themselves write a plan with numbered entries. One child per entry then
 * begins behind the plan; once all have ended, the text goes on behind them (Multiverse,
 * arXiv 2506.09991; NPR). docs/strategies.md, "Models that fork".
 */

/** The deepest level that a child may be at; the first text is at level 0. */
export const MAX_FORK_DEPTH = 5
/** The fewest tokens that a text must have left for a fork. */
export const MIN_FORK_ROOM = 30
/** The most children of a fork. */
export const MAX_CHILDREN = 32

/** Whose marks a vocabulary has. */
export const ForkForm = z.enum(['multiverse', 'npr'])
export type ForkForm = z.infer<typeof ForkForm>

/** The tokens by which a model forks and joins; ids of its vocabulary. */
export const ForkMarks = z.object({
  form: ForkForm,
  /** What the first text begins with; may be empty. */
  start: z.array(z.int().min(0)),
  /** Ends a plan. */
  fork: z.int().min(0),
  /** Ends a child. */
  close: z.int().min(0),
  /** What follows the children begins with these. */
  join: z.array(z.int().min(0)),
})
export type ForkMarks = z.infer<typeof ForkMarks>

interface Form {
  name: string
  /** The tokens that a vocabulary must have. */
  tokens: readonly string[]
  start: string
  fork: string
  open: string
  close: string
  join: string
  /** What a plan begins with, and how its entries are numbered. */
  plan: string
  entry: RegExp
  /** What a user's question is followed by. */
  suffix: string
}

const pairs = (...names: string[]) => names.flatMap((name) => [`<${name}>`, `</${name}>`])

export const FORK_FORMS: Readonly<Record<ForkForm, Form>> = {
  multiverse: {
    name: 'Multiverse',
    tokens: pairs('Think', 'Parallel', 'Goal', 'Outline', 'Path', 'Conclusion'),
    start: '<Think>',
    fork: '</Goal>',
    open: '<Path>',
    close: '</Path>',
    join: '<Conclusion>',
    plan: '<Goal>',
    entry: /<Outline>\s*([0-9]+(?:\.[0-9]+)*)\s*:/g,
    suffix: ' Think step by step and in parallel before answering.',
  },
  npr: {
    name: 'NPR',
    tokens: pairs('guideline', 'plan', 'step', 'takeaway'),
    start: '',
    fork: '</guideline>',
    open: '<step>',
    close: '</step>',
    join: '<takeaway>',
    plan: '<guideline>',
    entry: /<plan>\s*([0-9]+(?:\.[0-9]+)*)\s*:/g,
    suffix: '',
  },
}

/** Returns whose marks these special tokens hold; undefined if they hold no one's. */
export const forkFormOf = (has: (text: string) => boolean): ForkForm | undefined =>
  ForkForm.options.find((form) => FORK_FORMS[form].tokens.every(has))

/** Returns the numbers of the entries of the last plan in a text, each once. */
export function entriesOf(text: string, form: ForkForm): string[] {
  const { plan, entry } = FORK_FORMS[form]
  const begin = text.lastIndexOf(plan)
  if (begin < 0) return []
  const found = [...text.slice(begin).matchAll(entry)].map(([, number]) => number!)
  return [...new Set(found)]
}

/** Where a path stands among plans. */
export interface ForkNode {
  path: Segment
  /** How many plans it is within. */
  depth: number
  /** Position of its token 0, counted from the prompt's end. */
  start: number
  /** The paths that were opened for the entries of the plan that it ended with. */
  children: Segment[]
  /** The first path of its text, if this one goes on behind children. */
  first?: ForkNode
  /** The path that goes on behind its children. */
  next?: ForkNode
}

/** Returns where each path stands. A damaged transcript gives other places, but always some. */
export function forkTree(paths: readonly Segment[]): ReadonlyMap<SegmentId, ForkNode> {
  const nodes = new Map<SegmentId, ForkNode>()
  for (const path of paths) {
    // Only earlier paths are there yet, so nothing is above itself.
    const parent = path.parent === null ? undefined : nodes.get(path.parent.segment)
    const reads = path.reads.flatMap((read) => nodes.get(read) ?? [])
    const child = reads[0] && firstOf(reads[0])
    const before = child?.path.parent ? nodes.get(child.path.parent.segment) : undefined
    const above = before?.depth ?? parent?.depth ?? 0
    const node: ForkNode = {
      path,
      depth: above + (isChild(path) ? 1 : 0),
      start: parent?.start ?? Math.max(0, ...reads.map(endOf)),
      children: [],
      ...(before !== undefined && { first: firstOf(before) }),
    }
    if (isChild(path)) parent?.children.push(path)
    if (before !== undefined) before.next ??= node
    nodes.set(path.segment, node)
  }
  return nodes
}

/** Returns the first path of a text. */
export const firstOf = (node: ForkNode): ForkNode => node.first ?? node

/** Returns whether a path was opened for an entry of a plan. */
export const isChild = ({ entry }: Pick<Segment, 'entry'>): boolean => entry !== null

/** Returns the position behind a path's last token, counted from the prompt's end. */
export const endOf = ({ start, path }: ForkNode): number => start + path.tokens.length

/** Returns the path that a text ends in: the given one, or the one behind its last children. */
export function tipOf(node: ForkNode): ForkNode {
  let tip = node
  while (tip.next !== undefined) tip = tip.next
  return tip
}

/** Returns the path that a run's text ends in; undefined before it has one. */
export function lastOf(paths: readonly Segment[]): Segment | undefined {
  const first = paths[0] && forkTree(paths).get(paths[0].segment)
  return first && tipOf(first).path
}

/** Returns the paths whose texts may answer a run: of a model that forks, the one that its text ends in. */
export function answeringPaths({
  settings,
  paths,
}: Pick<RunState, 'settings' | 'paths'>): readonly Segment[] {
  if (!forksText({ settings })) return paths
  const last = lastOf(paths)
  return last === undefined ? [] : [last]
}

/** Returns whether a path ended with a plan. */
export const endsInPlan = (path: Segment, { fork }: Pick<ForkMarks, 'fork'>): boolean =>
  path.reason === 'finished' && path.tokens.at(path.tokens.length - 1)?.id === fork
