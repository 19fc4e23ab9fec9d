import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readSafetensors } from '../../../engine/models/convert/safetensors.ts'
import { BraidError } from '../../../engine/protocol/errors.ts'
import { Random } from '../../support/random.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-safetensors-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(header: unknown, data: Buffer, length?: bigint): Buffer {
  const json =
    typeof header === 'string' ? Buffer.from(header) : Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(length ?? BigInt(json.length))
  return Buffer.concat([size, json, data])
}
async function read(bytes: Buffer): Promise<string> {
  writeFileSync(join(folder, 'x.safetensors'), bytes)
  try {
    await readSafetensors(folder, 'x.safetensors')
    return 'read'
  } catch (error) {
    expect(error).toBeInstanceOf(BraidError)
    return `${(error as BraidError).code}: ${(error as BraidError).message}`
  }
}

const a = { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] }
const b = { dtype: 'BF16', shape: [3], data_offsets: [16, 22] }
const DATA = Buffer.alloc(22)

it('reads a whole file', async () => {
  writeFileSync(join(folder, 'x.safetensors'), file({ __metadata__: { format: 'pt' }, b, a }, DATA))
  const { tensors } = await readSafetensors(folder, 'x.safetensors')
  expect(tensors.map(({ name, shape, bytes }) => [name, shape, bytes])).toEqual([
    ['b', [3], 6],
    ['a', [2, 2], 16],
  ])
})

describe('hostile headers', () => {
  const cases: [string, Buffer, RegExp][] = [
    ['empty', Buffer.alloc(0), /too short/],
    ['a header of 2^63 bytes', file({ a }, DATA, 2n ** 63n), /claims/],
    ['a header past the end', file({ a }, DATA, 4000n), /middle of its header/],
    [
      'a Git LFS pointer',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n'),
      /LFS/,
    ],
    ['no JSON', file('{"a":', DATA), /JSON/],
    ['an array', file('[]xxxxx', DATA), /begin with/],
    [
      'a hole',
      file({ a, b: { ...b, data_offsets: [17, 23] } }, Buffer.alloc(23)),
      /hole or overlap/,
    ],
    [
      'an overlap',
      file({ a, b: { ...b, data_offsets: [10, 16] } }, Buffer.alloc(16)),
      /hole or overlap/,
    ],
    ['bytes after the last tensor', file({ a }, DATA), /22|end at/],
    ['a tensor past the end', file({ a, b }, Buffer.alloc(20)), /after the end/],
    ['offsets backwards', file({ a: { ...a, data_offsets: [16, 0] } }, Buffer.alloc(16)), /claims/],
    [
      'offsets that are not numbers',
      file({ a: { ...a, data_offsets: ['0', '16'] } }, Buffer.alloc(16)),
      /offsets/,
    ],
    [
      'offsets of 1e308',
      file({ a: { ...a, data_offsets: [0, 1e308] } }, Buffer.alloc(16)),
      /offsets/,
    ],
    [
      'a shape that overflows',
      file({ a: { ...a, shape: [2 ** 40, 2 ** 40, 2 ** 40] } }, Buffer.alloc(16)),
      /claims/,
    ],
    ['a negative shape', file({ a: { ...a, shape: [-2, -2] } }, Buffer.alloc(16)), /shape/],
    ['a fraction', file({ a: { ...a, shape: [2.5, 2] } }, Buffer.alloc(16)), /shape/],
    [
      'nine dimensions',
      file({ a: { ...a, shape: [1, 1, 1, 1, 1, 1, 1, 2, 2] } }, Buffer.alloc(16)),
      /shape/,
    ],
    ['a type that is unknown', file({ a: { ...a, dtype: 'F7' } }, Buffer.alloc(16)), /type/],
    [
      'a type from the prototype',
      file({ a: { ...a, dtype: 'constructor' } }, Buffer.alloc(16)),
      /type/,
    ],
    [
      'a size that does not fit the shape',
      file({ a: { ...a, data_offsets: [0, 12] } }, Buffer.alloc(12)),
      /claims/,
    ],
    ['an entry that is a text', file({ a: 'F32' }, Buffer.alloc(0)), /not an object/],
    ['a name of 10,000 letters', file({ ['x'.repeat(10_000)]: a }, Buffer.alloc(16)), /too long/],
  ]
  it.each(cases)('%s', async (_name, bytes, expected) => {
    const said = await read(bytes)
    expect(said).toMatch(/^bad-model: /)
    expect(said).toMatch(expected)
  })

  it('truncated at any byte, or with any byte changed: read or refused, never another error', async () => {
    const whole = file({ a, b }, DATA)
    for (let n = 0; n < whole.length; n++)
      expect(await read(whole.subarray(0, n))).toMatch(/^bad-model/)
    const random = new Random(3)
    for (let i = 0; i < 2000; i++) {
      const mutant = Buffer.from(whole)
      for (let k = 0; k <= random.int(3); k++) mutant[random.int(whole.length)] = random.int(256)
      expect(await read(mutant)).toMatch(/^(bad-model|read)/)
    }
  })
})
