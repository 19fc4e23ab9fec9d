/**
 * Reads the header of a GGUF file (metadata and tensor table), never the weights. It runs before
 * native code, so it trusts nothing in the file: counts and lengths are checked against limits
 * (gguf-types.ts) and the file's size before memory is allocated, and large arrays stay on disk
 * until they are needed. Unlike llama.cpp it rejects strings over 16 MiB, arrays over 64 Mi
 * elements and headers over 64 MiB. Format: ggml/include/gguf.h.
 */
import { fail } from '../protocol/errors.ts'
import { EndOfFile, FileReader } from './file-reader.ts'
import {
  LIMITS,
  TENSOR_TYPES,
  VALUE_BYTES,
  VALUE_TYPE_NAMES,
  type ValueType,
} from './gguf-types.ts'

/**
 * An array of the metadata: its place in the file, and its values if they are at most 4096 numbers
 * or booleans.
 */
export interface GgufArray {
  type: ValueType
  length: number
  offset: number
  bytes: number
  values?: readonly (number | boolean)[]
}
export type GgufScalar = number | bigint | boolean | string
export interface GgufEntry {
  type: ValueType
  value: GgufScalar | GgufArray
}
export interface GgufTensor {
  name: string
  /** The contiguous dimension comes first; there is at least one, and each is at least 1. */
  shape: number[]
  type: string
  elements: number
  /** Offset within the tensor data. */
  offset: number
  bytes: number
}
export interface GgufHeader {
  file: string
  fileBytes: number
  version: number
  alignment: number
  metadata: ReadonlyMap<string, GgufEntry>
  tensors: readonly GgufTensor[]
  /** Offset of the end of the tensor table. */
  headerBytes: number
  dataOffset: number
}

const INLINE = 4096
/** No tensor has more bytes, or more elements in one dimension. Up to here, sizes are exact. */
const MOST_BYTES = 2 ** 50
const MOST_ELEMENTS = 2 ** 31
/** Ends the sentence about a file that is too short: the cause and the remedy, after a colon. */
export const CUT = 'it is damaged or was not downloaded completely. Download it again.'
export const bad = (message: string) => fail('bad-model/file', { reason: message })

/** Reads a header. Throws `bad-model` with the fault, `model-not-found` or `io`. */
export async function readGguf(file: string): Promise<GgufHeader> {
  const reader = await FileReader.open(file, LIMITS.headerBytes)
  try {
    return await readHeader(reader, file)
  } catch (error) {
    if (!(error instanceof EndOfFile)) throw error
    throw bad(
      reader.size > LIMITS.headerBytes
        ? `The header is longer than ${LIMITS.headerBytes} bytes.`
        : `The file ends in the middle of its header: ${CUT}`,
    )
  } finally {
    await reader.close()
  }
}

async function readHeader(reader: FileReader, file: string): Promise<GgufHeader> {
  const start = Math.min(64, reader.limit)
  await reader.need(start)
  checkMagic(reader.bytes(start))
  reader.seek(4)
  await reader.need(20)
  const version = reader.u32()
  if (version !== 0 && (version & 0xffff) === 0)
    throw bad('The file is in the byte order of another kind of machine.')
  if (version < 2 || version > 3)
    throw bad(`GGUF version ${version} is not supported (2 and 3 are).`)
  const tensorCount = reader.count()
  const keyCount = reader.count()
  if (keyCount > LIMITS.keys) throw bad(`The file claims ${keyCount} metadata keys.`)
  if (tensorCount > LIMITS.tensors) throw bad(`The file claims ${tensorCount} tensors.`)
  // A key takes at least 14 bytes, a tensor at least 33.
  if (keyCount * 14 + tensorCount * 33 > reader.size) throw new EndOfFile()

  const metadata = new Map<string, GgufEntry>()
  for (let i = 0; i < keyCount; i++) {
    const key = await readString(reader, `name of metadata key ${i}`, LIMITS.keyBytes)
    if (key === '') throw bad(`Metadata key ${i} has no name.`)
    if (metadata.has(key)) throw bad(`The metadata key ${show(key)} occurs twice.`)
    metadata.set(key, await readEntry(reader, key))
  }
  const alignment = alignmentOf(metadata)

  const tensors: GgufTensor[] = []
  const names = new Set<string>()
  for (let i = 0; i < tensorCount; i++) {
    const tensor = await readTensor(reader, i)
    if (names.has(tensor.name)) throw bad(`The tensor ${show(tensor.name)} occurs twice.`)
    names.add(tensor.name)
    tensors.push(tensor)
  }

  const headerBytes = reader.offset
  const dataOffset = Math.ceil(headerBytes / alignment) * alignment
  let expected = 0
  let end = headerBytes // A file without tensors has no data, nor the padding before it.
  for (const { name, offset, bytes } of tensors) {
    if (offset !== expected)
      throw bad(
        offset > reader.size
          ? `The tensor ${show(name)} lies at ${offset}, after the end of the file.`
          : `The tensor ${show(name)} lies at ${offset}, expected at ${expected}.`,
      )
    end = dataOffset + offset + bytes
    expected = Math.ceil((offset + bytes) / alignment) * alignment
  }
  if (end > reader.size) throw fail('bad-model/incomplete', sizesOf(reader.size, end))
  return {
    file,
    fileBytes: reader.size,
    version,
    alignment,
    metadata,
    tensors,
    headerBytes,
    dataOffset,
  }
}

function checkMagic(head: Buffer): void {
  const text = head.toString('latin1')
  if (text.startsWith('GGUF')) return
  if (head.length === 0) throw bad(`The file is empty: ${CUT}`)
  if ('GGUF'.startsWith(text))
    throw bad(`This is not a GGUF file, but the beginning of one: ${CUT}`)
  if (text.startsWith('PK'))
    throw bad('This is a zip archive (or a PyTorch checkpoint), not a GGUF file.')
  if (/^(ggml|lmgg|fmgg|tjgg)/.test(text))
    throw bad('This is a model in the old GGML format, from before GGUF.')
  if (text.startsWith('version https://git-lfs'))
    throw bad('This is a Git LFS pointer: the model itself was not downloaded.')
  if (/^\s*<(!doctype|html)/i.test(text))
    throw bad('This is a web page, not a GGUF file: the download went wrong.')
  if (text[8] === '{' && head.length >= 9 && head.readUIntLE(0, 6) < 2 ** 40)
    throw bad('This is a safetensors file; it must be converted to GGUF first.')
  throw bad('This is not a GGUF file: it does not begin with "GGUF".')
}

async function readEntry(reader: FileReader, key: string): Promise<GgufEntry> {
  await reader.need(4)
  const type = valueType(reader.u32(), key)
  if (type !== 'array') return { type, value: await readScalar(reader, type, key) }
  await reader.need(12)
  const of = valueType(reader.u32(), key)
  const length = reader.count()
  if (of === 'array') throw bad(`The metadata key ${show(key)} is an array of arrays.`)
  if (length > LIMITS.arrayElements)
    throw bad(`The metadata key ${show(key)} claims ${length} elements.`)
  const offset = reader.offset
  let values: (number | boolean)[] | undefined
  if (of === 'string') {
    for (let i = 0; i < length; i++) {
      const wait = reader.need(8)
      if (wait) await wait
      skipString(reader, reader.count(), key)
    }
  } else if (length <= INLINE && of !== 'u64' && of !== 'i64') {
    await reader.need(length * VALUE_BYTES[of]!)
    values = Array.from({ length }, () => fixed(reader, of) as number | boolean)
  } else {
    reader.skip(length * VALUE_BYTES[of]!)
  }
  return { type, value: { type: of, length, offset, bytes: reader.offset - offset, values } }
}

function skipString(reader: FileReader, bytes: number, key: string): void {
  if (bytes > LIMITS.stringBytes) throw bad(`A string of ${show(key)} claims ${bytes} bytes.`)
  reader.skip(bytes)
}

async function readScalar(
  reader: FileReader,
  type: Exclude<ValueType, 'array'>,
  key: string,
): Promise<GgufScalar> {
  if (type === 'string') return readString(reader, show(key), LIMITS.stringBytes)
  await reader.need(VALUE_BYTES[type]!)
  return fixed(reader, type)
}

export function fixed(reader: FileReader, type: ValueType): number | bigint | boolean {
  switch (type) {
    case 'bool':
      return reader.u8() !== 0
    case 'u64':
    case 'i64': {
      const value = type === 'u64' ? reader.u64() : reader.i64()
      return Number.isSafeInteger(Number(value)) ? Number(value) : value
    }
    default:
      return reader[type as 'u8' | 'i8' | 'u16' | 'i16' | 'u32' | 'i32' | 'f32' | 'f64']()
  }
}

async function readString(reader: FileReader, what: string, limit: number): Promise<string> {
  await reader.need(8)
  const bytes = reader.count()
  if (bytes > limit) throw bad(`The ${what} claims ${bytes} bytes.`)
  await reader.need(bytes)
  return reader.bytes(bytes).toString('utf8')
}

async function readTensor(reader: FileReader, index: number): Promise<GgufTensor> {
  const name = await readString(reader, `name of tensor ${index}`, LIMITS.tensorNameBytes)
  await reader.need(4)
  const dimensions = reader.u32()
  if (dimensions > LIMITS.dimensions)
    throw bad(`The tensor ${show(name)} has ${dimensions} dimensions.`)
  await reader.need(dimensions * 8 + 12)
  const shape = Array.from({ length: dimensions }, () => reader.count())
  const type = TENSOR_TYPES.get(reader.u32())
  const offset = reader.count()
  if (!type) throw bad(`The tensor ${show(name)} has an unknown type.`)
  if (shape.length === 0) shape.push(1)
  const elements = shape.reduce((product, n) => product * n, 1)
  // What does not fit the file is found with the whole table, by which a cut file is told.
  const bytes = (elements / type.block) * type.bytes
  if (shape.some((n) => n < 1 || n > MOST_ELEMENTS) || !(bytes <= MOST_BYTES))
    throw bad(`The tensor ${show(name)} claims the shape [${shape.join(', ')}].`)
  if (shape[0]! % type.block !== 0)
    throw bad(
      `The tensor ${show(name)} has rows of ${shape[0]} elements, not a multiple of the block of ${type.name}.`,
    )
  return { name, shape, type: type.name, elements, offset, bytes }
}

function valueType(number: number, key: string): ValueType {
  const type = VALUE_TYPE_NAMES[number]
  if (!type)
    throw bad(`The metadata key ${show(key)} has the value type ${number}, which does not exist.`)
  return type
}

function alignmentOf(metadata: Map<string, GgufEntry>): number {
  const entry = metadata.get('general.alignment')
  if (!entry) return 32
  const { type, value } = entry
  if (
    type !== 'u32' ||
    typeof value !== 'number' ||
    value < 1 ||
    value > LIMITS.alignment ||
    (value & (value - 1)) !== 0
  ) {
    throw bad('general.alignment is not a power of two within the limit.')
  }
  return value
}

/** Quotes a name from the file for a message and shortens it to 80 characters. */
export const show = (name: string) =>
  JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name)

/** Returns the sizes of a file that was cut off and of the whole one, so that they differ. */
function sizesOf(here: number, all: number): { here: string; all: string } {
  const short = { here: megabytes(here), all: megabytes(all) }
  return short.here === short.all ? { here: `${here} bytes`, all: `${all} bytes` } : short
}

/** Returns a size as publishers give it: 5.0 MB, 98 MB, 1.12 GB. */
const megabytes = (bytes: number): string =>
  bytes >= 1e9
    ? `${(bytes / 1e9).toFixed(2)} GB`
    : `${(bytes / 1e6).toFixed(bytes >= 1e7 ? 0 : 1)} MB`
