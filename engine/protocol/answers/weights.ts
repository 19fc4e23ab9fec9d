import type { Weight } from '../request.ts'
import type { Segment } from '../run-state.ts'

/**
 * What an answer counts in a weighted vote (docs/strategies.md). `confidence` and `tail` are those
 * of DeepConf (arXiv 2508.15260, section 3): the mean confidence of a path's tokens, or of its last
 * ones.
 */

/** Tokens of the tail (DeepConf's group size). */
export const TAIL_WINDOW = 2048

/** Returns whether a weight needs the confidence of each token. */
export const needsConfidence = (weight: Weight | undefined): boolean =>
  weight === 'confidence' || weight === 'tail'

/** Returns what a path counts, above 0; null if that is not known. Only ratios have a meaning. */
export function weightOf({ tokens }: Pick<Segment, 'tokens'>, rule: Weight): number | null {
  const { length } = tokens
  // A path of half the length counts twice as much.
  if (rule === 'length') return length === 0 ? null : 1 / length
  let [sum, count] = [0, 0]
  for (let i = length - 1; i >= 0 && (rule === 'confidence' || count < TAIL_WINDOW); i--) {
    const { confidence, forced } = tokens.at(i)!
    if (confidence === undefined || forced === true) continue
    sum += confidence
    count++
  }
  return sum > 0 ? sum / count : null
}

/**
 * Returns weights with a mean of 1, so that their sums compare with numbers of votes. One that is not
 * known counts 1; undefined if none is known.
 */
export function scaled(weights: readonly (number | null)[]): number[] | undefined {
  const known = weights.filter((one) => one !== null)
  if (known.length === 0) return undefined
  const mean = known.reduce((a, b) => a + b, 0) / known.length
  return weights.map((one) => (one === null ? 1 : one / mean))
}
