import { expect, it } from 'vitest'
import { decode, encode, fromHalf, toHalf } from '../../../engine/models/convert/numbers.ts'
import { encodeTensor, toHalf as oracle } from '../../support/gguf-writer.ts'
import { Random } from '../../support/random.ts'

/** Calls `expect` only on a difference: for this many numbers, it alone would take seconds. */
function same(a: number, b: number): void {
  if (a !== b) expect(a).toBe(b)
}

it('every half survives, and halves are rounded as by another implementation', () => {
  for (let half = 0; half < 0x7c00; half++) {
    same(toHalf(fromHalf(half)), half)
    // Halfway to the next half, and the two float32 neighbours of that value.
    const middle = (fromHalf(half) + fromHalf(half + 1)) / 2
    if (half < 0x7bff)
      for (const value of [middle, middle * (1 + 2 ** -22), middle * (1 - 2 ** -22)])
        same(toHalf(Math.fround(value)), oracle(Math.fround(value)))
  }
  const random = new Random(5)
  for (let i = 0; i < 100_000; i++) {
    const value = Math.fround(random.normal() * 2 ** (random.int(50) - 30))
    same(toHalf(value), oracle(value))
  }
})

it('bf16 rounds to the nearest, ties to even', () => {
  const bytes = (values: number[]) => [
    ...new Uint16Array(encode('bf16', Float32Array.from(values), 'x').slice().buffer),
  ]
  expect(bytes([1, -2, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20])).toEqual([
    0x3f80, 0xc000, 0x3f80, 0x3f82, 0x3f81,
  ])
})

it('q8_0 keeps every value within half a step', () => {
  const values = new Random(6).normals(32 * 200, 3)
  const bytes = encode('q8_0', values, 'x')
  expect(bytes.length).toBe(34 * 200)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  for (let block = 0; block < 200; block++) {
    const scale = fromHalf(view.getUint16(block * 34, true))
    for (let i = 0; i < 32; i++)
      expect(
        Math.abs(view.getInt8(block * 34 + 2 + i) * scale - values[block * 32 + i]!),
      ).toBeLessThanOrEqual(scale * 0.5 + 130 * scale * 2 ** -11)
  }
  // Unless the rounding of the scale to a half matters, the test writer agrees within one step.
  const other = encodeTensor('q8_0', values).bytes
  other.forEach((byte, i) =>
    expect(Math.abs(((byte << 24) >> 24) - ((bytes[i]! << 24) >> 24))).toBeLessThanOrEqual(1),
  )
})

it('zeros, and blocks too small for a half', () => {
  expect([...encode('q8_0', new Float32Array(32), 'x')]).toEqual(new Array(34).fill(0))
  expect([...encode('q8_0', new Float32Array(32).fill(1e-44), 'x')].slice(2)).toEqual(
    new Array(32).fill(0),
  )
})

it('refuses what is not a number', () => {
  for (const bits of [0x7f80, 0xff80, 0x7fc0])
    expect(() => decode('bf16', new Uint8Array(Uint16Array.of(1, bits).buffer), 'x')).toThrow(
      /NaN or infinite/,
    )
})
