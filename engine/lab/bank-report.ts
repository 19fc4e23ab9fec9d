import type { AnswerRule } from '../protocol/lab.ts'
import { problemsOf, type Bank, type Fused } from './bank.ts'
import { summaryOf } from './bank-fuse.ts'
import { ballots, elected, isCorrect, statement, type Statement } from './check.ts'
import { scored, type ProblemSet } from './problems.ts'
import {
  effectiveSize,
  mcnemar,
  mean,
  pairedCounts,
  pairedDifference,
  wilson,
  type Interval,
  type Paired,
} from './stats.ts'

/**
 * A way to get one answer out of the first paths of a problem: `majority`, or how the summary read
 * them and what it was asked to do, such as `cache` or `reread value`.
 */
export type Method = string

const methodOf = ({ fusion, asked }: Pick<Fused, 'fusion' | 'asked'>): Method =>
  asked === undefined ? fusion : `${fusion} ${asked}`

/** Returns the methods of these outcomes, and which are compared: the first minus the second one. */
function methodsIn(outcomes: readonly Outcome[]): { all: Method[]; pairs: [Method, Method][] } {
  const found = outcomes.flatMap(({ right }) =>
    [...right.values()].flatMap((methods) => Object.keys(methods)),
  )
  const summaries = [...new Set(found)].filter((method) => method !== 'majority').sort()
  return {
    all: ['majority', ...summaries],
    pairs: [
      ...summaries.flatMap((first, i) =>
        summaries.slice(i + 1).map((second): [Method, Method] => [first, second]),
      ),
      ...summaries.map((method): [Method, Method] => [method, 'majority']),
    ],
  }
}

/** What was right about one problem. */
export interface Outcome {
  problem: number
  /** For each recorded path, whether its own answer is right. */
  paths: readonly boolean[]
  /** By number of paths; a method that was not applied is absent. */
  right: ReadonlyMap<number, Readonly<Record<Method, boolean>>>
}

/** Accuracy of a method, with its 95 % interval (Wilson). Shares are 0..1. */
export interface AccuracyRow extends Interval {
  method: Method
  /** Number of paths; for `one path`, over how many paths each problem's share is the mean. */
  paths: number
  /** Number of problems. */
  n: number
  share: number
}

/** Two methods on the same problems and paths. */
export interface DifferenceRow extends Interval, Paired {
  methods: readonly [Method, Method]
  paths: number
  n: number
  difference: number
  /** Two-sided, by McNemar's exact test. */
  p: number
}

export interface BankReport {
  accuracy: AccuracyRow[]
  differences: DifferenceRow[]
}

/**
 * Returns what was right about each problem of a bank that has a recorded path. Errors:
 * `bad-request` if `set` is not the bank's data.
 */
export function outcomesOf(
  bank: Bank,
  set: ProblemSet,
  file: string,
  widths: readonly number[],
  rule: AnswerRule = 'stated',
): Outcome[] {
  const problems = scored({ problems: problemsOf(bank, set, file) })
  const fusions = bank.fusions()
  return problems.flatMap(({ index, expected }) => {
    const paths = bank.recorded(index)?.paths.slice(0, bank.info.paths)
    if (paths === undefined) return []
    const right = (said: Statement | undefined) => said !== undefined && isCorrect(expected, said)
    const said = ballots(paths, rule)
    const rightOf = (width: number): Record<Method, boolean> => {
      const methods: Record<Method, boolean> = {
        majority: right(elected(said.slice(0, width), 'equality')),
      }
      for (const fusion of fusions) {
        const fused = { problem: index, ...fusion, paths: width }
        const summary = summaryOf(bank, fused, paths.slice(0, width))
        if (summary !== null) methods[methodOf(fusion)] = right(statement(summary.text, rule))
      }
      return methods
    }
    const applied = widths.filter((width) => width <= paths.length)
    return [
      {
        problem: index,
        paths: said.map(right),
        right: new Map(applied.map((width) => [width, rightOf(width)])),
      },
    ]
  })
}

/** Returns the tables of these outcomes, which may be of several banks. */
export function reportOf(outcomes: readonly Outcome[], widths: readonly number[]): BankReport {
  const { all, pairs } = methodsIn(outcomes)
  return {
    accuracy: [onePath(outcomes), ...widths.flatMap((width) => accuraciesOf(outcomes, all, width))],
    differences: widths.flatMap((width) =>
      pairs.flatMap((methods) => differenceOf(outcomes, methods, width)),
    ),
  }
}

/** Returns the accuracy of one path: the mean over all paths of each problem. */
function onePath(outcomes: readonly Outcome[]): AccuracyRow {
  const clusters = outcomes.map(({ paths }) => ({
    correct: paths.filter(Boolean).length,
    n: paths.length,
  }))
  const n = clusters.reduce((sum, cluster) => sum + cluster.n, 0)
  const share = n === 0 ? 0 : clusters.reduce((sum, { correct }) => sum + correct, 0) / n
  return {
    method: 'one path',
    paths: Math.max(0, ...outcomes.map(({ paths }) => paths.length)),
    n: outcomes.length,
    share,
    ...wilson(share, effectiveSize(clusters)),
  }
}

function accuraciesOf(
  outcomes: readonly Outcome[],
  methods: readonly Method[],
  width: number,
): AccuracyRow[] {
  const some = outcomes
    .filter(({ paths }) => paths.length >= width)
    .map(({ paths }) => paths.slice(0, width).some(Boolean))
  const rows: [Method, boolean[]][] = [
    ...methods.map((method): [Method, boolean[]] => [method, rightBy(outcomes, method, width)]),
    ['some path right', some],
  ]
  return rows.flatMap(([method, right]) => {
    if (right.length === 0) return []
    const share = mean(right.map(Number))
    return [{ method, paths: width, n: right.length, share, ...wilson(share, right.length) }]
  })
}

const rightBy = (outcomes: readonly Outcome[], method: Method, width: number): boolean[] =>
  outcomes.flatMap(({ right }) => right.get(width)?.[method] ?? [])

/** Returns the difference between two methods on the problems to which both were applied. */
function differenceOf(
  outcomes: readonly Outcome[],
  methods: readonly [Method, Method],
  width: number,
): DifferenceRow[] {
  const pairs = outcomes.flatMap(({ right }) => {
    const [first, second] = methods.map((method) => right.get(width)?.[method])
    return first === undefined || second === undefined ? [] : [{ first, second }]
  })
  if (pairs.length === 0) return []
  const counts = pairedCounts(
    pairs.map(({ first }) => first),
    pairs.map(({ second }) => second),
  )
  return [
    {
      methods,
      paths: width,
      n: pairs.length,
      ...counts,
      ...pairedDifference(counts),
      p: mcnemar(counts),
    },
  ]
}

/** Returns ascending numbers as ranges, such as "0-2, 5". */
export function ranges(numbers: readonly number[]): string {
  const spans: [number, number][] = []
  for (const number of numbers) {
    const last = spans.at(-1)
    if (last !== undefined && number === last[1] + 1) last[1] = number
    else spans.push([number, number])
  }
  return spans.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ')
}
