/**
 * Reads safetensors files: the header within hard limits, the weights in pieces. Every value of the
 * header is checked against the file's size before it is used. Format:
 * https://github.com/huggingface/safetensors
 */
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { regularHandle } from '../../files/index.ts'
import { fail } from '../../protocol/errors.ts'
import { ownEntry } from '../../protocol/own.ts'
import { CUT } from '../gguf.ts'
import { fileError, isRecord } from './files.ts'

export type SourceType = 'f32' | 'f16' | 'bf16'
const TYPES: Readonly<Record<string, SourceType>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' }
export const SOURCE_BYTES: Readonly<Record<SourceType, number>> = { f32: 4, f16: 2, bf16: 2 }
/**
 * Element sizes of the types that cannot be converted, so that their files can still be checked
 * completely.
 */
const OTHER_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  I32: 4,
  U32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
  C64: 8,
}

export const SAFETENSORS_LIMITS = {
  headerBytes: 16 * 2 ** 20,
  tensors: 65_536,
  dimensions: 8,
  nameBytes: 512,
  shards: 1000,
} as const

export interface SourceTensor {
  name: string
  file: string
  /** Type name in the file: `F32`, `F16`, `BF16` or a type that cannot be converted. */
  dtype: string
  /** Row-major: the contiguous dimension comes last. */
  shape: readonly number[]
  elements: number
  /** Offset within the file. */
  offset: number
  bytes: number
}
export interface SourceFile {
  file: string
  bytes: number
  mtimeMs: number
  headerSha256: string
}

export const bad = (file: string, message: string) =>
  fail('bad-model/file', { reason: `${file}: ${message}` })
export const show = (text: string) =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text)

/** Reads the header of one file. Throws `bad-model` with the fault, `model-not-found` or `io`. */
export async function readSafetensors(
  folder: string,
  file: string,
): Promise<{ source: SourceFile; tensors: SourceTensor[] }> {
  let handle: FileHandle | undefined
  try {
    handle = await regularHandle(join(folder, file))
    const { size, mtimeMs } = await handle.stat()
    if (size < 10) throw bad(file, `it is too short for a safetensors file: ${CUT}`)
    const length = await readAt(handle, 0, 8)
    const headerBytes = Number(length.readBigUInt64LE())
    if (length.toString('latin1').startsWith('version '))
      throw bad(file, 'this is a Git LFS pointer: the model itself was not downloaded.')
    if (!(headerBytes >= 2) || headerBytes > SAFETENSORS_LIMITS.headerBytes)
      throw bad(
        file,
        `the header claims ${headerBytes} bytes; at most ${SAFETENSORS_LIMITS.headerBytes} are read.`,
      )
    if (8 + headerBytes > size) throw bad(file, `it ends in the middle of its header: ${CUT}`)
    const bytes = await readAt(handle, 8, headerBytes)
    const tensors = parseHeader(file, bytes, 8 + headerBytes, size)
    return {
      source: {
        file,
        bytes: size,
        mtimeMs,
        headerSha256: createHash('sha256').update(bytes).digest('hex'),
      },
      tensors,
    }
  } catch (error) {
    throw fileError(error, file)
  } finally {
    await handle?.close()
  }
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done)
    if (bytesRead === 0)
      throw fail('bad-model/file', { reason: 'The file ended while it was being read.' })
    done += bytesRead
  }
  return buffer
}

function parseHeader(
  file: string,
  header: Buffer,
  dataOffset: number,
  size: number,
): SourceTensor[] {
  if (header[0] !== 0x7b)
    throw bad(file, 'this is not a safetensors file: its header does not begin with "{".')
  let parsed: unknown
  try {
    parsed = JSON.parse(header.toString('utf8'))
  } catch {
    throw bad(file, 'its header is not valid JSON.')
  }
  if (!isRecord(parsed)) throw bad(file, 'its header is not a JSON object.')
  const entries = Object.entries(parsed).filter(([name]) => name !== '__metadata__')
  if (entries.length > SAFETENSORS_LIMITS.tensors)
    throw bad(file, `it claims ${entries.length} tensors.`)
  const tensors = entries.map(([name, entry]) => tensorOf(file, name, entry, dataOffset, size))
  // The tensors must cover the data exactly once: an overlap or a gap means that an offset is
  // wrong.
  let end = dataOffset
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (tensor.offset !== end)
      throw bad(
        file,
        `the tensor ${show(tensor.name)} begins at ${tensor.offset}, expected at ${end}: the offsets leave a hole or overlap.`,
      )
    end += tensor.bytes
  }
  if (end !== size)
    throw bad(file, `its tensors end at ${end}, but the file has ${size} bytes: it is damaged.`)
  return tensors
}

function tensorOf(
  file: string,
  name: string,
  entry: unknown,
  dataOffset: number,
  size: number,
): SourceTensor {
  if (Buffer.byteLength(name) > SAFETENSORS_LIMITS.nameBytes || name === '')
    throw bad(file, `the tensor name ${show(name)} is empty or too long.`)
  if (!isRecord(entry)) throw bad(file, `the entry of ${show(name)} is not an object.`)
  const { dtype, shape, data_offsets: offsets } = entry
  const natural = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0
  if (typeof dtype !== 'string') throw bad(file, `the tensor ${show(name)} has no type.`)
  const type = ownEntry(TYPES, dtype)
  const width = type
    ? SOURCE_BYTES[type]
    : Object.hasOwn(OTHER_BYTES, dtype)
      ? OTHER_BYTES[dtype]!
      : undefined
  if (width === undefined)
    throw bad(file, `the tensor ${show(name)} has the type ${show(dtype)}, which is unknown.`)
  if (
    !Array.isArray(shape) ||
    shape.length > SAFETENSORS_LIMITS.dimensions ||
    !shape.every(natural)
  )
    throw bad(
      file,
      `the shape of ${show(name)} is not a list of at most ${SAFETENSORS_LIMITS.dimensions} sizes.`,
    )
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(natural))
    throw bad(file, `the offsets of ${show(name)} are not two numbers.`)
  const [start, end] = offsets as [number, number]
  const elements = (shape as number[]).reduce((product, n) => product * n, 1)
  const bytes = elements * width
  // Products beyond 2^53 are rejected with the others, because the offsets are below it.
  if (start > end || end - start !== bytes)
    throw bad(
      file,
      `the tensor ${show(name)} claims the shape [${shape.join(', ')}] of ${dtype} in ${end - start} bytes.`,
    )
  if (dataOffset + end > size)
    throw bad(
      file,
      `the tensor ${show(name)} ends ${dataOffset + end - size} bytes after the end of the file: ${CUT}`,
    )
  return {
    name,
    file,
    dtype,
    shape: shape as number[],
    elements,
    offset: dataOffset + start,
    bytes,
  }
}

/** Reads elements of a tensor from its open file into a new buffer. */
export async function readElements(
  handle: FileHandle,
  tensor: SourceTensor,
  start: number,
  count: number,
): Promise<Uint8Array> {
  const width = tensor.bytes / tensor.elements
  const bytes = new Uint8Array(count * width)
  let done = 0
  while (done < bytes.length) {
    const { bytesRead } = await handle.read(
      bytes,
      done,
      bytes.length - done,
      tensor.offset + start * width + done,
    )
    if (bytesRead === 0) throw bad(tensor.file, 'it ended while it was being read: it was changed.')
    done += bytesRead
  }
  return bytes
}

/** Returns the type of a tensor. Throws `wrong-model` if the type cannot be converted. */
export function sourceType(tensor: SourceTensor): SourceType {
  const type = ownEntry(TYPES, tensor.dtype)
  if (!type)
    throw fail('wrong-model/file', {
      reason: `The tensor ${show(tensor.name)} has the type ${tensor.dtype}; only F32, F16 and BF16 weights can be converted.`,
    })
  return type
}
