import { ApiError } from './errors.ts'

/** Seconds after which a client that was turned away may ask again. */
const RETRY_SECONDS = 5

interface Waiting {
  who: string
  begin: () => void
}

/**
 * Lets as many runs work at once as are allowed. The others wait, and those whom they are for take
 * turns: one that asks for a hundred runs does not keep out one that asks for a single run.
 */
export class Turns {
  readonly #jobs: number
  readonly #most: number
  readonly #waiting: Waiting[] = []
  /** For whom a run began, the latest last. */
  #served: string[] = []
  #working = 0

  /** `jobs`: runs at once. `most`: runs that may wait. */
  constructor(jobs: number, most: number) {
    this.#jobs = jobs
    this.#most = most
  }

  /** Throws 429 if this many more runs cannot wait. */
  check(count: number): void {
    const free = Math.max(0, this.#jobs - this.#working)
    if (this.#waiting.length + count <= this.#most + free) return
    throw new ApiError(
      429,
      `Braid is busy: ${this.#waiting.length} runs are waiting. Try again later.`,
      {
        code: 'rate_limit_exceeded',
        headers: { 'Retry-After': String(RETRY_SECONDS) },
      },
    )
  }

  /** Does work once its turn has come; rejects if the signal fires before. */
  async take<T>(who: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#turn(who, signal)
    try {
      return await work()
    } finally {
      this.#working--
      this.#next()
    }
  }

  #turn(who: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted()
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(signal.reason)
      }
      const waiting: Waiting = {
        who,
        begin: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
      }
      this.#waiting.push(waiting)
      signal.addEventListener('abort', leave)
      this.#next()
    })
  }

  #next(): void {
    while (this.#working < this.#jobs && this.#waiting.length > 0) {
      // Whoever was served longest ago is next; of one's own runs, the one that came first.
      const order = this.#waiting.map(({ who }) => this.#served.lastIndexOf(who))
      const [next] = this.#waiting.splice(order.indexOf(Math.min(...order)), 1)
      this.#served = [...this.#served.filter((one) => one !== next!.who), next!.who].slice(
        -this.#most,
      )
      this.#working++
      next!.begin()
    }
  }
}
