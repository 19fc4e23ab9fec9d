const STOP_MS = 10_000

/**
 * Reports the engine as hung if it does not carry out a command in time. A stop should take one
 * decode step.
 */
export class Watchdog {
  readonly #onStall: (message: string) => void
  readonly #ms: number

  constructor(onStall: (message: string) => void, ms = STOP_MS) {
    this.#onStall = onStall
    this.#ms = ms
  }

  /** Watches a command that was accepted. Call the returned function once it is carried out. */
  watch(command: string): () => void {
    const seconds = this.#ms / 1000
    const timer = setTimeout(
      () => this.#onStall(`The engine did not answer '${command}' within ${seconds} s.`),
      this.#ms,
    )
    timer.unref()
    return () => clearTimeout(timer)
  }
}
