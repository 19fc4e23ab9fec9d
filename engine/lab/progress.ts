import type { Sample } from './measure.ts'
import type { Task } from './experiment.ts'

/**
 * Estimates the time left from the time that each unit's runs took so far; for units not yet begun,
 * from the time per token of the others.
 */
export class Remaining {
  readonly #cost = new Map<string, { weight: number; left: number; ms: number; n: number }>()

  constructor(
    tasks: readonly Task[],
    private readonly jobs: number,
  ) {
    for (const { unit } of tasks) {
      const { paths, runs, budget } = unit.settings
      const cost = this.#cost.get(unit.key) ?? {
        weight: budget * (1 + Math.log2(paths * runs) / 4),
        left: 0,
        ms: 0,
        n: 0,
      }
      this.#cost.set(unit.key, { ...cost, left: cost.left + 1 })
    }
  }

  add(sample: Pick<Sample, 'unit' | 'ms'>): void {
    const cost = this.#cost.get(sample.unit)
    if (cost === undefined) return
    cost.left--
    cost.ms += sample.ms
    cost.n++
  }

  /** Returns the estimated milliseconds left; 0 before the first sample. */
  milliseconds(): number {
    const known = [...this.#cost.values()].filter(({ n }) => n > 0)
    if (known.length === 0) return 0
    const perWeight =
      known.reduce((sum, { ms, n, weight }) => sum + ms / n / weight, 0) / known.length
    return (
      [...this.#cost.values()].reduce(
        (sum, { left, ms, n, weight }) => sum + left * (n > 0 ? ms / n : perWeight * weight),
        0,
      ) / this.jobs
    )
  }
}

/** Returns text such as "3 min left". */
export function timeLeft(ms: number | null): string {
  if (ms === null) return ''
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 90) return `${seconds} s left`
  return seconds < 5400
    ? `${Math.round(seconds / 60)} min left`
    : `${(seconds / 3600).toFixed(1)} h left`
}
