import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  effectiveSize,
  mcnemar,
  mean,
  median,
  pairedCounts,
  pairedDifference,
  wilson,
} from '../../engine/lab/stats.ts'

describe('wilson', () => {
  // R: binom::binom.confint(x, n, method = "wilson"); also the table in Newcombe 1998, method 3.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
    [29, 29, 0.883, 1],
  ])('%d of %d', (x, n, low, high) => {
    const interval = wilson(x / n, n)
    expect(interval.low).toBeCloseTo(low, 4)
    expect(interval.high).toBeCloseTo(high, 4)
  })
  it('holds the share and narrows with n', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, part) => {
          const share = Math.round(part * n) / n
          const { low, high } = wilson(share, n)
          expect(low).toBeGreaterThanOrEqual(0)
          expect(low).toBeLessThanOrEqual(share)
          expect(high).toBeGreaterThanOrEqual(share)
          expect(high).toBeLessThanOrEqual(1)
          const wide = wilson(share, n / 4)
          expect(wide.high - wide.low).toBeGreaterThan(high - low)
        },
      ),
    )
  })
  it('knows nothing without samples', () => expect(wilson(0, 0)).toEqual({ low: 0, high: 1 }))
})

describe('effectiveSize', () => {
  it('is n for one sample a problem', () =>
    expect(effectiveSize([1, 0, 1, 1].map((correct) => ({ correct, n: 1 })))).toBe(4))
  it('is the number of problems where samples of a problem always agree', () => {
    const clusters = Array.from({ length: 400 }, (_, i) => ({ correct: i % 2 === 0 ? 4 : 0, n: 4 }))
    expect(effectiveSize(clusters)).toBeCloseTo(399, 6)
    expect(effectiveSize(clusters.map(() => ({ correct: 4, n: 4 })))).toBe(400)
  })
  it('is about n where samples are independent, and never above', () => {
    const clusters = Array.from({ length: 300 }, (_, i) => ({
      correct: [1, 2, 2, 3, 2, 1, 3, 2][i % 8]!,
      n: 4,
    }))
    expect(effectiveSize(clusters)).toBe(1200)
  })
})

describe('two methods on the same cases', () => {
  it('counts who was right', () => {
    const [first, second] = [
      [true, true, false, false, true],
      [true, false, true, false, false],
    ]
    expect(pairedCounts(first!, second!)).toEqual({ both: 1, first: 2, second: 1, neither: 1 })
  })
  it('has the interval and the p-value of a published table', () => {
    // Cavo et al. 2012, in Fagerland, Lydersen and Laake, chapter 8; R: contingencytables.
    const counts = { both: 59, first: 6, second: 16, neither: 80 }
    const { difference, low, high } = pairedDifference(counts)
    expect([difference, low, high].map((x) => Number(x.toFixed(4)))).toEqual([
      -0.0621, -0.1186, -0.0046,
    ])
    expect(mcnemar(counts)).toBeCloseTo(0.052479, 6)
  })
  // Sums of binomial coefficients as exact fractions.
  it.each([
    [0, 0, 1],
    [5, 5, 1],
    [0, 6, 0.03125],
    [9, 1, 0.021484375],
    [86, 150, 3.715936139571442e-5],
    [350, 300, 0.0545299417589238],
  ])('McNemar of %d against %d', (first, second, p) => {
    expect(mcnemar({ first, second })).toBeCloseTo(p, 10)
  })
  it('is symmetric, holds the difference and stays within -1 and 1', () => {
    const count = fc.integer({ min: 0, max: 200 })
    fc.assert(
      fc.property(count, count, count, count, (both, first, second, neither) => {
        const there = pairedDifference({ both, first, second, neither })
        const back = pairedDifference({ both, first: second, second: first, neither })
        expect(there.low).toBeCloseTo(-back.high, 12)
        expect(there.high).toBeCloseTo(-back.low, 12)
        expect(there.low).toBeLessThanOrEqual(there.difference)
        expect(there.high).toBeGreaterThanOrEqual(there.difference)
        expect(Math.min(there.low, -there.high)).toBeGreaterThanOrEqual(-1 - 1e-12)
      }),
    )
  })
  it('knows nothing without cases', () =>
    expect(pairedDifference({ both: 0, first: 0, second: 0, neither: 0 })).toEqual({
      difference: 0,
      low: -1,
      high: 1,
    }))
})

it('mean and median', () => {
  expect([mean([]), mean([1, 2, 6]), median([]), median([5, 1, 3]), median([4, 1, 3, 2])]).toEqual([
    0, 3, 0, 3, 2.5,
  ])
})
