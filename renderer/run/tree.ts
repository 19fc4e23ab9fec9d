import type { Segment } from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { grownPaths, openingOf, tokenKey } from '../ui/control-tokens.ts'

/** A stretch of tokens that `paths` share; leaves hold one path. Positions count tokens after the control token. */
export interface Stretch {
  from: number
  to: number
  paths: SegmentId[]
  children: Stretch[]
  /** Text before the point where the children diverge. */
  text: string
}

/** Returns the paths as a tree of common prefixes. The token that opens a path does not count. */
export function pathTree(paths: readonly Segment[]): Stretch | null {
  const grown = grownPaths(paths)
  return grown.length === 0 ? null : stretch(grown, 0)
}

const keyAt = (path: Segment, position: number): number | string | undefined =>
  tokenKey(path, position + openingOf(path))
const lengthOf = (path: Segment): number => path.tokens.length - openingOf(path)

function stretch(group: readonly Segment[], from: number): Stretch {
  const paths = group.map((path) => path.segment)
  const [first] = group
  if (group.length === 1) return { from, to: lengthOf(first!), paths, children: [], text: '' }
  let to = from
  const shortest = Math.min(...group.map(lengthOf))
  while (to < shortest && group.every((path) => keyAt(path, to) === keyAt(first!, to))) to++
  const branches = new Map<number | string | undefined, Segment[]>()
  for (const path of group) {
    const key = keyAt(path, to)
    const branch = branches.get(key)
    if (branch === undefined) branches.set(key, [path])
    else branch.push(path)
  }
  const text = Array.from(
    { length: Math.min(8, to - from) },
    (_, i) => first!.tokens.at(Math.max(from, to - 8) + i + openingOf(first!))?.text ?? '',
  ).join('')
  // All paths have the same tokens and the same end, so each is a leaf.
  const children =
    branches.size === 1
      ? group.map((path) => ({
          from: to,
          to: lengthOf(path),
          paths: [path.segment],
          children: [],
          text: '',
        }))
      : [...branches.values()].map((branch) => stretch(branch, to))
  return { from, to, paths, children, text }
}
