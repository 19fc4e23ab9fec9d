import { indexOf, type RunState, type Segment } from '../protocol/run-state.ts'
import { numberOf, partsOf, roleOf, widthOf, type SegmentId } from '../protocol/segments.ts'

/** Which cells branches share: each branch shares its kept prefix with its parent. */

export const ancestry = {
  find: (paths: readonly Segment[], segment: SegmentId): Segment | undefined =>
    roleOf(segment) === 'path' ? paths[indexOf(paths, segment)] : undefined,
  /** A path begins only with what is there: in a damaged transcript, one that says otherwise has no parent. */
  parent: (paths: readonly Segment[], { segment, parent }: Segment): Segment | undefined =>
    parent === null || !isBefore(parent.segment, segment)
      ? undefined
      : ancestry.find(paths, parent.segment),
}

/** Returns whether a path was opened before another. */
export const isBefore = (path: SegmentId, other: SegmentId): boolean =>
  numberOf(path) < numberOf(other)

/** Returns whether a path has no token of its own. */
export const isFresh = ({ tokens, parent }: Segment): boolean => tokens.length <= (parent?.at ?? 0)

/** Returns the closest ancestor of a fresh branch that has tokens of its own: they hold all that the branch keeps. */
export function originOf(paths: readonly Segment[], branch: Segment): Segment | undefined {
  let at = ancestry.parent(paths, branch)
  while (at !== undefined && at.parent !== null && isFresh(at)) at = ancestry.parent(paths, at)
  return at
}

/** Returns the names of the sequences that a segment decodes in: its own, and one per further member of a merge. */
export const sequencesOf = ({
  segment,
  source,
}: Pick<Segment, 'segment' | 'source'>): SegmentId[] =>
  Array.from({ length: widthOf(source) }, (_, i) => (i === 0 ? segment : `${segment}.${i + 1}`))

/** Returns the first ancestor of a path: the one that starts from the prompt or from a source of its own. */
export function rootOf(paths: readonly Segment[], path: Segment): Segment {
  let at = path
  for (;;) {
    const parent = ancestry.parent(paths, at)
    if (parent === undefined) return at
    at = parent
  }
}

/** Returns whether a path's first ancestor reads other paths. */
export const isJoined = (paths: readonly Segment[], path: Segment): boolean =>
  rootOf(paths, path).reads.length > 0

type Known = Pick<RunState, 'paths' | 'promptTokens'>

/** Returns how many tokens of a segment a part of a source takes; 0 for other parts. */
export function lengthOfPart(part: ReturnType<typeof partsOf>[number], { paths }: Known): number {
  if (!('segment' in part)) return 0
  const whole = ancestry.find(paths, part.segment as SegmentId)?.tokens.length
  const to = (part.to as number | undefined) ?? whole
  return (to ?? 0) - ((part.from as number | undefined) ?? 0)
}

/** Returns the position of a path's token 0 unless a join moved it: behind the prompt, or behind what it reads. */
export function homeOf(path: Segment, state: Known): number {
  const root = rootOf(state.paths, path)
  return root.source.type === 'join' || root.source.type === 'text'
    ? endOf(root, state)
    : state.promptTokens.length
}

/** Returns the position behind what a path reads. */
function endOf({ segment, source }: Segment, state: Known): number {
  const shared = source.type === 'join' && source.layout === 'shared'
  return partsOf(source).reduce((end, part) => {
    if ('tokens' in part) return end + (part.tokens as number[]).length
    if (!('segment' in part))
      return end + ((part.to as number | undefined) ?? state.promptTokens.length)
    const length = lengthOfPart(part, state)
    const of = shared ? ancestry.find(state.paths, part.segment as SegmentId) : undefined
    if (of !== undefined && !isBefore(of.segment, segment)) return end
    return of === undefined ? end + length : Math.max(end, homeOf(of, state) + length)
  }, 0)
}

/**
 * Returns the cells that these paths have in front of their tokens, besides the prompt's: what is
 * decoded and copied for their sources. Branches of one path share them.
 */
export function sourceCells(paths: readonly Segment[], state: Known): number {
  const roots = new Set(paths.map((path) => rootOf(state.paths, path)))
  let cells = 0
  for (const { source } of roots) {
    const copies = source.type === 'join' && source.layout === 'consecutive'
    for (const part of partsOf(source)) {
      if ('tokens' in part) cells += (part.tokens as number[]).length
      else if (copies) cells += lengthOfPart(part, state)
    }
  }
  return cells
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

/**
 * Returns how many of a path's first tokens the sequence of each path holds, and nothing else at their
 * positions: those that they share by descent. A path that reads others at their own positions holds
 * what all of these hold.
 */
export function heldTokens(path: Segment, paths: readonly Segment[]): Map<SegmentId, number> {
  const held = new Map<SegmentId, number>()
  for (const other of paths) {
    const { source } = rootOf(paths, other)
    const own = sharedTokens(paths, path, other)
    const reads = source.type === 'join' && source.layout === 'shared' ? source.parts : []
    const each = reads.flatMap((part) =>
      'segment' in part
        ? [Math.min(held.get(part.segment as SegmentId) ?? 0, (part.to as number) ?? Infinity)]
        : [],
    )
    held.set(other.segment, own > 0 || each.length === 0 ? own : Math.min(...each))
  }
  return held
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
