import { useMemo } from 'react'
import { forkTree, type ForkNode } from '../../engine/protocol/forks.ts'
import { EMPTY_RUN, type RunState } from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { forksText } from '../../engine/protocol/shapes.ts'
import { useRuns } from './runs.ts'
import { useUi } from './ui.ts'

/** The children of a plan, which fold under its path once the text has gone on behind them. */
export interface Fold {
  /** The path that ended with the plan. */
  parent: SegmentId
  /** How many children of it are shown when it is opened. */
  children: number
  /** Its children, what goes on behind theirs, and theirs. */
  all: SegmentId[]
}

/** Returns the folds of a run, outer ones first. */
export function foldsOf({ paths, settings }: Pick<RunState, 'paths' | 'settings'>): Fold[] {
  if (!forksText({ settings })) return []
  const tree = forkTree(paths)
  const below = (node: ForkNode): SegmentId[] =>
    node.children.flatMap(({ segment }) => {
      const texts: SegmentId[] = []
      for (let at = tree.get(segment); at !== undefined; at = at.next)
        texts.push(at.path.segment, ...below(at))
      return texts
    })
  return [...tree.values()].flatMap((node) => {
    const children = node.children.filter(({ status }) => status !== 'dropped').length
    if (node.next === undefined || children === 0) return []
    return [{ parent: node.path.segment, children, all: below(node) }]
  })
}

/** Returns whether a fold shows its children: the user opened it, or one of the paths in it is active. */
export const isUnfolded = (
  { parent, all }: Fold,
  opened: readonly SegmentId[],
  active: SegmentId | undefined,
): boolean => opened.includes(parent) || (active !== undefined && all.includes(active))

const NONE: readonly SegmentId[] = []

/** Returns the folds of a run, those that show their children, and the paths that are folded away. */
export function useFolds(run: string): {
  folds: readonly Fold[]
  open: ReadonlySet<SegmentId>
  hidden: ReadonlySet<SegmentId>
} {
  const found = useRuns((s) => JSON.stringify(foldsOf(s.open[run]?.shown ?? EMPTY_RUN)))
  const opened = useUi((s) => s.unfolded[run] ?? NONE)
  const active = useUi((s) => s.active[run]?.path)
  return useMemo(() => {
    const folds = JSON.parse(found) as Fold[]
    const open = folds.filter((fold) => isUnfolded(fold, opened, active))
    return {
      folds,
      open: new Set(open.map(({ parent }) => parent)),
      hidden: new Set(folds.flatMap((fold) => (open.includes(fold) ? [] : fold.all))),
    }
  }, [found, opened, active])
}
