/** Programs see this date, so that the same program gives the same result on every day. */
const START = Date.UTC(2026, 0, 1)

/** How often a limit may pass by the clock if other programs keep the processor busy. */
export const PATIENCE = 5

/** Measures the time that a program has used. */
export class Stopwatch {
  readonly #wall = performance.now()
  readonly #cpu = process.cpuUsage()

  /** Milliseconds by the clock. */
  wall(): number {
    return performance.now() - this.#wall
  }

  /**
   * Milliseconds that count against a limit: those of the processor, so that a busy machine fails no program, but at
   * least the share of those by the clock that PATIENCE allows.
   */
  used(): number {
    const { user, system } = process.cpuUsage(this.#cpu)
    const wall = this.wall()
    // The process has more threads than the one that runs the program.
    return Math.max(Math.min(wall, (user + system) / 1000), wall / PATIENCE)
  }
}

/** Returns the milliseconds that one step may take if `left` are left: one that hangs leaves time for the others. */
export const share = (left: number): number => left / 2

/** The clock of one job in a thread. */
export class Clock {
  readonly #watch = new Stopwatch()
  readonly #ms: number
  #stepEnd = Infinity
  /** Milliseconds by the clock before which the step cannot have used its share. */
  #notBefore = Infinity

  /** `ms`: milliseconds for the whole job. */
  constructor(ms: number) {
    this.#ms = ms
  }

  /** Milliseconds since the job began, as programs see them. */
  now(): number {
    return this.#watch.wall()
  }

  /** The date in milliseconds, as programs see it: in whole seconds, so that two programs read the same one. */
  date(): number {
    return START + Math.floor(this.now() / 1000) * 1000
  }

  begin(): void {
    const used = this.#watch.used()
    this.#stepEnd = used + share(this.#ms - used)
    this.#notBefore = this.#watch.wall() + this.#stepEnd - used
  }

  end(): void {
    this.#notBefore = Infinity
  }

  /** Returns whether the step has used its share. Then grants a little more, to unwind in. Interpreters ask often. */
  alarm(): boolean {
    const wall = this.#watch.wall()
    if (wall < this.#notBefore) return false
    const used = this.#watch.used()
    const rings = used >= this.#stepEnd
    if (rings) this.#stepEnd = used + 50
    this.#notBefore = wall + Math.max(1, (this.#stepEnd - used) / 2)
    return rings
  }
}
