/**
 * The rules by which a vote ends before all of its paths have. Strategies apply them while a run
 * works, and the path bank to recorded paths (docs/strategies.md).
 */

/**
 * Returns the probability that the leading answer is more likely than the second one, 0..1, after
 * they were given `first` and `second` times: of a Beta(first + 1, second + 1) distribution, what
 * lies above one half (adaptive consistency, arXiv 2305.11860, section 3).
 */
export function certainty(first: number, second: number): number {
  // For whole numbers, that is a binomial tail: at most `first` of n fair coins are heads.
  const n = first + second + 1
  let term = -n * Math.LN2
  let sum = 0
  for (let heads = 0; heads <= first; heads++) {
    sum += Math.exp(term)
    term += Math.log((n - heads) / (heads + 1))
  }
  return Math.min(1, sum)
}

/** One path's answers when it was asked for them, in order; null where it gave none. */
export type Probed = readonly (string | null)[]
