import { describe, expect, it } from 'vitest'
import { scaled, TAIL_WINDOW, weightOf } from '../../engine/protocol/answers/weights.ts'
import { vote } from '../../engine/protocol/answers/vote.ts'
import { certainty } from '../../engine/protocol/stopping.ts'
import { TokenList } from '../../engine/protocol/token-list.ts'

/** The integral of the Beta density above one half, by the midpoint rule. */
function above(first: number, second: number): number {
  const steps = 20_000
  const density = (p: number) => p ** first * (1 - p) ** second
  let [upper, all] = [0, 0]
  for (let i = 0; i < steps; i++) {
    const p = (i + 0.5) / steps
    all += density(p)
    if (p > 0.5) upper += density(p)
  }
  return upper / all
}

describe('the certainty of a leading answer', () => {
  it.each([
    [0, 0, 0.5],
    [1, 0, 0.75],
    [3, 0, 0.9375],
    [4, 0, 0.96875],
    [2, 2, 0.5],
  ])('of %i against %i votes is %f', (first, second, probability) => {
    expect(certainty(first, second)).toBeCloseTo(probability, 12)
  })

  it('is the part of the Beta posterior above one half', () => {
    for (const [first, second] of [
      [5, 3],
      [9, 1],
      [20, 12],
      [2, 7],
      [40, 24],
    ] as const)
      expect(certainty(first, second)).toBeCloseTo(above(first, second), 6)
  })

  it('is a probability for every number of paths', () => {
    for (const votes of [64, 1024]) {
      expect(certainty(votes, 0)).toBeGreaterThan(0.999)
      expect(certainty(votes, 0)).toBeLessThanOrEqual(1)
      expect(certainty(0, votes)).toBeLessThan(0.001)
    }
  })
})

const path = (confidences: readonly (number | null)[], forced = 0) => ({
  tokens: TokenList.from(
    confidences.map((confidence, i) => ({
      id: 1,
      text: 'x',
      logprob: -1,
      entropy: 1,
      ...(confidence !== null && { confidence }),
      ...(i < forced && { forced: true }),
    })),
  ),
})

describe('the weight of a path', () => {
  it('is the mean confidence of its sampled tokens', () => {
    expect(weightOf(path([4, 6, 8]), 'confidence')).toBe(6)
    expect(weightOf(path([100, 6, 8], 1), 'confidence')).toBe(7)
    expect(weightOf(path([null, 6, 8]), 'confidence')).toBe(7)
  })

  it('is the mean over its last tokens', () => {
    const long = [...Array<number>(10).fill(1), ...Array<number>(TAIL_WINDOW).fill(9)]
    expect(weightOf(path(long), 'tail')).toBe(9)
    expect(weightOf(path(long), 'confidence')).toBeLessThan(9)
    expect(weightOf(path([2, 4]), 'tail')).toBe(3)
  })

  it('halves when the length doubles', () => {
    const [short, long] = [path([1, 1]), path([1, 1, 1, 1])]
    expect(weightOf(short, 'length')! / weightOf(long, 'length')!).toBe(2)
  })

  it('is not known without tokens, or without their confidence', () => {
    for (const rule of ['confidence', 'tail', 'length'] as const)
      expect(weightOf(path([]), rule)).toBeNull()
    expect(weightOf(path([null, null]), 'confidence')).toBeNull()
    expect(weightOf(path([5, 5], 2), 'tail')).toBeNull()
  })

  it('is scaled to a mean of 1; one that is not known counts 1', () => {
    expect(scaled([2, 6])).toEqual([0.5, 1.5])
    expect(scaled([2, null, 6])).toEqual([0.5, 1, 1.5])
    expect(scaled([null, null])).toBeUndefined()
    expect(scaled([])).toBeUndefined()
  })
})

describe('a weighted vote', () => {
  const ballot = (answers: readonly (string | null)[], weights: readonly number[]) =>
    vote(
      answers.map((answer, i) => ({ member: `p${i + 1}`, answer, weight: weights[i]! })),
      'equality',
    )

  it('is won by the sum of weights, not by heads', () => {
    const { classes, winner, tie } = ballot(['5', '5', '7'], [0.5, 0.5, 2])
    expect(classes[winner]).toEqual({ answer: '7', members: ['p3'], weight: 2 })
    expect(classes[1]).toEqual({ answer: '5', members: ['p1', 'p2'], weight: 1 })
    expect(tie).toBe(false)
  })

  it('has a tie at equal sums, whatever the order of addition; the lowest member wins', () => {
    const { classes, winner, tie } = ballot(['9', '5', '5', '5', '9'], [0.3, 0.1, 0.2, 0.3, 0.3])
    expect([classes[winner]!.answer, tie]).toEqual(['9', true])
  })

  it('is not won by those without an answer, unless nobody answered', () => {
    const some = ballot([null, null, '3'], [5, 5, 0.1])
    expect(some.classes[some.winner]!.answer).toBe('3')
    const none = ballot([null, null], [1, 1])
    expect(none.classes[none.winner]).toEqual({ answer: null, members: ['p1', 'p2'], weight: 2 })
  })
})
