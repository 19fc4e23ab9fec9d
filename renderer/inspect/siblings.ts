import type { RunState, Segment } from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { openingOf, tokenKey } from '../ui/control-tokens.ts'

/**
 * Returns where two paths diverge: the first token after the opening one that differs, or null if one is a prefix of
 * the other.
 */
export function partingOf(a: Segment, b: Segment): { a: number; b: number } | null {
  const [sa, sb] = [openingOf(a), openingOf(b)]
  const length = Math.min(a.tokens.length - sa, b.tokens.length - sb)
  for (let i = 0; i < length; i++)
    if (tokenKey(a, i + sa) !== tokenKey(b, i + sb)) return { a: i + sa, b: i + sb }
  return null
}

/**
 * Returns the paths that agree with `path` before the token at `index`, in order and with `path` itself. They show
 * what else could have followed.
 */
export function siblingsAt(state: RunState, path: Segment, index: number): SegmentId[] {
  return state.paths
    .filter((other) => {
      if (other === path) return true
      const parting = partingOf(path, other)
      const shared =
        parting === null ? Math.min(path.tokens.length, other.tokens.length) : parting.a
      return shared >= index && other.tokens.length > index
    })
    .map((other) => other.segment)
}
