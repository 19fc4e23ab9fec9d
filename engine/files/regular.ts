import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { fail } from '../protocol/errors.ts'

/**
 * The way in which Braid opens files that a user names or that lie in its folders. A pipe, a socket or a device
 * would hang the process that waits for it, or never end; only regular files are opened.
 */

/** Returns at once where a pipe has no writer. Not available on Windows, which has no pipes among files. */
const NOW = constants.O_NONBLOCK ?? 0
const { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants
const FLAGS = { r: O_RDONLY, 'r+': O_RDWR, w: O_WRONLY | O_CREAT | O_TRUNC } as const
const MIB = 1 << 20

const refused = (file: string) => fail('bad-path/irregular', { file })

/** Sockets, and pipes that nobody reads, are refused by the system itself. */
const opening = (error: unknown, file: string): unknown =>
  ['ENXIO', 'EISDIR', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')
    ? refused(file)
    : error

/**
 * Opens a regular file for reading and returns its descriptor. `flags`: more flags of open(2). Throws `bad-path` for
 * anything else, and errors of the file system as they are.
 */
export function openRegular(file: string, flags = 0): number {
  let descriptor: number
  try {
    descriptor = openSync(file, O_RDONLY | NOW | flags)
  } catch (error) {
    throw opening(error, file)
  }
  if (fstatSync(descriptor).isFile()) return descriptor
  closeSync(descriptor)
  throw refused(file)
}

/** As `openRegular`, for reading in turns, or for writing: `r+` an existing file, `w` one that begins empty. */
export async function regularHandle(
  file: string,
  how: keyof typeof FLAGS = 'r',
): Promise<FileHandle> {
  let handle: FileHandle
  try {
    handle = await open(file, FLAGS[how] | NOW)
  } catch (error) {
    throw opening(error, file)
  }
  if ((await handle.stat()).isFile()) return handle
  await handle.close()
  throw refused(file)
}

/** Yields the bytes of a regular file, up to the byte `end` (included). Throws as `openRegular`. */
export async function* chunksOf(
  file: string,
  options: { end?: number; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Buffer> {
  const handle = await regularHandle(file)
  yield* handle.createReadStream({ highWaterMark: MIB, ...options }) as AsyncIterable<Buffer>
}

/** Returns the bytes of a regular file. Throws as `openRegular`, and `bad-request` if it has more than `most`. */
export function readRegular(file: string, most: number): Buffer {
  const descriptor = openRegular(file)
  try {
    // A file of /proc reports no size, and any may grow: what is read decides.
    const { size } = fstatSync(descriptor)
    if (size > most) throw tooLarge(file, most)
    let got = Buffer.allocUnsafe(size + 1)
    let length = 0
    for (;;) {
      const more = readSync(descriptor, got, length, got.length - length, length)
      if (more === 0) return got.subarray(0, length)
      length += more
      if (length > most) throw tooLarge(file, most)
      if (length < got.length) continue
      const larger = Buffer.allocUnsafe(Math.min(most + 1, length + Math.max(length, MIB)))
      got.copy(larger)
      got = larger
    }
  } finally {
    closeSync(descriptor)
  }
}

/** As `readRegular`; returns the text in UTF-8. */
export const readText = (file: string, most: number): string =>
  readRegular(file, most).toString('utf8')

const tooLarge = (file: string, most: number) =>
  fail('bad-request/file-size', { file, most: most < MIB ? `${most} B` : `${most / MIB} MiB` })

/**
 * The most bytes of a file that Braid keeps for itself, such as a list of models or of deleted runs. Larger ones were
 * not written by Braid.
 */
export const MAX_OWN_FILE = 64 * MIB
/** The most bytes of a file that is read as one string: half of what a string can hold. */
export const MAX_TEXT_FILE = 256 * MIB
