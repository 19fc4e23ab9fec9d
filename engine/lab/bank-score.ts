import { classesOf } from '../protocol/answers/vote.ts'
import { scaled, weightOf } from '../protocol/answers/weights.ts'
import type { AnswerRule } from '../protocol/lab.ts'
import type { Weight } from '../protocol/request.ts'
import { STOP_DEFAULTS } from '../protocol/settings.ts'
import { certainty, judge, type Round } from '../protocol/stopping.ts'
import { extractAnswer } from '../prompt/index.ts'
import { problemsOf, type Bank } from './bank.ts'
import { ballots, isCorrect, type Ballot } from './check.ts'
import { scored, type Expected, type ProblemSet } from './problems.ts'
import {
  mcnemar,
  mean,
  pairedCounts,
  pairedDifference,
  wilson,
  type Interval,
  type Paired,
} from './stats.ts'

/**
 * Scores every rule of a vote (docs/strategies.md) on the paths of a bank, at every width: what it
 * would have answered, and the tokens that it would have used.
 */

/** A recorded path, as far as the rules need it. Answers are classes of equal ones of its problem. */
export interface ScoredPath {
  answer: number | null
  right: boolean
  /** The answer as it was written. */
  text: string | null
  tokens: number
  /** By weight; null if the bank does not have it. */
  weights: Readonly<Record<Weight, number | null>>
  /** Its answers on the way, every `every` tokens; null if the path was not asked. */
  probes: readonly ScoredProbe[] | null
}

export interface ScoredProbe {
  answer: number | null
  right: boolean
  text: string | null
  /** Tokens that were decoded for it. */
  tokens: number
}

export interface ScoredProblem {
  problem: number
  paths: readonly ScoredPath[]
  /** Tokens of a path between two probes; null if the bank has none. */
  every: number | null
}

export interface ScoreOptions {
  sure: number
  wave: number
  patience: number
}

export const SCORE_DEFAULTS: ScoreOptions = STOP_DEFAULTS

/** What a rule made of some paths. */
export interface Verdict {
  right: boolean
  /** The answer that won, as the first path that gave it wrote it. */
  answer: string | null
  /** Tokens of all paths, and of probes. */
  tokens: number
}

interface Voter {
  answer: number | null
  right: boolean
  text: string | null
  weight?: number
}

/** Returns the answer that wins, and whether it is right; a tie goes to the first one. */
function elects(voters: readonly Voter[]): Pick<Verdict, 'right' | 'answer'> {
  const sums = new Map<number, { sum: number; first: Voter }>()
  for (const voter of voters) {
    const { answer, weight = 1 } = voter
    if (answer === null) continue
    const one = sums.get(answer)
    if (one === undefined) sums.set(answer, { sum: weight, first: voter })
    else one.sum += weight
  }
  let best: { sum: number; first: Voter } | null = null
  for (const one of sums.values()) if (best === null || one.sum > best.sum + 1e-9) best = one
  return { right: best?.first.right ?? false, answer: best?.first.text ?? null }
}

const tokensOf = (paths: readonly ScoredPath[]): number =>
  paths.reduce((sum, { tokens }) => sum + tokens, 0)

/** Counts the answers of all paths. */
export const plain = (paths: readonly ScoredPath[]): Verdict => ({
  ...elects(paths),
  tokens: tokensOf(paths),
})

/** Weighs the answers; null if no path has the weight. */
export function weighted(paths: readonly ScoredPath[], weight: Weight): Verdict | null {
  const weights = scaled(paths.map(({ weights }) => weights[weight]))
  if (weights === undefined) return null
  const voters = paths.map((path, i) => ({ ...path, weight: weights[i]! }))
  return { ...elects(voters), tokens: tokensOf(paths) }
}

/** Counts waves of paths until the answer is decided. */
export function decided(
  paths: readonly ScoredPath[],
  { sure, wave }: Pick<ScoreOptions, 'sure' | 'wave'>,
): Verdict {
  let used = 0
  do {
    used = Math.min(paths.length, used + wave)
    const votes = new Map<number, number>()
    for (const { answer } of paths.slice(0, used))
      if (answer !== null) votes.set(answer, (votes.get(answer) ?? 0) + 1)
    const [first = 0, second = 0] = [...votes.values()].sort((a, b) => b - a)
    if (first > second && certainty(first, second) >= sure) break
  } while (used < paths.length)
  return plain(paths.slice(0, used))
}

/** Counts the first `m` paths to end, if all write equally fast; the others are cut then. */
export function firstTo(paths: readonly ScoredPath[], m: number): Verdict {
  const lengths = paths.map(({ tokens }) => tokens).sort((a, b) => a - b)
  const end = lengths[Math.min(m, paths.length) - 1] ?? 0
  return {
    ...elects(paths.filter(({ tokens }) => tokens <= end)),
    tokens: paths.reduce((sum, { tokens }) => sum + Math.min(tokens, end), 0),
  }
}

/** Asks the paths on the way, and stops when the majority stays; null without probes. */
export function stable(
  paths: readonly ScoredPath[],
  every: number | null,
  patience: number,
): Verdict | null {
  if (every === null || paths.some(({ probes }) => probes === null)) return null
  const ends = paths.map(({ tokens }) => tokens)
  const rounds: Round[] = []
  let asked = 0
  // What each path says at its end, or at the last round before it was stopped.
  const said: Voter[] = [...paths]
  const dropped = new Set<number>()
  for (
    let round = 1;
    paths.some(({ tokens }, i) => ends[i] === tokens && tokens > round * every);
    round++
  ) {
    const at = round * every
    const runs = (i: number) => !dropped.has(i) && paths[i]!.tokens > at
    const answers = paths.map((path, i): Voter | undefined => {
      if (dropped.has(i)) return undefined
      if (!runs(i)) return path
      const probe = path.probes![round - 1]
      asked += probe?.tokens ?? 0
      return probe ?? { answer: null, right: false, text: null }
    })
    rounds.push(answers.map((one) => (one === undefined ? undefined : one.answer)))
    const { stop, deviating } = judge(rounds, patience)
    const cut = paths.map((_, i) => i).filter((i) => runs(i) && (stop || deviating.includes(i)))
    for (const i of cut) {
      ends[i] = at
      said[i] = answers[i]!
      if (!stop) dropped.add(i)
    }
    if (stop) break
  }
  return {
    ...elects(said.filter((_, i) => !dropped.has(i))),
    tokens: ends.reduce((sum, end) => sum + end, 0) + asked,
  }
}

export interface Rule {
  name: string
  /** Returns what the rule makes of these paths; null if the bank lacks what it needs. */
  apply(problem: Pick<ScoredProblem, 'every'>, paths: readonly ScoredPath[]): Verdict | null
  /** What the bank would have to record. */
  needs?: 'confidence' | 'probes'
}

/** Returns all rules; the first one is what the others are compared with. */
export function rulesOf({ sure, wave, patience }: ScoreOptions): Rule[] {
  const weight = (name: Weight): Rule => ({
    name: `weight ${name}`,
    apply: (_, paths) => weighted(paths, name),
    ...(name !== 'length' && { needs: 'confidence' as const }),
  })
  return [
    { name: 'majority', apply: (_, paths) => plain(paths) },
    weight('confidence'),
    weight('tail'),
    weight('length'),
    {
      name: `decided ${sure}, waves of ${wave}`,
      apply: (_, paths) => decided(paths, { sure, wave }),
    },
    { name: 'first half', apply: (_, paths) => firstTo(paths, Math.ceil(paths.length / 2)) },
    {
      name: `stable, ${patience} in a row`,
      apply: ({ every }, paths) => stable(paths, every, patience),
      needs: 'probes',
    },
  ]
}

/** A rule at one width. Shares are 0..1; tokens are means per problem. */
export interface ScoreRow extends Interval {
  rule: string
  paths: number
  /** Number of problems with that many paths. */
  n: number
  /** Accuracy over the first paths in their recorded order, with its Wilson interval at 95 %. */
  share: number
  tokens: number
  /** Share of the tokens of plain majority at the same width that the rule does not use. */
  saved: number
  /** Means over random orders of all recorded paths. */
  orders: { share: number; tokens: number }
  /** The rule minus plain majority of the same width, in recorded order; absent for majority. */
  against?: Interval & Paired & { difference: number; p: number }
}

export interface BankScore {
  rows: ScoreRow[]
  /** Rules that could not be scored, and what the bank lacks for them. */
  lacking: { rule: string; needs: 'confidence' | 'probes' }[]
  /** Number of random orders, and the seed of their generator. */
  orders: number
  seed: number
}

export const lackingText = ({ rule, needs }: BankScore['lacking'][number]): string =>
  needs === 'confidence'
    ? `${rule}: this bank has no confidence of tokens. A bank that is recorded by this version has it.`
    : `${rule}: this bank has no probes. Record one with --probe-every.`

/** The widths that are scored if none are named: powers of two up to the number of paths, and that. */
export function usualWidths(paths: number): number[] {
  const powers = Array.from({ length: 7 }, (_, i) => 2 ** i).filter((width) => width < paths)
  return [...powers, paths]
}

/** Scores every rule at every width. `seed` determines the random orders. */
export function scoreOf(
  problems: readonly ScoredProblem[],
  widths: readonly number[],
  options: ScoreOptions = SCORE_DEFAULTS,
  { orders = 50, seed = 0 }: { orders?: number; seed?: number } = {},
): BankScore {
  const rules = rulesOf(options)
  const lacking: BankScore['lacking'] = []
  const rows = widths.flatMap((width) => {
    const wide = problems.filter(({ paths }) => paths.length >= width)
    if (wide.length === 0) return []
    const shuffled = wide.map((one) => ordersOf(one, orders, seed))
    let base: ScoreRow | null = null
    let baseRight: boolean[] = []
    return rules.flatMap((rule): ScoreRow[] => {
      const verdicts = wide.map((one) => rule.apply(one, one.paths.slice(0, width)))
      if (!verdicts.every((one) => one !== null)) {
        const { name, needs } = rule
        if (needs !== undefined && !lacking.some((one) => one.rule === name))
          lacking.push({ rule: name, needs })
        return []
      }
      const right = verdicts.map((one) => one.right)
      const share = mean(right.map(Number))
      const tokens = mean(verdicts.map((one) => one.tokens))
      const random = wide.flatMap((one, i) =>
        shuffled[i]!.flatMap((paths) => rule.apply(one, paths.slice(0, width)) ?? []),
      )
      const row: ScoreRow = {
        rule: rule.name,
        paths: width,
        n: wide.length,
        share,
        ...wilson(share, wide.length),
        tokens,
        saved: base === null || base.tokens === 0 ? 0 : 1 - tokens / base.tokens,
        orders: {
          share: mean(random.map((one) => Number(one.right))),
          tokens: mean(random.map((one) => one.tokens)),
        },
      }
      if (base === null) {
        base = row
        baseRight = right
        return [row]
      }
      const counts = pairedCounts(right, baseRight)
      return [{ ...row, against: { ...counts, ...pairedDifference(counts), p: mcnemar(counts) } }]
    })
  })
  return { rows, lacking, orders, seed }
}

/** Returns the paths of a problem in random orders, which depend on the seed and the problem. */
function ordersOf({ paths, problem }: ScoredProblem, orders: number, seed: number): ScoredPath[][] {
  const next = generator(seed ^ Math.imul(problem + 1, 0x9e3779b1))
  return Array.from({ length: orders }, () => {
    const list = [...paths]
    for (let i = list.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1))
      const [a, b] = [list[i]!, list[j]!]
      list[i] = b
      list[j] = a
    }
    return list
  })
}

/** Returns a generator of numbers in [0, 1): mulberry32 (public domain, T. Ettinger). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * Reads what the rules need of every problem of a bank that has a recorded path. Errors:
 * `bad-request` if `set` is not the bank's data.
 */
export function scoredProblems(
  bank: Bank,
  set: ProblemSet,
  file: string,
  rule: AnswerRule = 'stated',
): ScoredProblem[] {
  return scored({ problems: problemsOf(bank, set, file) }).flatMap(
    ({ index, problem, expected }) => {
      const recorded = bank.recorded(index)
      if (recorded === null) return []
      const said = ballots(recorded.paths.slice(0, bank.info.paths), rule, problem)
      return [{ problem: index, ...scoredPaths(recorded, said, bank, expected) }]
    },
  )
}

/** Returns what the rules need of a problem's paths, of which these are the statements. */
export function scoredPaths(
  recorded: NonNullable<ReturnType<Bank['recorded']>>,
  said: readonly Ballot[],
  { info }: Pick<Bank, 'info'>,
  expected: Expected,
): Omit<ScoredProblem, 'problem'> {
  const { probeEvery: every = null } = info.settings
  const segments = recorded.paths.slice(0, said.length)
  const asked = segments.map(({ segment }) =>
    recorded.probes.filter((one) => one.segment === segment),
  )
  const answers = [
    ...said.map(({ answer }) => answer?.text ?? null),
    ...asked.flat().map(({ answer }) => answer),
  ]
  const classes = classesOf(answers)
  let probe = said.length
  const paths = segments.map((path, i): ScoredPath => {
    const probes = asked[i]!.map(({ after, answer, tokens }) => ({
      after,
      answer: classes[probe++] ?? null,
      right: answer !== null && isCorrect(expected, boxed(answer)),
      tokens,
      text: answer,
    }))
    const byRound = Array.from(
      { length: every === null ? 0 : Math.floor(path.tokens.length / every) },
      (_, round) =>
        probes.find(({ after }) => after === (round + 1) * every!) ?? {
          answer: null,
          right: false,
          tokens: 0,
          text: null,
        },
    )
    return {
      answer: classes[i] ?? null,
      right: isCorrect(expected, said[i]!),
      text: said[i]!.answer?.text ?? null,
      tokens: path.tokens.length,
      weights: {
        confidence: weightOf(path, 'confidence'),
        tail: weightOf(path, 'tail'),
        length: weightOf(path, 'length'),
      },
      probes: every === null ? null : byRound,
    }
  })
  return { paths, every }
}

/** Returns an answer as a statement, as if its path had stated it. */
function boxed(answer: string): { text: string; answer: ReturnType<typeof extractAnswer> } {
  const text = `\\boxed{${answer}}`
  return { text, answer: extractAnswer(text) }
}
