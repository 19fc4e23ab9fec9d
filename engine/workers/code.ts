/**
 * The pairing code of a worker: 125 random bits, which both ends keep. The key of every connection is
 * made from it, so whoever knows the code may use the worker, and whoever does not can neither use nor
 * imitate it. It is too long to be guessed, also by somebody who recorded connections.
 */
import { hkdfSync, randomInt } from 'node:crypto'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeAtomic } from '../files/index.ts'
import { fail } from '../protocol/errors.ts'

/** Crockford's base 32: no I, L, O and U. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const LENGTH = 25
const GROUP = 5
/** The file of the data folder that holds this machine's code; only its user can read it. */
const FILE = 'worker-code'

/** Returns a code as Braid spells it: five groups of five. Errors: `bad-request`. */
export function readCode(text: string): string {
  const digits = text.toUpperCase().replace(/[\s-]/g, '').replace(/[IL]/g, '1').replace(/O/g, '0')
  if (digits.length !== LENGTH || [...digits].some((one) => !DIGITS.includes(one)))
    throw fail('bad-request/worker-code-form')
  return Array.from({ length: LENGTH / GROUP }, (_, i) =>
    digits.slice(i * GROUP, (i + 1) * GROUP),
  ).join('-')
}

/** Returns the key of connections: 32 bytes. */
export const keyOf = (code: string): Buffer =>
  Buffer.from(hkdfSync('sha256', readCode(code), '', 'braid worker 1', 32))

/** Returns the code of a data folder, and whether it was made just now. Throws disk errors. */
export function ownCode(folder: string): { code: string; file: string; made: boolean } {
  const file = join(folder, FILE)
  const kept = read(file)
  if (kept === null) return { code: newCode(folder), file, made: true }
  chmodSync(file, 0o600)
  return { code: kept, file, made: false }
}

/** Replaces the code of a data folder: the old one opens nothing any more. Throws disk errors. */
export function newCode(folder: string): string {
  const digits = Array.from({ length: LENGTH }, () => DIGITS[randomInt(DIGITS.length)]).join('')
  const code = readCode(digits)
  writeAtomic(join(folder, FILE), code + '\n', 'Saving the pairing code')
  return code
}

function read(file: string): string | null {
  try {
    return readCode(readFileSync(file, 'utf8'))
  } catch {
    return null
  }
}
