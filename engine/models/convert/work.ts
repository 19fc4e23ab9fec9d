/**
 * Manages a conversion's unfinished files beside its target, and the journal that lets an
 * interrupted conversion resume.
 */
import { createHash } from 'node:crypto'
import { rename, rm, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fail } from '../../protocol/errors.ts'
import { isLocked, readText, regularHandle } from '../../files/index.ts'
import { fileError } from './files.ts'
import type { SourceFile } from './safetensors.ts'

export interface WorkFiles {
  converted: string
  quantised: string
  journal: string
}
export const workFiles = (output: string): WorkFiles => ({
  converted: `${output}.partial`,
  quantised: `${output}.quantising`,
  journal: `${output}.partial.json`,
})

/** Lock file held by the one process that writes an output. */
export const lockFile = (output: string) => `${output}.partial.lock`

export async function removeWork(output: string): Promise<void> {
  for (const file of Object.values(workFiles(output)) as string[]) await rm(file, { force: true })
}

/**
 * Removes the files of an unfinished conversion. Returns false and removes nothing if a process is
 * still converting.
 */
export async function discardConversion(output: string): Promise<boolean> {
  if (isLocked(lockFile(output))) return false
  await removeWork(output)
  await rm(lockFile(output), { force: true })
  return true
}

/** Identifies the sources of the weights; the header stands for all other settings. */
export function fingerprint(header: Buffer, files: readonly SourceFile[]): string {
  return createHash('sha256').update(header).update(JSON.stringify(files)).digest('hex')
}

interface Journal {
  fingerprint: string
  tensors: number
}

/**
 * Returns how many tensors are complete on disk according to the journal; 0 if the journal is for
 * another fingerprint.
 */
export async function readJournal(file: string, print: string): Promise<number> {
  try {
    const journal = JSON.parse(readText(file, 4096)) as Partial<Journal>
    return journal.fingerprint === print &&
      Number.isSafeInteger(journal.tensors) &&
      journal.tensors! > 0
      ? journal.tensors!
      : 0
  } catch {
    return 0
  }
}

/** Saves the journal. Call this only when the tensors are on disk. */
export async function saveJournal(file: string, journal: Journal): Promise<void> {
  const next = `${file}.next`
  const handle = await regularHandle(next, 'w')
  try {
    await handle.writeFile(JSON.stringify(journal))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(next, file)
}

export const sizeOf = async (file: string): Promise<number> =>
  (await stat(file).catch(() => undefined))?.size ?? 0

const LEFT_FREE = 64 * 2 ** 20

/** Ensures at least `bytes`, plus a reserve, are free on the disk of `file`. Throws `disk-full`. */
export async function checkSpace(file: string, bytes: number): Promise<void> {
  let free: number
  try {
    const { bavail, bsize } = await statfs(dirname(file))
    free = bavail * bsize
  } catch (error) {
    throw fileError(error, dirname(file))
  }
  if (free < bytes + LEFT_FREE)
    throw fail('disk-full/short', {
      reason: `${gib(bytes)} are needed in ${dirname(file)}, but only ${gib(free)} are free.`,
    })
}

const gib = (bytes: number) =>
  bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`
