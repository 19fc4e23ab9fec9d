import { join } from 'node:path'
import { z } from 'zod'
import { DataFile } from '../files/index.ts'
import { ownEntry } from '../protocol/own.ts'
import { readCode } from './code.ts'

const Known = z.record(z.string(), z.string())

/** The codes of workers, by their addresses, in a file that only this user can read. */
export class KnownWorkers {
  readonly #file: DataFile<Record<string, string>>

  constructor(folder: string) {
    this.#file = new DataFile(join(folder, 'workers.json'), Known, {})
  }

  /** Returns the addresses, in the order in which they were added. */
  list(): string[] {
    return Object.keys(this.#file.read())
  }

  code(address: string): string | undefined {
    return ownEntry(this.#file.read(), address)
  }

  /** Keeps a code, or forgets the worker if null. Throws disk errors; `bad-request`. */
  set(address: string, code: string | null): void {
    const { [address]: _, ...others } = this.#file.read()
    const next = code === null ? others : { ...others, [address]: readCode(code) }
    this.#file.write(next, 'Saving the list of workers')
  }
}
