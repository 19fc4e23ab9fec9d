import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { Term } from '../protocol/wording-more.ts'
import { diskError } from './disk-error.ts'
import { makeFolder } from './folder.ts'

const { O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_WRONLY } = constants
/** Not available on Windows, where `runFile` has checked for links. */
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0
const CHUNK = 1 << 20

/**
 * Replaces a file atomically: readers see the old or the new content, never a part of it. Creates
 * the file's folder if it is missing.
 */
export function writeAtomic(file: string, content: string, doing: Term = 'Saving'): void {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    makeFolder(dirname(file), doing)
    const descriptor = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
    try {
      writeAll(descriptor, Buffer.from(content))
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
  } catch (error) {
    discard(temporary)
    throw diskError(error, doing)
  }
}

/**
 * A file that is only appended to. A write that fails midway leaves the file as it was before. If
 * the file was deleted, also with its folder, it is written again from the beginning: its content
 * can be read as long as it is open.
 */
export class AppendFile {
  readonly #file: string
  #descriptor: number
  #bytes: number
  #closed = false

  /**
   * `keep`: bytes of an existing file to keep; the rest is cut off. If absent, the file must not
   * exist; its folder is created.
   */
  constructor(file: string, keep?: number) {
    this.#file = file
    const flags = O_APPEND | O_NOFOLLOW | O_CREAT | O_RDWR | (keep === undefined ? O_EXCL : 0)
    try {
      makeFolder(dirname(file), 'Opening a transcript')
      this.#descriptor = openSync(file, flags, 0o600)
      if (keep !== undefined) ftruncateSync(this.#descriptor, keep)
    } catch (error) {
      throw diskError(error, 'Opening a transcript')
    }
    this.#bytes = keep ?? 0
  }

  get bytes(): number {
    return this.#bytes
  }

  append(text: string): void {
    const bytes = Buffer.from(text)
    this.restore()
    try {
      writeAll(this.#descriptor, bytes)
      this.#bytes += bytes.length
    } catch (error) {
      try {
        ftruncateSync(this.#descriptor, this.#bytes)
      } catch {
        // The reader drops the torn line that is left.
      }
      throw diskError(error, 'Writing a transcript')
    }
  }

  /** Writes the file again if it was deleted; returns whether it was. */
  restore(): boolean {
    if (!isMissing(this.#file)) return false
    const temporary = `${this.#file}.${process.pid}.tmp`
    let next: AppendFile | undefined
    try {
      discard(temporary)
      next = new AppendFile(temporary)
      const chunk = Buffer.alloc(CHUNK)
      for (let at = 0; at < this.#bytes;) {
        const n = readSync(this.#descriptor, chunk, 0, Math.min(CHUNK, this.#bytes - at), at)
        if (n === 0) throw new Error('the deleted file is shorter than it was')
        writeAll(next.#descriptor, chunk.subarray(0, n))
        at += n
      }
      next.sync()
      renameSync(temporary, this.#file)
      closeSync(this.#descriptor)
      this.#descriptor = next.#descriptor
      return true
    } catch (error) {
      next?.close()
      discard(temporary)
      throw diskError(error, 'Writing a deleted file again')
    }
  }

  /** Flushes the file to the device, so that it survives a power cut. */
  sync(): void {
    try {
      fsyncSync(this.#descriptor)
    } catch (error) {
      throw diskError(error, 'Writing a transcript')
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.#descriptor)
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done)
}

function isMissing(file: string): boolean {
  try {
    return lstatSync(file, { throwIfNoEntry: false }) === undefined
  } catch (error) {
    // In a folder that cannot be read any more, what is open can still be written.
    return !['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
}

/** Removes what a failed write left. A further error would hide the first. */
function discard(temporary: string): void {
  try {
    rmSync(temporary, { force: true })
  } catch {
    // Its folder is not a folder any more.
  }
}
