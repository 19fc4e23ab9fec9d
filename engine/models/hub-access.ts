import { Net } from './download/index.ts'

/**
 * Opens connections to the hub with the current token, which is kept only in memory. Nothing is
 * sent before `open` is used.
 */
export class Hub {
  #token = process.env.HF_TOKEN ?? ''

  /** Sets the token; null forgets it. */
  set token(token: string | null) {
    this.#token = token ?? ''
  }

  /** Opens a connection. Close it when done. */
  open(): Net {
    return new Net({ token: this.#token })
  }
}
