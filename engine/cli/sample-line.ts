import { createLogUpdate } from 'log-update'
import type { LabEvent } from '../protocol/lab.ts'

/** Milliseconds between lines if the stream is not a terminal, and between changes if it is one. */
const LINE_EVERY = 10_000
const CHANGE_EVERY = 100

/**
 * Prints the samples of an experiment to `stream`: one changing line in a terminal, otherwise a line
 * every ten seconds. `words` words the time left.
 */
export class SampleLine {
  readonly #update
  #last: number

  constructor(
    private readonly stream: NodeJS.WriteStream,
    private readonly words: (ms: number) => string,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#last = now()
    this.#update = stream.isTTY ? createLogUpdate(stream) : null
  }

  show({ done, wanted, unit, msLeft }: Omit<Extract<LabEvent, { type: 'sample' }>, 'cells'>): void {
    const now = this.now()
    const every = this.#update === null ? LINE_EVERY : CHANGE_EVERY
    if (now - this.#last < every && done < wanted) return
    this.#last = now
    const line = `${done}/${wanted}  ${unit}  ${this.words(msLeft)}`
    if (this.#update === null) this.stream.write(`${line}\n`)
    else this.#update(line)
  }

  end(): void {
    this.#update?.done()
  }
}
