import type { PathState, RunState } from '../../engine/protocol/fold.ts'

const skip = (path: PathState): number => (path.tokens.at(0)?.forced === true ? 1 : 0)

/** Where two paths part: the first token after the one that opens them that differs. null: one is the beginning of the other. */
export function partingOf(a: PathState, b: PathState): { a: number; b: number } | null {
  const [sa, sb] = [skip(a), skip(b)]
  const length = Math.min(a.tokens.length - sa, b.tokens.length - sb)
  for (let i = 0; i < length; i++)
    if (a.tokens.at(i + sa)!.id !== b.tokens.at(i + sb)!.id) return { a: i + sa, b: i + sb }
  return null
}

/** Paths that agree with `path` before the token at `index`: what else could have stood there. In order, `path` included. */
export function siblingsAt(state: RunState, path: PathState, index: number): number[] {
  return state.paths
    .filter((other) => {
      if (other === path) return true
      const parting = partingOf(path, other)
      const shared =
        parting === null ? Math.min(path.tokens.length, other.tokens.length) : parting.a
      return shared >= index && other.tokens.length > index
    })
    .map((other) => other.path)
}
