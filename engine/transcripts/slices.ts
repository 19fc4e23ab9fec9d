import { setImmediate } from 'node:timers/promises'

/** How long work may hold the event loop before others have their turn, in ms. */
const SLICE_MS = 10

export interface SliceOptions {
  /** Stops the work, which then throws the signal's reason. */
  signal?: AbortSignal | undefined
  /** Returns the time in ms. */
  now?: (() => number) | undefined
  /** Lets others have their turn. */
  yieldTurn?: (() => Promise<unknown>) | undefined
}

/** Work has used up its time. */
export class OutOfTime extends Error {}

/**
 * Divides work into slices, between which the event loop serves others. The work calls `pause` after
 * every few milliseconds of it.
 */
export class Slices {
  readonly #signal: AbortSignal | undefined
  readonly #now: () => number
  readonly #yieldTurn: () => Promise<unknown>
  /** When the slice began. */
  #began: number
  /** Since when the time of the limited part counts, and what had passed before. */
  #since: number
  #worked = 0
  #limit = Infinity

  constructor({ signal, now, yieldTurn }: SliceOptions = {}) {
    this.#signal = signal
    this.#now = now ?? (() => performance.now())
    this.#yieldTurn = yieldTurn ?? (() => setImmediate())
    this.#began = this.#since = this.#now()
  }

  /** From now on the work may take this many ms, without the time that others take. */
  limit(ms: number): void {
    this.#limit = ms
    this.#worked = 0
    this.#since = this.#now()
  }

  /**
   * Lets others have their turn if a slice has passed. Throws `OutOfTime`, and the reason of the
   * signal.
   */
  async pause(): Promise<void> {
    const now = this.#now()
    if (this.#worked + now - this.#since > this.#limit) throw new OutOfTime()
    if (now - this.#began < SLICE_MS) return
    this.#worked += now - this.#since
    await this.#yieldTurn()
    this.#signal?.throwIfAborted()
    this.#began = this.#since = this.#now()
  }
}

/** Carries out work that yields where it may pause, in slices. Throws as `pause` does. */
export async function inSlices<T>(work: Generator<void, T>, slices: Slices): Promise<T> {
  try {
    for (;;) {
      const step = work.next()
      if (step.done === true) return step.value
      await slices.pause()
    }
  } finally {
    work.return(undefined as T)
  }
}

/** Carries out such work at once. */
export function atOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}
