/**
 * Writes GGUF v3 files for tests: any metadata, tensors in F32, F16 or Q8_0; headers for other types too.
 * Layout after ggml/include/gguf.h; little-endian.
 */

/** Numbers of the value types in the file (gguf.h, `enum gguf_type`). */
export const VALUE_TYPES = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const
type ScalarType = Exclude<keyof typeof VALUE_TYPES, 'array'>
type Scalar = number | bigint | boolean | string

export type GgufValue =
  { type: ScalarType; value: Scalar } | { type: 'array'; of: ScalarType; values: readonly Scalar[] }
export type Metadata = Record<string, GgufValue>

export const u32 = (value: number): GgufValue => ({ type: 'u32', value })
export const f32 = (value: number): GgufValue => ({ type: 'f32', value })
export const bool = (value: boolean): GgufValue => ({ type: 'bool', value })
export const str = (value: string): GgufValue => ({ type: 'string', value })
export const array = (of: ScalarType, values: readonly Scalar[]): GgufValue => ({
  type: 'array',
  of,
  values,
})

/** Number in the file, elements of a block and its bytes (ggml.h, ggml-common.h). */
const TENSOR_TYPES = {
  f32: [0, 1, 4],
  f16: [1, 1, 2],
  q4_0: [2, 32, 18],
  q8_0: [8, 32, 34],
  q6_k: [14, 256, 210],
  q8_k: [15, 256, 292],
  i32: [26, 1, 4],
  f64: [28, 1, 8],
} as const
export type TensorType = keyof typeof TENSOR_TYPES

export interface TensorInfo {
  name: string
  /** GGUF order: the contiguous dimension first. */
  shape: readonly number[]
  type: TensorType
}
export interface Tensor extends TensorInfo {
  data: ArrayLike<number>
}

const elements = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
const pad = (n: number, alignment: number) => Math.ceil(n / alignment) * alignment

export function tensorBytes({ shape, type }: TensorInfo): number {
  const [, block, bytes] = TENSOR_TYPES[type]
  return (elements(shape) / block) * bytes
}

const HALF = new Float32Array(1)
const HALF_BITS = new Uint32Array(HALF.buffer)
/** Returns the nearest IEEE 754 half of a number, as its 16 bits. */
export function toHalf(value: number): number {
  HALF[0] = value
  const bits = HALF_BITS[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return sign | 0x7e00
  if (magnitude >= 65520) return sign | 0x7c00
  if (magnitude < 2 ** -14) return sign | roundEven(magnitude * 2 ** 24)
  const exponent = ((bits >>> 23) & 0xff) - 127
  return sign | (((exponent + 15) << 10) + roundEven((magnitude / 2 ** exponent - 1) * 1024))
}
function roundEven(x: number): number {
  const floor = Math.floor(x)
  return x - floor > 0.5 || (x - floor === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >>> 10) & 31
  const fraction = half & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return (
    sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
  )
}

/** Returns the bytes of a tensor's data, and the values that they represent. */
export function encodeTensor(
  type: TensorType,
  data: ArrayLike<number>,
): { bytes: Buffer; values: Float64Array } {
  const values = new Float64Array(data.length)
  const bytes = Buffer.alloc(tensorBytes({ name: '', shape: [data.length], type }))
  if (type === 'f32') {
    for (let i = 0; i < data.length; i++) {
      bytes.writeFloatLE(data[i]!, i * 4)
      values[i] = Math.fround(data[i]!)
    }
  } else if (type === 'f16') {
    for (let i = 0; i < data.length; i++) {
      const h = toHalf(data[i]!)
      bytes.writeUInt16LE(h, i * 2)
      values[i] = fromHalf(h)
    }
  } else if (type === 'q8_0') {
    for (let block = 0; block * 32 < data.length; block++) {
      let max = 0
      for (let i = 0; i < 32; i++) max = Math.max(max, Math.abs(data[block * 32 + i]!))
      const half = toHalf(max / 127)
      const scale = fromHalf(half)
      bytes.writeUInt16LE(half, block * 34)
      for (let i = 0; i < 32; i++) {
        const q =
          scale === 0 ? 0 : Math.max(-127, Math.min(127, Math.round(data[block * 32 + i]! / scale)))
        bytes.writeInt8(q, block * 34 + 2 + i)
        values[block * 32 + i] = q * scale
      }
    }
  } // Others, which no model computes with, stay zero.
  return { bytes, values }
}

/** Returns the header of a file up to the aligned start of its tensor data. */
export function encodeHeader(
  metadata: Metadata,
  tensors: readonly TensorInfo[],
  alignment = 32,
): Buffer {
  let out = Buffer.alloc(2 ** 16)
  let at = 0
  /** Makes room for `n` more bytes; returns their offset. */
  const room = (n: number): number => {
    if (at + n > out.length) out = Buffer.concat([out, Buffer.alloc(Math.max(out.length, n))])
    return (at += n) - n
  }
  const integer = (bytes: number, value: number | bigint) => {
    const start = room(bytes)
    if (bytes === 8) out.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), start)
    else
      out.writeUIntLE(
        Number(value) < 0 ? Number(value) + 2 ** (8 * bytes) : Number(value),
        start,
        bytes,
      )
  }
  const text = (value: string) => {
    const bytes = Buffer.byteLength(value)
    integer(8, bytes)
    const start = room(bytes)
    out.write(value, start)
  }
  const scalar = (type: ScalarType, value: Scalar): void => {
    if (type === 'string') {
      text(value as string)
      return
    }
    if (type === 'f32') {
      const start = room(4)
      out.writeFloatLE(value as number, start)
      return
    }
    if (type === 'f64') {
      const start = room(8)
      out.writeDoubleLE(value as number, start)
      return
    }
    const bytes = { u8: 1, i8: 1, bool: 1, u16: 2, i16: 2, u32: 4, i32: 4, u64: 8, i64: 8 }[type]
    integer(bytes, typeof value === 'boolean' ? Number(value) : (value as number | bigint))
  }
  const all = alignment === 32 ? metadata : { ...metadata, 'general.alignment': u32(alignment) }
  integer(4, 0x46554747) // "GGUF"
  integer(4, 3)
  integer(8, tensors.length)
  integer(8, Object.keys(all).length)
  for (const [key, value] of Object.entries(all)) {
    text(key)
    integer(4, VALUE_TYPES[value.type])
    if (value.type === 'array') {
      integer(4, VALUE_TYPES[value.of])
      integer(8, value.values.length)
      for (const v of value.values) scalar(value.of, v)
    } else scalar(value.type, value.value)
  }
  let offset = 0
  for (const tensor of tensors) {
    text(tensor.name)
    integer(4, tensor.shape.length)
    for (const n of tensor.shape) integer(8, n)
    integer(4, TENSOR_TYPES[tensor.type][0])
    integer(8, offset)
    offset += pad(tensorBytes(tensor), alignment)
  }
  room(pad(at, alignment) - at)
  return out.subarray(0, at)
}

/** Returns a whole file. */
export function encodeGguf(metadata: Metadata, tensors: readonly Tensor[], alignment = 32): Buffer {
  return Buffer.concat([
    encodeHeader(metadata, tensors, alignment),
    encodeTensors(tensors, alignment),
  ])
}

/** What stands behind the header. */
export const encodeTensors = (tensors: readonly Tensor[], alignment = 32): Buffer =>
  Buffer.concat(
    tensors.flatMap(({ type, data }) => {
      const { bytes } = encodeTensor(type, data)
      return [bytes, Buffer.alloc(pad(bytes.length, alignment) - bytes.length)]
    }),
  )
