/** Counts failed attempts per address; too many close the address for a while. */
export class Attempts {
  /** In order of the last failure. */
  readonly #failed = new Map<string, { count: number; at: number }>()

  constructor(
    private readonly most = 5,
    private readonly lockMs = 60_000,
    private readonly kept = 1024,
    private readonly now: () => number = () => performance.now(),
  ) {}

  fail(address: string): void {
    const { count } = this.#current(address)
    this.#failed.delete(address)
    this.#failed.set(address, { count: count + 1, at: this.now() })
    for (const old of this.#failed.keys()) {
      if (this.#failed.size <= this.kept) break
      this.#failed.delete(old)
    }
  }

  succeed(address: string): void {
    this.#failed.delete(address)
  }

  isLocked(address: string): boolean {
    return this.#current(address).count >= this.most
  }

  #current(address: string): { count: number } {
    const found = this.#failed.get(address)
    return found === undefined || this.now() - found.at > this.lockMs ? { count: 0 } : found
  }
}
