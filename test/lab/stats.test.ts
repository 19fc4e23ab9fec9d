import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { effectiveSize, mean, median, wilson } from '../../engine/lab/stats.ts'

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

it('mean and median', () => {
  expect([mean([]), mean([1, 2, 6]), median([]), median([5, 1, 3]), median([4, 1, 3, 2])]).toEqual([
    0, 3, 0, 3, 2.5,
  ])
})
