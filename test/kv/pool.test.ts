import { describe, expect, it } from 'vitest'
import { Pool, type Tenant } from '../../engine/kv/pool.ts'
import type { NativeContext } from '../../engine/native/load.ts'

class Holder implements Tenant {
  evicted = false
  constructor(
    readonly pool: Pool,
    readonly capacity: number,
    readonly taken: readonly number[],
  ) {}
  get sequences(): number {
    return this.taken.length
  }
  evict(): void {
    this.evicted = true
    this.pool.restore(this.capacity, this.taken)
    this.pool.leave(this)
  }
}

const context = { clear: () => Promise.resolve() } as NativeContext
let freed = 0
const newPool = (cells: number, sequences: number) =>
  new Pool(context, { cells, sequences }, () => freed++)
const admit = (pool: Pool, cells: number, sequences: number, alone = false) =>
  pool.admit({ cells, sequences }, alone, (taken) => new Holder(pool, cells, taken))

describe('a pool', () => {
  it('admits tenants while cells and sequences last, each sequence once', () => {
    const pool = newPool(100, 6)
    const a = admit(pool, 40, 2)!
    const b = admit(pool, 60, 3)!
    expect(new Set([...a.taken, ...b.taken]).size).toBe(5)
    expect(admit(pool, 1, 1)).toBeNull()
    b.evict()
    expect(admit(pool, 61, 1)).toBeNull()
    expect(admit(pool, 10, 5)).toBeNull()
    expect(admit(pool, 60, 4)!.taken).toHaveLength(4)
  })

  it('evicts those that rest, the one that rested longest first, and only if that is enough', () => {
    const pool = newPool(100, 9)
    const [a, b, c] = [1, 2, 3].map(() => admit(pool, 30, 3)!)
    pool.rest(b!)
    pool.rest(a!)
    expect(admit(pool, 71, 1)).toBeNull()
    expect([a, b, c].map((one) => one!.evicted)).toEqual([false, false, false])
    expect(admit(pool, 40, 3)).not.toBeNull()
    expect([a, b, c].map((one) => one!.evicted)).toEqual([false, true, false])
    pool.wake(a!)
    expect(admit(pool, 31, 1)).toBeNull()
    expect(a!.evicted).toBe(false)
  })

  it('is empty and closed for one that must be alone', () => {
    const pool = newPool(100, 9)
    const a = admit(pool, 10, 1)!
    expect(admit(pool, 10, 1, true)).toBeNull()
    pool.rest(a)
    const alone = admit(pool, 10, 1, true)!
    expect(a.evicted).toBe(true)
    expect(admit(pool, 10, 1)).toBeNull()
    expect(pool.reserve({ cells: 90, sequences: 8 })).toHaveLength(8)
    pool.rest(alone)
    expect(alone.evicted).toBe(false)
    expect(admit(pool, 1, 1)).not.toBeNull()
  })

  it('finds the prompt with the longest common beginning under the same thought row', () => {
    const pool = newPool(100, 9)
    const [a, b, c] = [1, 2, 3].map(() => admit(pool, 10, 1)!)
    pool.keepPrompt(a!, { seq: 1, tokens: [1, 2, 3], thought: 0 })
    pool.keepPrompt(b!, { seq: 2, tokens: [1, 2, 3, 4], thought: 0 })
    pool.keepPrompt(c!, { seq: 3, tokens: [1, 2, 3, 4, 5], thought: -1 })
    expect(pool.closest([1, 2, 3, 4, 5], 0)).toEqual({ seq: 2, shared: 4 })
    expect(pool.closest([9], 0)).toBeNull()
    b!.evict()
    expect(pool.closest([1, 2, 3, 4, 5], 0)).toEqual({ seq: 1, shared: 3 })
  })
})
