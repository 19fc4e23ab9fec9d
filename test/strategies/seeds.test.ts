import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { continuedSeed, pathSeed, summarySeed } from '../../engine/strategies/index.ts'

describe('seeds', () => {
  it('are of 32 bits and differ by path, version and length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
        const all = [...Array(64).keys()].flatMap((i) => [
          pathSeed(seed, i + 1),
          summarySeed(seed, i + 1),
        ])
        const continued = [...Array(64).keys()].map((i) => continuedSeed(seed, i))
        expect(new Set(all).size).toBe(all.length)
        expect(new Set(continued.slice(1)).size).toBe(63)
        expect(continued[0]).toBe(seed)
        for (const value of all)
          expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true)
      }),
    )
  })
})
