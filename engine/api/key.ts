import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { readText, writeAtomic } from '../files/index.ts'

/** The file of the data folder that holds the key; only this user can read it. */
export const KEY_FILE = 'api-key'
const KEY = /^braid-[\w-]{43}$/

/** Returns the key of a data folder, and whether it was made just now. Throws disk errors. */
export function apiKey(folder: string): { key: string; file: string; made: boolean } {
  const file = join(folder, KEY_FILE)
  const kept = read(file)
  if (kept !== null) {
    chmodSync(file, 0o600)
    return { key: kept, file, made: false }
  }
  return { key: newKey(folder), file, made: true }
}

/** Replaces the key of a data folder and returns the new one: the old one opens nothing any more. */
export function newKey(folder: string): string {
  const key = `braid-${randomBytes(32).toString('base64url')}`
  writeAtomic(join(folder, KEY_FILE), key + '\n', 'Saving the API key')
  return key
}

function read(file: string): string | null {
  try {
    const text = readText(file, 4096).trim()
    return KEY.test(text) ? text : null
  } catch {
    return null
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest()

/** Compares digests, which have the same length, in constant time. */
export const sameKey = (given: string, key: string): boolean =>
  timingSafeEqual(digest(given), digest(key))
