import { open, readFile, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { BraidError, toBraidError } from '../../protocol/errors.ts'
import { WriteLock } from '../../files/index.ts'

/** What a model folder's text files may weigh; the largest published tokenizer.json is 33 MB. */
export const TEXT_LIMITS = {
  config: 2 ** 20,
  tokenizerConfig: 16 * 2 ** 20,
  tokenizer: 128 * 2 ** 20,
  template: 2 ** 20,
  card: 4 * 2 ** 20,
} as const

/** A file system error as a typed one: `disk-full`, `model-not-found` (nothing there), `io`. */
export function fileError(error: unknown, what: string): BraidError {
  if (error instanceof BraidError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new BraidError('model-not-found', `${what}: there is no such file.`, { cause: error })
  const typed = toBraidError(error)
  return typed.code === 'internal'
    ? new BraidError('io', `${what}: ${message}`, { cause: error })
    : typed
}

/** This process alone writes `target` until the lock is released. Errors: `bad-request` (another process does), as `fileError`. */
export function claim(target: string, lockFile: string): WriteLock {
  try {
    return new WriteLock(lockFile, target)
  } catch (error) {
    throw fileError(error, target)
  }
}

/** A text file of the folder, or undefined where there is none. Error `bad-model`: longer than `limit` bytes. */
export async function readText(
  folder: string,
  name: string,
  limit: number,
): Promise<string | undefined> {
  try {
    const info = await stat(join(folder, name))
    if (!info.isFile()) return undefined
    if (info.size > limit)
      throw new BraidError(
        'bad-model',
        `${name} has ${info.size} bytes; at most ${limit} are read.`,
      )
    return await readFile(join(folder, name), 'utf8')
  } catch (error) {
    const typed = fileError(error, name)
    if (typed.code === 'model-not-found') return undefined
    throw typed
  }
}

/** A JSON object of the folder, or undefined where there is no such file. Error: `bad-model`. */
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
    throw new BraidError(
      'bad-model',
      `${name} is not valid JSON: it is damaged or was not downloaded completely.`,
    )
  }
  if (!isRecord(value)) throw new BraidError('bad-model', `${name} does not hold a JSON object.`)
  return value
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Makes a rename in this folder durable, where the system can. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    await handle.sync().finally(() => handle.close())
  } catch {
    // Windows cannot open a folder; its rename is journaled.
  }
}

/** A name for the model in this folder; one of the Hugging Face cache is named by a hash, one that Braid downloaded `original`: their repository is meant. */
export function nameOf(folder: string): string {
  const whole = resolve(folder)
  const match =
    /[/\\]models--[^/\\]+?--([^/\\]+)[/\\]snapshots[/\\][^/\\]+$/.exec(whole) ??
    /[/\\][^/\\]+?--([^/\\]+)[/\\]original$/.exec(whole)
  return match?.[1] ?? basename(whole)
}
