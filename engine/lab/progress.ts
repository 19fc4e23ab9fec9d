import { createLogUpdate } from 'log-update'
import type { Sample } from './measure.ts'
import type { Task } from './experiment.ts'

/** Milliseconds between progress lines if the stream is not a terminal. */
const LINE_EVERY = 10_000

/**
 * Counts samples and estimates the time left, from the time that each unit's runs took so far; for
 * units not yet begun, from the time per token of the others. Writes to `stream`: one changing line
 * in a terminal, otherwise a line every ten seconds.
 */
export class Progress {
  readonly #cost = new Map<string, { weight: number; left: number; ms: number; n: number }>()
  readonly #update
  readonly #total: number
  #done = 0
  #last: number

  constructor(
    tasks: readonly Task[],
    done: number,
    private readonly jobs: number,
    private readonly stream: NodeJS.WriteStream,
    private readonly now: () => number = () => performance.now(),
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
    this.#total = tasks.length + done
    this.#done = done
    this.#last = now()
    this.#update = stream.isTTY ? createLogUpdate(stream) : null
  }

  add(sample: Sample): void {
    this.#done++
    const cost = this.#cost.get(sample.unit)
    if (cost !== undefined) {
      cost.left--
      cost.ms += sample.ms
      cost.n++
    }
    const now = this.now()
    if (this.#update === null && now - this.#last < LINE_EVERY && this.#done < this.#total) return
    if (this.#update !== null && now - this.#last < 100 && this.#done < this.#total) return
    this.#last = now
    const line = `${this.#done}/${this.#total}  ${sample.unit}  ${timeLeft(this.millisecondsLeft())}`
    if (this.#update === null) this.stream.write(`${line}\n`)
    else this.#update(line)
  }

  /** Returns the estimated time left; null before the first sample. */
  millisecondsLeft(): number | null {
    const known = [...this.#cost.values()].filter(({ n }) => n > 0)
    if (known.length === 0) return null
    const perWeight =
      known.reduce((sum, { ms, n, weight }) => sum + ms / n / weight, 0) / known.length
    return (
      [...this.#cost.values()].reduce(
        (sum, { left, ms, n, weight }) => sum + left * (n > 0 ? ms / n : perWeight * weight),
        0,
      ) / this.jobs
    )
  }

  end(): void {
    this.#update?.done()
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
