import type { RunState } from '../protocol/fold.ts'
import { judgesOf } from '../protocol/judges.ts'
import type { AnswerRule } from '../protocol/lab.ts'
import { problemsOf, type Bank, type Fused } from './bank.ts'
import { finishedState } from './bank-finish.ts'
import { summaryOf } from './bank-fuse.ts'
import { tokensOf } from './bank-run.ts'
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
 * A way to get one answer out of the first paths of a problem: `majority`, how the summary read
 * them and what it was asked to do, such as `cache` or `reread value`, or the strategy that went on
 * from them, such as `merge`.
 */
export type Method = string

const methodOf = ({ fusion, asked }: Pick<Fused, 'fusion' | 'asked'>): Method =>
  asked === undefined ? fusion : `${fusion} ${asked}`

/** Returns the methods of these outcomes, and which are compared: the first minus the second one. */
function methodsIn(outcomes: readonly Outcome[]): { all: Method[]; pairs: [Method, Method][] } {
  const found = outcomes.flatMap(({ verdicts }) =>
    [...verdicts.values()].flatMap((methods) => Object.keys(methods)),
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
  verdicts: ReadonlyMap<number, Readonly<Record<Method, Verdict>>>
}

/** What a method made of some paths. */
export interface Verdict {
  right: boolean
  /** Tokens that were decoded for it: those of the paths, and its own; null in outcomes of before. */
  tokens: number | null
}

/** Accuracy of a method, with its 95 % interval (Wilson). Shares are 0..1. */
export interface AccuracyRow extends Interval {
  /** Mean of the tokens per problem; null if they are not known. */
  tokens: number | null
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
  const [fusions, strategies] = [bank.fusions(), bank.strategies()]
  return problems.flatMap(({ index, problem, expected }) => {
    const paths = bank.recorded(index)?.paths.slice(0, bank.info.paths)
    if (paths === undefined) return []
    const right = (said: Statement | undefined) => said !== undefined && isCorrect(expected, said)
    const said = ballots(paths, rule, problem)
    const verdictsOf = (width: number): Record<Method, Verdict> => {
      const first = paths.slice(0, width)
      const written = tokensOf(first)
      const methods: Record<Method, Verdict> = {
        majority: { right: right(elected(said.slice(0, width), 'equality')), tokens: written },
      }
      for (const fusion of fusions) {
        const summary = summaryOf(bank, { problem: index, ...fusion, paths: width }, first)
        if (summary !== null)
          methods[methodOf(fusion)] = {
            right: right(statement(summary.text, rule, problem)),
            tokens: written + tokensOf([summary]),
          }
      }
      for (const strategy of strategies) {
        const state = finishedState(bank, { problem: index, strategy, paths: width }, first)
        if (state !== null)
          methods[strategy] = {
            right: right(answerOf(state, rule, problem)),
            tokens: tokensOf([...state.paths, ...state.summaries, ...judgesOf(state)]),
          }
      }
      return methods
    }
    const applied = widths.filter((width) => width <= paths.length)
    return [
      {
        problem: index,
        paths: said.map(right),
        verdicts: new Map(applied.map((width) => [width, verdictsOf(width)])),
      },
    ]
  })
}

/** Returns what a finished run says: its merged text, or the text of the path that it chose. */
function answerOf(state: RunState, rule: AnswerRule, question: string): Statement | undefined {
  const merged = state.summaries.at(-1)
  if (merged !== undefined) return statement(merged.text, rule, question)
  const vote = state.votes.at(-1)
  const chosen = vote?.classes[vote.winner]?.members[0]
  const path = state.paths.find(({ segment }) => segment === chosen)
  return path === undefined ? undefined : statement(path.text, rule, question)
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
    tokens: null,
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
  const rows: [Method, Verdict[]][] = [
    ...methods.map((method): [Method, Verdict[]] => [
      method,
      outcomes.flatMap(({ verdicts }) => verdicts.get(width)?.[method] ?? []),
    ]),
    ['some path right', some.map((right) => ({ right, tokens: null }))],
  ]
  return rows.flatMap(([method, verdicts]) => {
    const n = verdicts.length
    if (n === 0) return []
    const share = mean(verdicts.map(({ right }) => Number(right)))
    const known = verdicts.flatMap(({ tokens }) => tokens ?? [])
    const tokens = known.length === n ? mean(known) : null
    return [{ method, paths: width, n, share, tokens, ...wilson(share, n) }]
  })
}

/** Returns the difference between two methods on the problems to which both were applied. */
function differenceOf(
  outcomes: readonly Outcome[],
  methods: readonly [Method, Method],
  width: number,
): DifferenceRow[] {
  const pairs = outcomes.flatMap(({ verdicts }) => {
    const [first, second] = methods.map((method) => verdicts.get(width)?.[method]?.right)
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
