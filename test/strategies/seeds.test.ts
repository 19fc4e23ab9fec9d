import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { continuedSeed, drawn, pathSeed, summarySeed } from '../../engine/strategies/index.ts'

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

  it('draw different ones of a list, each about equally often', () => {
    const list = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8']
    const times = new Map(list.map((one) => [one, 0]))
    for (let path = 1; path <= 4000; path++) {
      const some = drawn(list, 3, pathSeed(5, path))
      expect(new Set(some).size).toBe(3)
      for (const one of some) times.set(one, times.get(one)! + 1)
    }
    // 1,500 on average, with a standard deviation of 31.
    for (const count of times.values()) expect(Math.abs(count - 1500)).toBeLessThan(150)
    expect(drawn(list, 3, 7)).toEqual(drawn(list, 3, 7))
    expect(drawn(['a', 'b'], 3, 7).sort()).toEqual(['a', 'b'])
    expect(drawn([], 3, 7)).toEqual([])
  })
})
