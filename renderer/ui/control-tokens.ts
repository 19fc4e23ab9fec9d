import type { Segment } from '../../engine/protocol/fold.ts'

/** Returns the number of tokens that open a path and do not belong to its text: its control token. */
export const openingOf = ({ tokens }: Segment): number => (tokens.at(0)?.forced === true ? 1 : 0)

/** Returns the paths that have text to summarise: those that are not dropped and have more than their first token. */
export const grownPaths = (paths: readonly Segment[]): Segment[] =>
  paths.filter(({ status, tokens }) => status !== 'dropped' && tokens.length > 1)

/** Returns the key by which tokens of paths are compared: the id, or the text if the engine does not report ids. */
export function tokenKey({ tokens }: Segment, index: number): number | string | undefined {
  const token = tokens.at(index)
  return token?.id ?? token?.text
}
