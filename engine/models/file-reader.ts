import type { FileHandle } from 'node:fs/promises'
import { regularHandle } from '../files/index.ts'
import { BraidError, fail } from '../protocol/errors.ts'

const CHUNK = 2 ** 20

/** Thrown if a read would pass the end of the file or the limit. */
export class EndOfFile extends Error {}

/**
 * Reads a regular file forward in chunks of 1 MiB; integers are little-endian. Call `need(n)` and
 * await it if it returns a promise. Then up to `n` bytes can be read synchronously.
 */
export class FileReader {
  /** Size of the file in bytes. */
  readonly size: number
  /** Offset that no read may pass. */
  readonly limit: number
  readonly #handle: FileHandle
  #buffer = Buffer.alloc(0)
  #at = 0
  /** File offset of the start of the buffer. */
  #base = 0

  private constructor(handle: FileHandle, size: number, limit: number) {
    this.#handle = handle
    this.size = size
    this.limit = Math.min(size, limit)
  }

  /** Opens a regular file. Throws `model-not-found`, `bad-model` (a folder or a device) or `io`. */
  static async open(file: string, limit = Infinity): Promise<FileReader> {
    let handle: FileHandle | undefined
    try {
      handle = await regularHandle(file)
      return new FileReader(handle, (await handle.stat()).size, limit)
    } catch (error) {
      await handle?.close()
      if (error instanceof BraidError) throw fail('bad-model/no-file', { file }, { cause: error })
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR')
        throw fail('model-not-found/file', { file }, { cause: error })
      throw fail('io/read', { file, reason: (error as Error).message }, { cause: error })
    }
  }

  get offset(): number {
    return this.#base + this.#at
  }

  need(n: number): void | Promise<void> {
    if (this.#buffer.length - this.#at >= n) return
    if (this.offset + n > this.limit) throw new EndOfFile()
    return this.#fill(n)
  }

  async #fill(n: number): Promise<void> {
    const rest = this.#buffer.subarray(this.#at)
    const start = this.offset
    const buffer = Buffer.allocUnsafe(Math.min(Math.max(n, CHUNK), this.limit - start))
    rest.copy(buffer)
    let length = rest.length
    while (length < buffer.length) {
      const { bytesRead } = await this.#handle.read(
        buffer,
        length,
        buffer.length - length,
        start + length,
      )
      if (bytesRead === 0) throw new EndOfFile()
      length += bytesRead
    }
    this.#buffer = buffer
    this.#base = start
    this.#at = 0
  }

  /** Moves forward by `n` bytes without reading them. */
  skip(n: number): void {
    if (this.offset + n > this.limit) throw new EndOfFile()
    this.seek(this.offset + n)
  }

  seek(offset: number): void {
    const at = offset - this.#base
    if (at >= 0 && at <= this.#buffer.length) {
      this.#at = at
      return
    }
    this.#buffer = Buffer.alloc(0)
    this.#base = offset
    this.#at = 0
  }

  /** Returns a view of `n` bytes, which the next `need` may invalidate. */
  bytes(n: number): Buffer {
    return this.#buffer.subarray(this.#at, (this.#at += n))
  }
  u8(): number {
    return this.#buffer[this.#at++]!
  }
  i8(): number {
    return this.#buffer.readInt8(this.#advance(1))
  }
  u16(): number {
    return this.#buffer.readUInt16LE(this.#advance(2))
  }
  i16(): number {
    return this.#buffer.readInt16LE(this.#advance(2))
  }
  u32(): number {
    return this.#buffer.readUInt32LE(this.#advance(4))
  }
  i32(): number {
    return this.#buffer.readInt32LE(this.#advance(4))
  }
  f32(): number {
    return this.#buffer.readFloatLE(this.#advance(4))
  }
  f64(): number {
    return this.#buffer.readDoubleLE(this.#advance(8))
  }
  u64(): bigint {
    return this.#buffer.readBigUInt64LE(this.#advance(8))
  }
  i64(): bigint {
    return this.#buffer.readBigInt64LE(this.#advance(8))
  }
  /** Reads a count or length. A value above 2^53 becomes Infinity, which every limit rejects. */
  count(): number {
    const at = this.#advance(8)
    const high = this.#buffer.readUInt32LE(at + 4)
    return high < 2 ** 21 ? high * 2 ** 32 + this.#buffer.readUInt32LE(at) : Infinity
  }
  #advance(n: number): number {
    const at = this.#at
    this.#at += n
    return at
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}
