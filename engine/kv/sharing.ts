import { indexOf, type Segment } from '../protocol/run-state.ts'
import { roleOf, type SegmentId } from '../protocol/segments.ts'

/** Which cells branches share: each branch shares its kept prefix with its parent. */

export const ancestry = {
  find: (paths: readonly Segment[], segment: SegmentId): Segment | undefined =>
    roleOf(segment) === 'path' ? paths[indexOf(paths, segment)] : undefined,
  parent: (paths: readonly Segment[], { parent }: Segment): Segment | undefined =>
    parent === null ? undefined : ancestry.find(paths, parent.segment),
}

/** Returns whether a path has no token of its own. */
export const isFresh = ({ tokens, parent }: Segment): boolean => tokens.length <= (parent?.at ?? 0)

/** Returns the closest ancestor of a fresh branch that has tokens of its own: they hold all that the branch keeps. */
export function originOf(paths: readonly Segment[], branch: Segment): Segment | undefined {
  let at = ancestry.parent(paths, branch)
  while (at !== undefined && at.parent !== null && isFresh(at)) at = ancestry.parent(paths, at)
  return at
}

/** Returns which path owns each stretch of a path's tokens: its ancestors, then itself. */
function stretches(paths: readonly Segment[], path: Segment): { owner: SegmentId; end: number }[] {
  const list: { owner: SegmentId; end: number }[] = []
  let end = path.tokens.length
  let at: Segment | undefined = path
  while (at !== undefined) {
    const start = at.parent?.at ?? 0
    if (end > start) list.unshift({ owner: at.segment, end })
    end = Math.min(end, start)
    at = ancestry.parent(paths, at)
  }
  return list
}

/** Returns the length of the prefix that two paths share by descent. */
export function sharedTokens(paths: readonly Segment[], a: Segment, b: Segment): number {
  const [left, right] = [stretches(paths, a), stretches(paths, b)]
  let shared = 0
  for (let i = 0; left[i] !== undefined && left[i]!.owner === right[i]?.owner; i++) {
    shared = Math.min(left[i]!.end, right[i]!.end)
    if (left[i]!.end !== right[i]!.end) break
  }
  return shared
}

/** Returns how many cells paths of these lengths take together. Length 0: no cells of its own. */
export function cellsOf(paths: readonly Segment[], length: (path: Segment) => number): number {
  const ends = new Map<SegmentId, number>()
  for (const path of paths) {
    let end = length(path)
    let at: Segment | undefined = path
    while (at !== undefined && end > 0) {
      ends.set(at.segment, Math.max(ends.get(at.segment) ?? 0, end))
      end = Math.min(end, at.parent?.at ?? 0)
      at = ancestry.parent(paths, at)
    }
  }
  return paths.reduce(
    (sum, { segment, parent }) => sum + Math.max(0, (ends.get(segment) ?? 0) - (parent?.at ?? 0)),
    0,
  )
}
