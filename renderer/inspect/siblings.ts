import type { RunState, Segment } from '../../engine/protocol/fold.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { openingOf, tokenKey } from '../ui/control-tokens.ts'

/** Where two paths part: the first token after the one that opens them that differs. null: one is the beginning of the other. */
export function partingOf(a: Segment, b: Segment): { a: number; b: number } | null {
  const [sa, sb] = [openingOf(a), openingOf(b)]
  const length = Math.min(a.tokens.length - sa, b.tokens.length - sb)
  for (let i = 0; i < length; i++)
    if (tokenKey(a, i + sa) !== tokenKey(b, i + sb)) return { a: i + sa, b: i + sb }
  return null
}

/** Paths that agree with `path` before the token at `index`: what else could have stood there. In order, `path` included. */
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
