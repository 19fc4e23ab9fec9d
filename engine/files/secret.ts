import { chmodSync } from 'node:fs'
import type { Term } from '../protocol/wording-more.ts'
import { writeAtomic } from './disk.ts'
import { readText } from './regular.ts'

/** More than a secret has. */
const MAX_SECRET = 4096

/** A file of the data folder that holds a secret which Braid makes; only this user can read it. */
export class SecretFile {
  readonly file: string
  readonly #read: (text: string) => string | null
  readonly #make: () => string
  readonly #saving: Term

  /** `read` returns the secret in a text, or null; `saving` says what failed if it cannot be written. */
  constructor(
    file: string,
    {
      read,
      make,
      saving,
    }: { read: (text: string) => string | null; make: () => string; saving: Term },
  ) {
    this.file = file
    this.#read = read
    this.#make = make
    this.#saving = saving
  }

  /** Returns the secret, and whether it was made just now. Throws disk errors. */
  get(): { secret: string; made: boolean } {
    const kept = this.#kept()
    if (kept === null) return { secret: this.replace(), made: true }
    chmodSync(this.file, 0o600)
    return { secret: kept, made: false }
  }

  /** Makes another secret and returns it: the old one opens nothing any more. Throws disk errors. */
  replace(): string {
    const secret = this.#make()
    writeAtomic(this.file, secret + '\n', this.#saving)
    return secret
  }

  #kept(): string | null {
    try {
      return this.#read(readText(this.file, MAX_SECRET).trim())
    } catch {
      return null
    }
  }
}
