/** Seeded random numbers for tests: uniform in [0, 1), integers and normals. */
export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }
  /** mulberry32 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  /** 0..n-1 */
  int(n: number): number {
    return Math.floor(this.next() * n)
  }
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }
  normals(n: number, scale: number, mean = 0): Float32Array {
    return Float32Array.from({ length: n }, () => mean + scale * this.normal())
  }
}
