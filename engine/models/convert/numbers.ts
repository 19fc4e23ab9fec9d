/**
 * Converts weights from f32, f16 and bf16 to f32, f16, bf16 and q8_0. Values are rounded to
 * nearest, ties to even; q8_0 matches ggml's reference (ggml-quants.c, `quantize_row_q8_0_ref`).
 * Requires a little-endian machine, as every machine that Braid supports is.
 */
import { fail } from '../../protocol/errors.ts'
import type { SourceType } from './safetensors.ts'

export type DirectType = 'f32' | 'f16' | 'bf16' | 'q8_0'
/** Number of elements and bytes per block. */
export const DIRECT_TYPES: Readonly<
  Record<DirectType, { id: number; block: number; bytes: number }>
> = {
  f32: { id: 0, block: 1, bytes: 4 },
  f16: { id: 1, block: 1, bytes: 2 },
  q8_0: { id: 8, block: 32, bytes: 34 },
  bf16: { id: 30, block: 1, bytes: 2 },
}

const ONE = new Float32Array(1)
const ONE_BITS = new Uint32Array(ONE.buffer)

/** Returns the half-precision number nearest to a float32, as its 16 bits. */
export function toHalf(value: number): number {
  ONE[0] = value
  const bits = ONE_BITS[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude >= 0x7f800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00)
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  if (magnitude >= 0x38800000) {
    // Rounding may carry into the exponent, which gives the right result as well.
    const rounded = magnitude - 0x38000000 + 0x0fff + ((magnitude >>> 13) & 1)
    return sign | (rounded >>> 13)
  }
  if (magnitude < 0x33000000) return sign
  const shift = 126 - (magnitude >>> 23)
  const mantissa = (magnitude & 0x7fffff) | 0x800000
  const half = mantissa >>> shift
  const rest = mantissa & ((1 << shift) - 1)
  const tie = 1 << (shift - 1)
  return sign | (rest > tie || (rest === tie && (half & 1) === 1) ? half + 1 : half)
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

let halves: Float32Array | undefined
const halfTable = () => (halves ??= Float32Array.from({ length: 65_536 }, (_, i) => fromHalf(i)))

/**
 * Decodes raw elements to float32. `bytes` must start at the beginning of its buffer. Throws
 * `bad-model` if a value is NaN or infinite.
 */
export function decode(type: SourceType, bytes: Uint8Array, name: string): Float32Array {
  let values: Float32Array
  if (type === 'f32') {
    values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  } else if (type === 'f16') {
    const table = halfTable()
    const raw = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    values = new Float32Array(raw.length)
    for (let i = 0; i < raw.length; i++) values[i] = table[raw[i]!]!
  } else {
    const raw = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    const bits = new Uint32Array(raw.length)
    for (let i = 0; i < raw.length; i++) bits[i] = raw[i]! << 16
    values = new Float32Array(bits.buffer)
  }
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i]! & 0x7f800000) === 0x7f800000)
      throw fail('bad-model/file', {
        reason: `The tensor ${name} holds NaN or infinite values: the file is damaged.`,
      })
  }
  return values
}

/**
 * Encodes values as bytes of a tensor type. Throws `bad-model` if f16 or q8_0 cannot represent a
 * value.
 */
export function encode(type: DirectType, values: Float32Array, name: string): Uint8Array {
  if (type === 'f32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (type === 'q8_0') return encodeQ8(values, name)
  const out = new Uint16Array(values.length)
  if (type === 'f16') {
    for (let i = 0; i < values.length; i++) {
      const half = toHalf(values[i]!)
      if ((half & 0x7fff) === 0x7c00)
        throw fail('bad-model/file', {
          reason: `The tensor ${name} holds the value ${values[i]}, which f16 cannot represent. Convert to f32, bf16 or q8_0.`,
        })
      out[i] = half
    }
  } else {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length)
    for (let i = 0; i < bits.length; i++)
      out[i] = (bits[i]! + 0x7fff + ((bits[i]! >>> 16) & 1)) >>> 16
  }
  return new Uint8Array(out.buffer)
}

/** Encodes blocks of 32 values: a half-precision scale, then 32 signed bytes. */
function encodeQ8(values: Float32Array, name: string): Uint8Array {
  const out = new Uint8Array((values.length / 32) * 34)
  const fround = Math.fround
  for (let start = 0, at = 0; start < values.length; start += 32) {
    let max = 0
    for (let i = start; i < start + 32; i++) max = Math.max(max, Math.abs(values[i]!))
    const scale = fround(max / 127)
    const half = toHalf(scale)
    if (half === 0x7c00)
      throw fail('bad-model/file', {
        reason: `The tensor ${name} holds values up to ${max}, which q8_0 cannot represent. Convert to f32 or bf16.`,
      })
    // If the inverse of the scale would overflow, the scale itself rounds to 0 as a half.
    const inverse = scale < 2 ** -126 ? 0 : fround(1 / scale)
    out[at++] = half & 0xff
    out[at++] = half >>> 8
    for (let i = start; i < start + 32; i++) {
      const x = fround(values[i]! * inverse)
      out[at++] = x < 0 ? -Math.floor(0.5 - x) : Math.floor(x + 0.5)
    }
  }
  return out
}
