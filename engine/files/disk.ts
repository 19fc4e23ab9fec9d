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
 * A file that is only appended to. A new file appears with its first append, so a process that is
 * killed leaves none that is empty. A write that fails midway leaves the file as it was before. If
 * the file was deleted, also with its folder, it is written again from the beginning: its content
 * can be read as long as it is open.
 */
export class AppendFile {
  readonly #file: string
  /** Where a new file is written until it has its first content. */
  readonly #temporary: string
  #descriptor: number
  #bytes: number
  #placed: boolean
  #closed = false

  /**
   * `keep`: bytes of an existing file to keep; the rest is cut off. If absent, the file must not
   * exist; its folder is created.
   */
  constructor(file: string, keep?: number) {
    this.#file = file
    this.#temporary = `${file}.${process.pid}.tmp`
    this.#placed = keep !== undefined
    const flags = O_APPEND | O_NOFOLLOW | O_CREAT | O_RDWR
    try {
      makeFolder(dirname(file), 'Opening a transcript')
      if (keep === undefined) {
        if (!isMissing(file)) throw new Error(`${file} exists already.`)
        rmSync(this.#temporary, { force: true })
        this.#descriptor = openSync(this.#temporary, flags | O_EXCL, 0o600)
      } else {
        this.#descriptor = openSync(file, flags, 0o600)
        ftruncateSync(this.#descriptor, keep)
      }
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
      this.#place()
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
    if (!this.#placed || !isMissing(this.#file)) return false
    let next: AppendFile | undefined
    try {
      next = new AppendFile(this.#file)
      const chunk = Buffer.alloc(CHUNK)
      for (let at = 0; at < this.#bytes;) {
        const n = readSync(this.#descriptor, chunk, 0, Math.min(CHUNK, this.#bytes - at), at)
        if (n === 0) throw new Error('the deleted file is shorter than it was')
        writeAll(next.#descriptor, chunk.subarray(0, n))
        at += n
      }
      next.sync()
      next.#place()
      closeSync(this.#descriptor)
      this.#descriptor = next.#descriptor
      return true
    } catch (error) {
      next?.close()
      throw diskError(error, 'Writing a deleted file again')
    }
  }

  #place(): void {
    if (!this.#placed) renameSync(this.#temporary, this.#file)
    this.#placed = true
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
    if (!this.#placed) discard(this.#temporary)
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
