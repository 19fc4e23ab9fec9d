/** Standard normal quantile of a two-sided 95 % interval. */
const Z = 1.959963984540054

export interface Interval {
  low: number
  high: number
}

/**
 * Returns Wilson's score interval at 95 % (E. B. Wilson, JASA 22, 1927) for a share, 0..1. `n` may
 * be fractional (an effective size). Returns [0, 1] if there are no samples.
 */
export function wilson(share: number, n: number): Interval {
  if (n <= 0) return { low: 0, high: 1 }
  const z2 = (Z * Z) / n
  const centre = (share + z2 / 2) / (1 + z2)
  const half = (Z / (1 + z2)) * Math.sqrt((share * (1 - share)) / n + z2 / (4 * n))
  return {
    low: share === 0 ? 0 : Math.max(0, centre - half),
    high: share === 1 ? 1 : Math.min(1, centre + half),
  }
}

/**
 * Returns how many independent samples these are worth, because samples of the same problem are
 * correlated. `clusters` holds the number of correct samples and of all samples per problem. The
 * result is n divided by Kish's design effect (the variance between problems over the binomial
 * variance): at most n, and at least the number of problems, which it equals if all samples of each
 * problem agree.
 */
export function effectiveSize(clusters: readonly { correct: number; n: number }[]): number {
  const n = clusters.reduce((sum, cluster) => sum + cluster.n, 0)
  const k = clusters.length
  if (k < 2 || n === k) return n
  const share = clusters.reduce((sum, cluster) => sum + cluster.correct, 0) / n
  const binomial = (share * (1 - share)) / n
  if (binomial === 0) return k
  const between =
    (clusters.reduce((sum, { correct, n: m }) => sum + (correct - share * m) ** 2, 0) / n ** 2) *
    (k / (k - 1))
  return n / Math.max(1, between / binomial)
}

export const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length

/** Returns the q quantile of an unsorted list, interpolated linearly; 0 for an empty list. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const place = (sorted.length - 1) * q
  const below = sorted[Math.floor(place)] ?? 0
  return below + ((sorted[Math.ceil(place)] ?? below) - below) * (place % 1)
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Groups values by key; keys are in order of their first value. */
export function groupBy<T, K>(values: Iterable<T>, keyOf: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const value of values) {
    const key = keyOf(value)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [value])
    else group.push(value)
  }
  return groups
}

/** How often two methods were right on the same cases. */
export interface Paired {
  both: number
  /** Cases that only the first method, or only the second one, got right. */
  first: number
  second: number
  neither: number
}

/** Counts the cases of two methods, in the same order. */
export function pairedCounts(first: readonly boolean[], second: readonly boolean[]): Paired {
  const count = (a: boolean, b: boolean) =>
    first.filter((right, i) => right === a && second[i] === b).length
  return {
    both: count(true, true),
    first: count(true, false),
    second: count(false, true),
    neither: count(false, false),
  }
}

/**
 * Returns the share of the first method minus that of the second one, -1..1, with its 95 %
 * interval: Newcombe's square-and-add interval of paired shares (R. G. Newcombe, Statistics in
 * Medicine 17, 2635, 1998, method 10). The interval is [-1, 1] if there are no cases.
 */
export function pairedDifference({
  both,
  first,
  second,
  neither,
}: Paired): Interval & { difference: number } {
  const n = both + first + second + neither
  if (n === 0) return { difference: 0, low: -1, high: 1 }
  const [a, b] = [(both + first) / n, (both + second) / n]
  const [of, than] = [wilson(a, n), wilson(b, n)]
  const margins = (both + first) * (second + neither) * (both + second) * (first + neither)
  const excess = both * neither - first * second
  const corrected = excess > 0 ? Math.max(0, excess - n / 2) : excess
  const correlation = margins === 0 ? 0 : corrected / Math.sqrt(margins)
  const width = (x: number, y: number) => Math.sqrt(x * x + y * y - 2 * correlation * x * y)
  const difference = (first - second) / n
  return {
    difference,
    low: difference - width(a - of.low, than.high - b),
    high: difference + width(of.high - a, b - than.low),
  }
}

/**
 * Returns the two-sided p-value of McNemar's exact test: how likely so uneven a split of the cases
 * that only one of the methods got right is if both are equally good.
 */
export function mcnemar({ first, second }: Pick<Paired, 'first' | 'second'>): number {
  const n = first + second
  let term = -n * Math.LN2 // of the binomial distribution, as a logarithm
  let tail = 0
  for (let k = 0; k <= Math.min(first, second); k++) {
    tail += Math.exp(term)
    term += Math.log((n - k) / (k + 1))
  }
  return Math.min(1, 2 * tail)
}
