/** A conversion's unfinished files beside its target, and the journal by which it goes on where it was cut. */
import { createHash } from 'node:crypto'
import { open, readFile, rename, rm, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BraidError } from '../../protocol/errors.ts'
import { isLocked } from '../../files/index.ts'
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

/** Held by the one process that writes an output. */
export const lockFile = (output: string) => `${output}.partial.lock`

export async function removeWork(output: string): Promise<void> {
  for (const file of Object.values(workFiles(output)) as string[]) await rm(file, { force: true })
}

/** Removes what an unfinished conversion left. false: a process is at it, so that it stays. */
export async function discardConversion(output: string): Promise<boolean> {
  if (isLocked(lockFile(output))) return false
  await removeWork(output)
  await rm(lockFile(output), { force: true })
  return true
}

/** What the weights are written from: the header says the rest. */
export function fingerprint(header: Buffer, files: readonly SourceFile[]): string {
  return createHash('sha256').update(header).update(JSON.stringify(files)).digest('hex')
}

interface Journal {
  fingerprint: string
  tensors: number
}

/** Tensors that are whole on disk, after `saveJournal` for the same fingerprint; otherwise 0. */
export async function readJournal(file: string, print: string): Promise<number> {
  try {
    const journal = JSON.parse(await readFile(file, 'utf8')) as Partial<Journal>
    return journal.fingerprint === print &&
      Number.isSafeInteger(journal.tensors) &&
      journal.tensors! > 0
      ? journal.tensors!
      : 0
  } catch {
    return 0
  }
}

/** Called once the tensors are on disk. */
export async function saveJournal(file: string, journal: Journal): Promise<void> {
  const next = `${file}.next`
  const handle = await open(next, 'w')
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

/** Error `disk-full`: fewer than `bytes` (and some to live on) are free on the disk of `file`. */
export async function checkSpace(file: string, bytes: number): Promise<void> {
  let free: number
  try {
    const { bavail, bsize } = await statfs(dirname(file))
    free = bavail * bsize
  } catch (error) {
    throw fileError(error, dirname(file))
  }
  if (free < bytes + LEFT_FREE)
    throw new BraidError(
      'disk-full',
      `${gib(bytes)} are needed in ${dirname(file)}, ${gib(free)} are free.`,
    )
}

const gib = (bytes: number) =>
  bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`
