import type { PathState } from '../../engine/protocol/fold.ts'

/** A stretch of tokens that `paths` share; leaves hold one path. Positions count tokens after the control token. */
export interface Stretch {
  from: number
  to: number
  paths: number[]
  children: Stretch[]
  /** Text where the children part. */
  text: string
}

/** The paths as a tree by their common prefixes: a trunk, then branches. The token that opens a path is left out. */
export function pathTree(paths: readonly PathState[]): Stretch | null {
  const grown = paths.filter((path) => path.status !== 'dropped' && path.tokens.length > 1)
  return grown.length === 0 ? null : stretch(grown, 0)
}

const skip = (path: PathState): number => (path.tokens.at(0)?.forced === true ? 1 : 0)
const idAt = (path: PathState, position: number): number | undefined =>
  path.tokens.at(position + skip(path))?.id
const lengthOf = (path: PathState): number => path.tokens.length - skip(path)

function stretch(group: readonly PathState[], from: number): Stretch {
  const paths = group.map((path) => path.path)
  const [first] = group
  if (group.length === 1) return { from, to: lengthOf(first!), paths, children: [], text: '' }
  let to = from
  const shortest = Math.min(...group.map(lengthOf))
  while (to < shortest && group.every((path) => idAt(path, to) === idAt(first!, to))) to++
  const branches = new Map<number | undefined, PathState[]>()
  for (const path of group) {
    const id = idAt(path, to)
    branches.set(id, [...(branches.get(id) ?? []), path])
  }
  const text = Array.from(
    { length: Math.min(8, to - from) },
    (_, i) => first!.tokens.at(Math.max(from, to - 8) + i + skip(first!))?.text ?? '',
  ).join('')
  // All ended at the same place with the same tokens: they part nowhere, each is a leaf.
  const children =
    branches.size === 1
      ? group.map((path) => ({
          from: to,
          to: lengthOf(path),
          paths: [path.path],
          children: [],
          text: '',
        }))
      : [...branches.values()].map((branch) => stretch(branch, to))
  return { from, to, paths, children, text }
}
