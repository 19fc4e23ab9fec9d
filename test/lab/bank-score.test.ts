import { describe, expect, it } from 'vitest'
import {
  decided,
  firstTo,
  lackingText,
  plain,
  scoreOf,
  stable,
  usualWidths,
  weighted,
  type ScoredPath,
  type ScoredProblem,
} from '../../engine/lab/bank-score.ts'
import { scoreHtml } from '../../engine/lab/bank-score-report.ts'
import type { BankInfo } from '../../engine/lab/bank.ts'
import { mcnemar, wilson } from '../../engine/lab/stats.ts'
import { judge } from '../../engine/protocol/stopping.ts'
import { SETTINGS } from '../support/sample-run.ts'

/** A path that says class 0, the right one, or another class. */
const path = (answer: number | null, tokens = 10, extra: Partial<ScoredPath> = {}): ScoredPath => ({
  answer,
  right: answer === 0,
  text: answer === null ? null : String(answer),
  tokens,
  weights: { confidence: null, tail: null, length: 1 / tokens },
  probes: null,
  ...extra,
})
const sure = (answer: number, confidence: number) =>
  path(answer, 10, { weights: { confidence, tail: confidence, length: 0.1 } })
const probed = (tokens: number, answer: number, ...probes: (number | null)[]) =>
  path(answer, tokens, {
    probes: probes.map((one) => ({
      answer: one,
      right: one === 0,
      text: one === null ? null : String(one),
      tokens: 5,
    })),
  })

describe('rounds of probes', () => {
  it('stop once one answer led in each of the last ones and most paths give it', () => {
    const same = [0, 0, 1]
    expect(judge([same, same], 3).stop).toBe(false)
    expect(judge([same, same, same], 3)).toMatchObject({
      stop: true,
      leader: 0,
      agree: 2,
      asked: 3,
    })
    expect(judge([[1, 1, 0], same, same], 3).stop).toBe(false)
    expect(judge([[1, 1, 0], same, same, same], 3).stop).toBe(true)
    expect(judge([[0], [0]], 2).stop).toBe(true)
  })

  it('do not stop at a tie, without answers, or with a leader of half of the paths', () => {
    const tie = [0, 1]
    expect(judge([tie, tie], 2)).toMatchObject({ stop: false, leader: null })
    expect(judge([[null], [null]], 2)).toMatchObject({ stop: false, leader: null, agree: 0 })
    const half = [0, 0, 1, null]
    expect(judge([half, half], 2)).toMatchObject({ stop: false, leader: 0, agree: 2, asked: 4 })
    expect(judge([], 2)).toMatchObject({ stop: false, asked: 0, deviating: [] })
  })

  it('find the paths that keep disagreeing; silence and a tie do not count as disagreement', () => {
    expect(
      judge(
        [
          [0, 0, 1, null],
          [0, 0, 2, 1],
        ],
        2,
      ).deviating,
    ).toEqual([2])
    expect(judge([[0, 0, 1]], 2).deviating).toEqual([])
    expect(
      judge(
        [
          [0, 1],
          [0, 1],
        ],
        2,
      ).deviating,
    ).toEqual([])
    expect(
      judge(
        [
          [0, 0, 1],
          [0, 0, 0],
          [0, 0, 1],
        ],
        2,
      ).deviating,
    ).toEqual([])
  })

  it('do not count paths that were dropped', () => {
    const round = [0, undefined, 1, 0]
    expect(judge([round, round], 2)).toMatchObject({
      stop: true,
      agree: 2,
      asked: 3,
      deviating: [2],
    })
  })
})

describe('the rules, applied to recorded paths', () => {
  it('majority counts them; a tie goes to the first answer, silence counts for nobody', () => {
    expect(plain([path(1), path(0), path(0)])).toMatchObject({ right: true, tokens: 30 })
    expect(plain([path(1), path(0)]).right).toBe(false)
    expect(plain([path(null), path(null), path(0)]).right).toBe(true)
    expect(plain([path(null)])).toEqual({ right: false, answer: null, tokens: 10 })
    expect(plain([path(0), path(2), path(2)]).answer).toBe('2')
  })

  it('weights decide between answers, and are lacking where they are not recorded', () => {
    expect(weighted([sure(1, 4), sure(1, 4), sure(0, 9)], 'confidence')!.right).toBe(true)
    expect(weighted([path(1, 10), path(1, 10), path(0, 4)], 'length')!.right).toBe(true)
    expect(weighted([path(0)], 'tail')).toBeNull()
  })

  it('decided uses waves until the answer is sure', () => {
    const options = { sure: 0.95, wave: 4 }
    const agree = Array.from({ length: 8 }, () => path(0))
    expect(decided(agree, options)).toMatchObject({ right: true, tokens: 40 })
    expect(decided([path(1), path(0), path(0), ...agree], options).tokens).toBe(80)
    expect(decided([path(0), path(1)], options)).toMatchObject({ right: true, tokens: 20 })
    expect(decided([path(0), path(1), path(0)], { sure: 0.5, wave: 2 }).tokens).toBe(30)
  })

  it('the first m cut the others at the time of the m-th', () => {
    const paths = [path(1, 50), path(0, 10), path(0, 20), path(1, 40)]
    expect(firstTo(paths, 2)).toMatchObject({ right: true, tokens: 10 + 20 + 20 + 20 })
    expect(firstTo(paths, 9).tokens).toBe(120)
  })

  it('stable stops all, with what they say then, and pays for its probes', () => {
    const paths = [probed(100, 1, 0, 0, 0), probed(100, 1, 0, 0, 0), probed(100, 1, 1, 0, 0)]
    // After 40 tokens, two rounds agree.
    expect(stable(paths, 20, 2)).toMatchObject({ right: true, tokens: 3 * 40 + 6 * 5 })
    expect(stable(paths, null, 2)).toBeNull()
    expect(stable([path(0)], 20, 2)).toBeNull()
  })

  it('stable drops who keeps disagreeing, and counts who ended by itself', () => {
    const paths = [
      probed(90, 0, 0, 2, 0, 2),
      probed(30, 0, 0),
      probed(90, 0, 2, 0, 2, 0),
      probed(90, 1, 1, 1, 1, 1),
    ]
    // Rounds: [0,0,2,1], [2,0,0,1]: the leader stays but has half of the paths; path 4 is dropped at 40.
    const [rounds, cut] = [
      judge(
        [
          [0, 0, 2, 1],
          [2, 0, 0, 1],
        ],
        2,
      ),
      stable(paths, 20, 2),
    ]
    expect(rounds).toMatchObject({ stop: false, deviating: [3] })
    // Then [0,0,2] and so on: two of three is a majority that stays, at 60.
    expect(cut).toMatchObject({ right: true, tokens: 60 + 30 + 60 + 40 + 5 * (4 + 3 + 2) })
  })
})

const problem = (
  index: number,
  paths: ScoredPath[],
  every: number | null = null,
): ScoredProblem => ({
  problem: index,
  paths,
  every,
})

describe('the score of a bank', () => {
  const problems = Array.from({ length: 20 }, (_, i) =>
    problem(i, [path(1, 40), path(0, 10), path(i % 2, 10), path(0, 10)]),
  )
  const score = scoreOf(problems, [1, 4], undefined, { orders: 30, seed: 7 })
  const row = (rule: string, paths: number) =>
    score.rows.find((one) => one.rule.startsWith(rule) && one.paths === paths)!

  it('has every rule at every width, with intervals, tokens and tests', () => {
    expect(row('majority', 1)).toMatchObject({ n: 20, share: 0, tokens: 40, ...wilson(0, 20) })
    // Half of the problems tie between 0 and 1, which path 1 wins.
    expect(row('majority', 4)).toMatchObject({ share: 0.5, tokens: 70, saved: 0 })
    const length = row('weight length', 4)
    expect(length).toMatchObject({ share: 1, tokens: 70 })
    expect(length.against).toMatchObject({ both: 10, first: 10, second: 0, difference: 0.5 })
    expect(length.against!.p).toBe(mcnemar({ first: 10, second: 0 }))
    expect(row('first half', 4)).toMatchObject({ share: 1, tokens: 40, saved: 1 - 40 / 70 })
  })

  it('says what the bank lacks', () => {
    expect(score.lacking.map(({ rule }) => rule)).toEqual([
      'weight confidence',
      'weight tail',
      'stable, 3 in a row',
    ])
    expect(score.lacking.map(lackingText).join('\n')).toMatch(
      /no confidence.*\n.*\n.*--probe-every/,
    )
  })

  it('is the mean over random orders, the same for the same seed', () => {
    const one = row('majority', 1).orders
    // One path of a problem is right in 3 or 2 of 4 cases.
    expect(one.share).toBeGreaterThan(0.5)
    expect(one.share).toBeLessThan(0.75)
    expect(row('majority', 4).orders.tokens).toBe(70)
    expect(scoreOf(problems, [1, 4], undefined, { orders: 30, seed: 7 })).toEqual(score)
    const other = scoreOf(problems, [1], undefined, { orders: 30, seed: 8 })
    expect(other.rows[0]!.orders.share).not.toBe(one.share)
  })

  it('leaves out problems without that many paths', () => {
    const some = scoreOf([...problems, problem(99, [path(0)])], [1, 4])
    expect(some.rows.map(({ paths, n }) => `${paths}:${n}`)).toContain('1:21')
    expect(some.rows.filter(({ paths }) => paths === 4).every(({ n }) => n === 20)).toBe(true)
    expect(scoreOf(problems, [8]).rows).toEqual([])
  })

  it.each([
    [1, [1]],
    [4, [1, 2, 4]],
    [12, [1, 2, 4, 8, 12]],
    [64, [1, 2, 4, 8, 16, 32, 64]],
  ])('has the usual widths of %i paths', (paths, widths) => {
    expect(usualWidths(paths)).toEqual(widths)
  })

  it('makes a page with plots and no script', () => {
    const info = {
      data: { file: '/secret/set.jsonl' },
      model: { name: 'Tiny <b>', sha256: 'cd'.repeat(32) },
      problems: [0],
      paths: 4,
      seed: 0,
      settings: { budget: SETTINGS.budget },
    } as unknown as BankInfo
    const html = scoreHtml([{ info, score }])
    expect(html.match(/<svg /g)).toHaveLength(2)
    expect(html).toContain('weight length')
    expect(html).toContain('Tiny &#60;b&#62;')
    expect(html).not.toMatch(/<script|secret|undefined|NaN/)
  })
})
