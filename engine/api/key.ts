import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import { SecretFile } from '../files/index.ts'

/** The file of the data folder that holds the key; only this user can read it. */
export const KEY_FILE = 'api-key'
const KEY = /^braid-[\w-]{43}$/

const keyIn = (folder: string) =>
  new SecretFile(join(folder, KEY_FILE), {
    read: (text) => (KEY.test(text) ? text : null),
    make: () => `braid-${randomBytes(32).toString('base64url')}`,
    saving: 'Saving the API key',
  })

/** Returns the key of a data folder, and whether it was made just now. Throws disk errors. */
export function apiKey(folder: string): { key: string; file: string; made: boolean } {
  const kept = keyIn(folder)
  const { secret, made } = kept.get()
  return { key: secret, file: kept.file, made }
}

/** Replaces the key of a data folder and returns the new one: the old one opens nothing any more. */
export const newKey = (folder: string): string => keyIn(folder).replace()

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Compares digests, which have the same length, in constant time. */
export const sameKey = (given: string, key: string): boolean =>
  timingSafeEqual(digest(given), digest(key))
