import type { z } from 'zod'
import type { Term } from '../protocol/wording-more.ts'
import { writeAtomic } from './disk.ts'
import { MAX_OWN_FILE, readText } from './regular.ts'

/** A small JSON file of the data folder. A missing or damaged file reads as `empty`. */
export class DataFile<T> {
  readonly #file: string
  readonly #schema: z.ZodType<T>
  readonly #empty: T

  constructor(file: string, schema: z.ZodType<T>, empty: T) {
    this.#file = file
    this.#schema = schema
    this.#empty = empty
  }

  read(): T {
    try {
      return this.#schema.parse(JSON.parse(readText(this.#file, MAX_OWN_FILE)))
    } catch {
      return this.#empty
    }
  }

  /** `doing`: what failed if it cannot be written. Throws disk errors. */
  write(value: T, doing?: Term): void {
    writeAtomic(this.#file, JSON.stringify(value, null, 1) + '\n', doing)
  }
}
