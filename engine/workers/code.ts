/**
 * The pairing code of a worker: 125 random bits, which both ends keep. The key of every connection is
 * made from it, so whoever knows the code may use the worker, and whoever does not can neither use nor
 * imitate it. It is too long to be guessed, also by somebody who recorded connections.
 */
import { hkdfSync, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { SecretFile } from '../files/index.ts'
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

const codeIn = (folder: string) =>
  new SecretFile(join(folder, FILE), {
    read: readCode,
    make: () =>
      readCode(Array.from({ length: LENGTH }, () => DIGITS[randomInt(DIGITS.length)]).join('')),
    saving: 'Saving the pairing code',
  })

/** Returns the code of a data folder, and whether it was made just now. Throws disk errors. */
export function ownCode(folder: string): { code: string; file: string; made: boolean } {
  const kept = codeIn(folder)
  const { secret, made } = kept.get()
  return { code: secret, file: kept.file, made }
}

/** Replaces the code of a data folder: the old one opens nothing any more. Throws disk errors. */
export const newCode = (folder: string): string => codeIn(folder).replace()
