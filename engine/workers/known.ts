import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeAtomic } from '../files/index.ts'
import { readCode } from './code.ts'

const Known = z.record(z.string(), z.string())

/** The codes of workers, by their addresses, in a file that only this user can read. */
export class KnownWorkers {
  readonly #file: string

  constructor(folder: string) {
    this.#file = join(folder, 'workers.json')
  }

  /** Returns the addresses, in the order in which they were added. */
  list(): string[] {
    return Object.keys(this.#read())
  }

  code(address: string): string | undefined {
    return this.#read()[address]
  }

  /** Keeps a code, or forgets the worker if null. Throws disk errors; `bad-request`. */
  set(address: string, code: string | null): void {
    const { [address]: _, ...others } = this.#read()
    const next = code === null ? others : { ...others, [address]: readCode(code) }
    writeAtomic(this.#file, JSON.stringify(next, null, 2) + '\n', 'Saving the list of workers')
  }

  #read(): Record<string, string> {
    try {
      return Known.parse(JSON.parse(readFileSync(this.#file, 'utf8')))
    } catch {
      return {}
    }
  }
}
