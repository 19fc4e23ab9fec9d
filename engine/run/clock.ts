import type { EventOf } from '../protocol/events.ts'
import { isOpen, type RunState } from '../protocol/run-state.ts'

export type Timings = EventOf<'run-ended'>['timings']
type All = Required<Timings>
type Part = Exclude<keyof Timings, 'totalMs'>

const NONE: All = {
  loadMs: 0,
  prefillMs: 0,
  pathsMs: 0,
  joinMs: 0,
  summaryMs: 0,
  probeMs: 0,
  judgeMs: 0,
  programsMs: 0,
  totalMs: 0,
}

/** Measures the parts of a run's work, in milliseconds. */
export class Clock {
  readonly #timings: All
  #part: Part | null = null
  #since = 0

  constructor(before: Timings | null) {
    this.#timings = { ...NONE, ...before }
  }

  /** Counts the time from now on for this part, or for none if null. */
  enter(part: Part | null): void {
    const now = performance.now()
    if (this.#part !== null) this.#timings[this.#part] += now - this.#since
    this.#part = part
    this.#since = now
  }

  add(part: keyof Timings, ms: number): void {
    this.#timings[part] += ms
  }

  /** Returns the times, rounded to tenths of a millisecond. */
  read(): Timings {
    const round = (ms: number) => Math.round(ms * 10) / 10
    return Object.fromEntries(
      Object.entries(this.#timings)
        .filter(([part, ms]) => ms > 0 || !['probeMs', 'judgeMs', 'programsMs'].includes(part))
        .map(([part, ms]) => [part, round(ms)]),
    ) as Timings
  }
}

/** Returns what a decode is doing: thinking, probing, judging, reading for summaries, or writing summaries. */
export function decodingPart({ paths, summaries, others }: RunState): Part {
  if (paths.some(isOpen)) return 'pathsMs'
  const other = others.find(isOpen)
  if (other !== undefined) return other.role === 'judge' ? 'judgeMs' : 'probeMs'
  return summaries.some((summary) => isOpen(summary) && summary.tokens.length > 0)
    ? 'summaryMs'
    : 'joinMs'
}
