import { open, readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { BraidError, fail, toBraidError } from '../../protocol/errors.ts'
import { readText as readOwnText, WriteLock } from '../../files/index.ts'

/**
 * Maximum sizes of a model folder's text files in bytes; the largest published tokenizer.json is 33
 * MB.
 */
export const TEXT_LIMITS = {
  config: 2 ** 20,
  tokenizerConfig: 16 * 2 ** 20,
  tokenizer: 128 * 2 ** 20,
  template: 2 ** 20,
  card: 4 * 2 ** 20,
} as const

/**
 * Converts a file system error to a BraidError: `disk-full`, `model-not-found` (no such file) or
 * `io`.
 */
export function fileError(error: unknown, what: string): BraidError {
  if (error instanceof BraidError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return fail('model-not-found/no-such-file', { what }, { cause: error })
  const typed = toBraidError(error)
  return typed.code === 'internal'
    ? fail('io/file', { what, reason: message }, { cause: error })
    : typed
}

/**
 * Ensures only this process writes `target` until the lock is released. Throws `bad-request` if
 * another process is writing it, otherwise as `fileError`.
 */
export function claim(target: string, lockFile: string): WriteLock {
  try {
    return new WriteLock(lockFile, target)
  } catch (error) {
    throw fileError(error, target)
  }
}

/**
 * Reads a text file of the folder; undefined if it does not exist. Throws `bad-model` if it is
 * longer than `limit` bytes.
 */
export async function readText(
  folder: string,
  name: string,
  limit: number,
): Promise<string | undefined> {
  try {
    const path = join(folder, name)
    const { size } = await stat(path)
    if (size > limit) throw fail('bad-model/long-file', { name, size, most: limit })
    return readOwnText(path, limit)
  } catch (error) {
    const typed = fileError(error, name)
    if (typed.code === 'model-not-found') return undefined
    throw typed
  }
}

/**
 * Reads a JSON object from the folder; undefined if the file does not exist. Throws `bad-model`.
 */
export async function readJson(
  folder: string,
  name: string,
  limit: number,
): Promise<Record<string, unknown> | undefined> {
  const text = await readText(folder, name, limit)
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw fail('bad-model/json', { name })
  }
  if (!isRecord(value)) throw fail('bad-model/json-object', { name })
  return value
}

/** Returns the names in the folder. Throws `model-not-found` or `io`. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    throw fileError(error, folder)
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Makes a rename in this folder durable if the system supports it. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    await handle.sync().finally(() => handle.close())
  } catch {
    // Windows cannot open a folder; its rename is journaled.
  }
}

/**
 * Returns a name for the model in this folder. In the Hugging Face cache the folder is named by a
 * hash, and a folder that Braid downloaded is called `original`; both are named after their
 * repository.
 */
export function nameOf(folder: string): string {
  const whole = resolve(folder)
  const match =
    /[/\\]models--[^/\\]+?--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(whole) ??
    /[/\\][^/\\]+?--([^/\\]+)[/\\]original$/.exec(whole)
  return match?.[1] ?? basename(whole)
}
