import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { BraidError } from '../protocol/errors.ts'

const { O_APPEND, O_CREAT, O_EXCL, O_RDWR, O_WRONLY } = constants
/** Not available on Windows, where `runFile` has checked for links. */
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0

/** Returns the error of a failed file operation. `doing`: what failed, such as "Saving". */
export function diskError(error: unknown, doing: string): BraidError {
  if (error instanceof BraidError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new BraidError(
      'disk-full',
      `The disk is full: ${doing} failed. Free some space and try again; what was saved before is intact.`,
      { cause: error },
    )
  }
  if (code === 'ENOENT')
    return new BraidError('no-such-run', `${doing} failed: the file is not there.`, {
      cause: error,
    })
  if (code === 'ELOOP')
    return new BraidError('bad-path', `${doing} failed: the file is a link.`, { cause: error })
  return new BraidError('io', `${doing} failed: ${message}`, { cause: error })
}

/** Replaces a file atomically: readers see the old or the new content, never a part of it. */
export function writeAtomic(file: string, content: string, doing = 'Saving'): void {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    const descriptor = openSync(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600)
    try {
      writeAll(descriptor, Buffer.from(content))
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw diskError(error, doing)
  }
}

/** A file that is only appended to. A write that fails midway leaves the file as it was before. */
export class AppendFile {
  readonly #descriptor: number
  #bytes: number
  #closed = false

  /**
   * `keep`: bytes of an existing file to keep; the rest is cut off. If absent, the file must not
   * exist.
   */
  constructor(file: string, keep?: number) {
    const flags =
      O_APPEND | O_NOFOLLOW | (keep === undefined ? O_CREAT | O_EXCL | O_WRONLY : O_CREAT | O_RDWR)
    try {
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
