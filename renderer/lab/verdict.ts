import type { LabCell } from '../../engine/protocol/wire.ts'
import { fixed } from '../i18n/format.ts'

/** Whether several paths are worth it: `unknown` if the interval of the difference contains 0. */
export type Verdict = 'yes' | 'no' | 'unknown' | 'wait'

export interface Comparison {
  verdict: Verdict
  one: LabCell
  many: LabCell
  gain: NonNullable<LabCell['gain']>
  /** Tokens of an answer of several paths, as a multiple of those of one path. */
  times: number
}

/** Fewer runs say nothing, whatever they show. */
const LEAST = 8

/** Returns the comparison of a table that compares one row with one other; null if it does not. */
export function comparisonOf(cells: readonly LabCell[]): Comparison | null {
  const [one, many] = cells
  if (cells.length !== 2 || one === undefined || many?.gain === undefined) return null
  if (many.variant !== undefined || many.gain.against !== one.unit) return null
  const { low, high, n } = many.gain
  const verdict = n < LEAST ? 'wait' : low > 0 ? 'yes' : high < 0 ? 'no' : 'unknown'
  return { verdict, one, many, gain: many.gain, times: many.tokens / Math.max(1, one.tokens) }
}

/** Returns a difference of shares as points: +12.5, −3.0. */
export function points(difference: number, digits = 1): string {
  const text = fixed(Math.abs(difference) * 100, digits)
  return Number(text) === 0 ? text : `${difference < 0 ? '−' : '+'}${text}`
}

export const percents = (share: number): string => `${fixed(share * 100, 1)} %`
