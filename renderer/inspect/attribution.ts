import type { SegmentId } from '../../engine/protocol/segments.ts'
import type { Attribution } from '../../engine/protocol/wire.ts'

/**
 * Returns the column of a path in a row of shares: 0 is the prompt, then the paths in order, then the summary itself.
 */
export const columnOf = ({ paths }: Attribution, path: SegmentId): number =>
  1 + paths.findIndex((one) => one.segment === path)

/** Returns the mean share per column over the summary tokens [from, to). */
export function meanShares({ shares }: Attribution, from = 0, to = shares.length): number[] {
  const rows = shares.slice(from, to)
  return (rows[0] ?? shares[0] ?? []).map(
    (_, column) => rows.reduce((sum, row) => sum + row[column]!, 0) / Math.max(1, rows.length),
  )
}

export const LEVELS = 7

/** Returns the share of each token in this column as 0..LEVELS, where LEVELS is the largest share of any token. */
export function levelsOf({ shares }: Attribution, column: number): Uint8Array {
  const most = shares.reduce((max, row) => Math.max(max, row[column]!), 0)
  return Uint8Array.from(shares, (row) =>
    most === 0 ? 0 : Math.round((LEVELS * row[column]!) / most),
  )
}
