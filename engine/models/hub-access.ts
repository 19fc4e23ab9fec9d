import { Net } from './download/index.ts'

/** Ways to the hub with the token of the moment, which is kept in memory and nowhere else. Nothing is sent before `open` is used. */
export class Hub {
  #token = process.env.HF_TOKEN ?? ''

  /** null forgets it. */
  set token(token: string | null) {
    this.#token = token ?? ''
  }

  /** Close it when done. */
  open(): Net {
    return new Net({ token: this.#token })
  }
}
