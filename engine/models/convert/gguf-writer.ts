/**
 * Writes the header of a GGUF v3 file: metadata and tensor table, little-endian
 * (ggml/include/gguf.h).
 */
import { VALUE_TYPE_NAMES } from '../gguf-types.ts'

export const ALIGNMENT = 32
export const padded = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT

export type GgufValue =
  | { type: 'u32' | 'f32'; value: number }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'strings'; value: readonly string[] }
  | { type: 'i32s'; value: Int32Array }
/** Entries in the order of the file. */
export type Metadata = [key: string, value: GgufValue][]

export const u32 = (value: number): GgufValue => ({ type: 'u32', value })
export const f32 = (value: number): GgufValue => ({ type: 'f32', value })
export const bool = (value: boolean): GgufValue => ({ type: 'bool', value })
export const str = (value: string): GgufValue => ({ type: 'string', value })

export interface TableEntry {
  name: string
  /** The contiguous dimension comes first. */
  shape: readonly number[]
  /** ggml's number for the type. */
  type: number
  /** Size without padding. */
  bytes: number
}

const code = (name: (typeof VALUE_TYPE_NAMES)[number]) => VALUE_TYPE_NAMES.indexOf(name)

/**
 * Returns the header, padded to the start of the tensor data. The tensors follow one another, each
 * padded.
 */
export function encodeHeader(metadata: Metadata, tensors: readonly TableEntry[]): Buffer {
  const parts: Buffer[] = []
  const number = (bytes: 1 | 4, value: number) => {
    const b = Buffer.alloc(bytes)
    if (bytes === 1) b.writeUInt8(value)
    else b.writeUInt32LE(value)
    parts.push(b)
  }
  const count = (value: number) => {
    const b = Buffer.alloc(8)
    b.writeBigUInt64LE(BigInt(value))
    parts.push(b)
  }
  const text = (value: string) => {
    const b = Buffer.from(value, 'utf8')
    count(b.length)
    parts.push(b)
  }

  parts.push(Buffer.from('GGUF'))
  number(4, 3)
  count(tensors.length)
  count(metadata.length)
  for (const [key, entry] of metadata) {
    text(key)
    switch (entry.type) {
      case 'u32':
        number(4, code('u32'))
        number(4, entry.value)
        break
      case 'f32': {
        number(4, code('f32'))
        const b = Buffer.alloc(4)
        b.writeFloatLE(entry.value)
        parts.push(b)
        break
      }
      case 'bool':
        number(4, code('bool'))
        number(1, Number(entry.value))
        break
      case 'string':
        number(4, code('string'))
        text(entry.value)
        break
      case 'strings':
        number(4, code('array'))
        number(4, code('string'))
        count(entry.value.length)
        for (const value of entry.value) text(value)
        break
      case 'i32s': {
        number(4, code('array'))
        number(4, code('i32'))
        count(entry.value.length)
        const b = Buffer.alloc(entry.value.length * 4)
        entry.value.forEach((value, i) => b.writeInt32LE(value, i * 4))
        parts.push(b)
      }
    }
  }
  let offset = 0
  for (const { name, shape, type, bytes } of tensors) {
    text(name)
    number(4, shape.length)
    for (const n of shape) count(n)
    number(4, type)
    count(offset)
    offset += padded(bytes)
  }
  const length = parts.reduce((sum, { length: n }) => sum + n, 0)
  parts.push(Buffer.alloc(padded(length) - length))
  return Buffer.concat(parts)
}
