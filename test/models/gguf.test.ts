import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readGguf } from '../../engine/models/gguf.ts'
import { forEachString, readNumbers } from '../../engine/models/gguf-arrays.ts'
import { BraidError } from '../../engine/protocol/errors.ts'
import {
  array,
  bool,
  encodeGguf,
  encodeHeader,
  f32,
  fromHalf,
  str,
  toHalf,
  u32,
  type Metadata,
  type Tensor,
} from '../support/gguf-writer.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-gguf-'))
afterAll(() => rmSync(folder, { recursive: true }))
let count = 0
const write = (bytes: Uint8Array | string): string => {
  const file = join(folder, `${count++}.gguf`)
  writeFileSync(file, bytes)
  return file
}
async function refused(bytes: Uint8Array | string): Promise<string> {
  const error = await readGguf(write(bytes)).then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(BraidError)
  expect((error as BraidError).code).toBe('bad-model')
  return (error as BraidError).message
}

const METADATA: Metadata = {
  'general.architecture': str('llama'),
  'a.u8': { type: 'u8', value: 200 },
  'a.i8': { type: 'i8', value: -5 },
  'a.u16': { type: 'u16', value: 65535 },
  'a.i16': { type: 'i16', value: -300 },
  'a.u32': u32(4_000_000_000),
  'a.i32': { type: 'i32', value: -7 },
  'a.f32': f32(0.5),
  'a.f64': { type: 'f64', value: 1e300 },
  'a.bool': bool(true),
  'a.u64': { type: 'u64', value: 2n ** 63n },
  'a.i64': { type: 'i64', value: -9 },
  'a.text': str('Ж "ok"'),
  'b.texts': array('string', ['one', '', 'drei Ж']),
  'b.numbers': array('i32', [1, -2, 3]),
  'b.flags': array('bool', [true, false]),
  'b.many': array(
    'f32',
    Array.from({ length: 5000 }, (_, i) => i / 2),
  ),
}
const TENSORS: Tensor[] = [
  { name: 'x', shape: [3, 2], type: 'f32', data: [1, 2, 3, 4, 5, 6] },
  { name: 'y', shape: [32], type: 'q8_0', data: Array.from({ length: 32 }, (_, i) => i) },
  { name: 'z', shape: [5], type: 'f16', data: [1, 2, 3, 4, 5] },
]

describe('a whole file', () => {
  it.each([32, 64, 1, 4096])('is read back, alignment %i', async (alignment) => {
    const bytes = encodeGguf(METADATA, TENSORS, alignment)
    const header = await readGguf(write(bytes))
    expect(header).toMatchObject({ version: 3, alignment, fileBytes: bytes.length })
    const scalars = Object.fromEntries(
      [...header.metadata].filter(([k]) => k.startsWith('a.')).map(([k, { value }]) => [k, value]),
    )
    expect(scalars).toEqual({
      'a.u8': 200,
      'a.i8': -5,
      'a.u16': 65535,
      'a.i16': -300,
      'a.u32': 4_000_000_000,
      'a.i32': -7,
      'a.f32': 0.5,
      'a.f64': 1e300,
      'a.bool': true,
      'a.u64': 2n ** 63n,
      'a.i64': -9,
      'a.text': 'Ж "ok"',
    })
    expect(
      header.tensors.map(({ name, shape, type, elements, bytes: n }) => [
        name,
        shape,
        type,
        elements,
        n,
      ]),
    ).toEqual([
      ['x', [3, 2], 'F32', 6, 24],
      ['y', [32], 'Q8_0', 32, 34],
      ['z', [5], 'F16', 5, 10],
    ])
    const x = header.dataOffset + header.tensors[0]!.offset
    expect(bytes.readFloatLE(x + 20)).toBe(6)
  })

  it('gives its arrays on demand', async () => {
    const header = await readGguf(write(encodeGguf(METADATA, TENSORS)))
    const at = (key: string) => header.metadata.get(key)!.value as never
    const texts: string[] = []
    await forEachString(header.file, at('b.texts'), (bytes) => texts.push(bytes.toString('utf8')))
    expect(texts).toEqual(['one', '', 'drei Ж'])
    expect(await readNumbers(header.file, at('b.numbers'))).toEqual([1, -2, 3])
    expect(await readNumbers(header.file, at('b.flags'))).toEqual([true, false])
    expect((await readNumbers(header.file, at('b.many')))[4999]).toBe(2499.5)
  })

  it('may have no metadata and no tensors', async () => {
    expect(await readGguf(write(encodeGguf({}, [])))).toMatchObject({
      tensors: [],
      headerBytes: 24,
    })
  })
})

describe('what is not a GGUF', () => {
  it.each([
    ['an empty file', '', /empty/],
    ['a text', 'hello there, this is a text file', /not a GGUF/],
    ['a zip', 'PK\x03\x04rest of the archive', /zip/],
    ['a web page', '<!DOCTYPE html><html>', /web page/],
    ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1\noid sha256:0', /LFS/],
    [
      'safetensors',
      Buffer.concat([Buffer.from([40, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{"x":{"dtype":"F32"}}')]),
      /safetensors/,
    ],
    ['an old GGML model', 'tjgg\x03\0\0\0', /old GGML/],
    ['three bytes', 'GGU', /not a GGUF/],
  ])('%s', async (_, bytes, message) => {
    expect(await refused(bytes)).toMatch(message)
  })

  it('a folder', async () => {
    mkdirSync(join(folder, 'folder.gguf'))
    await expect(readGguf(join(folder, 'folder.gguf'))).rejects.toMatchObject({ code: 'bad-model' })
  })
  it('a missing file', async () => {
    await expect(readGguf(join(folder, 'missing.gguf'))).rejects.toMatchObject({
      code: 'model-not-found',
    })
  })
  it.runIf(process.platform === 'linux')('a device', async () => {
    await expect(readGguf('/dev/zero')).rejects.toMatchObject({ code: 'bad-model' })
  })
})

it('a file cut at any byte of its header or data is refused', async () => {
  const small = encodeGguf(
    {
      'general.architecture': str('llama'),
      n: u32(1),
      list: array('string', ['a', 'b']),
      nums: array('u64', [1, 2]),
    },
    TENSORS.slice(0, 2),
  )
  // The padding after the last tensor is not needed.
  const needed = small.length - (32 - (34 % 32))
  const file = join(folder, 'cut.gguf')
  for (let n = 0; n < needed; n++) {
    writeFileSync(file, small.subarray(0, n))
    await expect(readGguf(file), `cut at ${n}`).rejects.toMatchObject({ code: 'bad-model' })
  }
  writeFileSync(file, small.subarray(0, needed))
  await readGguf(file)
})

/** Returns a copy with a number of `bytes` bytes at `at`. */
function patched(source: Buffer, at: number, value: bigint | number, bytes: 4 | 8 = 8): Buffer {
  const copy = Buffer.from(source)
  if (bytes === 8) copy.writeBigUInt64LE(BigInt(value), at)
  else copy.writeUInt32LE(Number(value), at)
  return copy
}

describe('hostile headers: the kinds of llama.cpp tests/test-gguf.cpp and published overflows', () => {
  // "k" of type u32 is at byte 24; the first tensor, "x", follows at 24 + 8 + 1 + 4 + 4 = 41.
  const key = 24
  const tensor = 41
  const base = encodeGguf({ k: u32(1) }, [
    { name: 'x', shape: [32, 2], type: 'f32', data: new Float32Array(64) },
    { name: 'y', shape: [32], type: 'f32', data: new Float32Array(32) },
  ])
  const dims = tensor + 8 + 1
  const type = dims + 4 + 16
  const huge = [2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, 2n ** 32n]

  it.each([
    ['version 0', patched(base, 4, 0, 4), /version 0/],
    ['version 1', patched(base, 4, 1, 4), /version 1/],
    ['version 4', patched(base, 4, 4, 4), /version 4/],
    ['big-endian', patched(base, 4, 0x03000000, 4), /byte order/],
    [
      'empty key',
      Buffer.concat([base.subarray(0, key), Buffer.alloc(8), base.subarray(key + 9)]),
      /no name/,
    ],
    ['value type 13', patched(base, key + 9, 13, 4), /value type 13/],
    ['value type 2^31', patched(base, key + 9, 2 ** 31, 4), /value type/],
    ['5 dimensions', patched(base, dims, 5, 4), /5 dimensions/],
    ['2^32-1 dimensions', patched(base, dims, 2 ** 32 - 1, 4), /dimensions/],
    ['a dimension of 0', patched(base, dims + 4, 0), /shape/],
    ['tensor type 4', patched(base, type, 4, 4), /unknown type/],
    ['tensor type 31', patched(base, type, 31, 4), /unknown type/],
    ['tensor type 43', patched(base, type, 43, 4), /unknown type/],
    ['tensor offset 1', patched(base, type + 4, 1), /expected at 0/],
    ['a row that is not a whole block', patched(patched(base, dims + 4, 33), type, 8, 4), /block/],
  ])('%s', async (_, bytes, message) => {
    expect(await refused(bytes)).toMatch(message)
  })

  it.each(huge)('%i as a count, length, dimension or offset', async (n) => {
    expect(await refused(patched(base, 8, n))).toMatch(/tensors/)
    expect(await refused(patched(base, 16, n))).toMatch(/keys/)
    expect(await refused(patched(base, key, n))).toMatch(/name of metadata key 0/)
    expect(await refused(patched(base, tensor, n))).toMatch(/name of tensor 0/)
    expect(await refused(patched(base, dims + 4, n))).toMatch(/shape/)
    expect(await refused(patched(base, dims + 12, n))).toMatch(/shape/)
    expect(await refused(patched(base, type + 4, n))).toMatch(/after the end/)
    const text = encodeHeader({ k: str('abc') }, [])
    expect(await refused(patched(text, key + 13, n))).toMatch(/claims/)
    for (const of of ['u8', 'u64', 'string'] as const) {
      const list = encodeHeader({ k: array(of, of === 'string' ? ['a'] : [1]) }, [])
      expect(await refused(patched(list, key + 17, n))).toMatch(/elements/)
    }
  })

  it('shapes whose product wraps around 2^64 or 2^63', async () => {
    expect(
      await refused(patched(patched(base, dims + 4, 2n ** 32n), dims + 12, 2n ** 32n)),
    ).toMatch(/shape/)
    expect(
      await refused(patched(patched(base, dims + 4, 2n ** 33n), dims + 12, 2n ** 31n + 1n)),
    ).toMatch(/shape/)
  })

  it('an array of arrays', async () => {
    const list = encodeHeader({ k: array('u32', [1]) }, [])
    expect(await refused(patched(list, key + 13, 9, 4))).toMatch(/array of arrays/)
  })

  it('a key or a tensor that occurs twice', async () => {
    const two = encodeHeader({ k1: u32(1), k2: u32(2) }, [])
    two.write('k1', two.indexOf('k2'))
    expect(await refused(two)).toMatch(/occurs twice/)
    const copy = Buffer.from(base)
    copy.write('x', copy.indexOf('y'))
    expect(await refused(copy)).toMatch(/occurs twice/)
  })

  it.each([0, 3, 33, 2 ** 31])('alignment %i', async (alignment) => {
    expect(await refused(encodeHeader({ 'general.alignment': u32(alignment) }, []))).toMatch(
      /alignment/,
    )
  })
  it('an alignment of another type', async () => {
    expect(await refused(encodeHeader({ 'general.alignment': str('32') }, []))).toMatch(/alignment/)
  })
  it('tensor data beyond the end', async () => {
    expect(await refused(base.subarray(0, base.length - 1))).toMatch(
      /^Incomplete file: \d+ bytes here, about \d+ bytes expected\. Download it again\.$/,
    )
    const shape = [576, 49_152]
    const header = encodeHeader({}, [{ name: 'token_embd.weight', shape, type: 'f32' }])
    expect(await refused(Buffer.concat([header, Buffer.alloc(5e6 - header.length)]))).toBe(
      'Incomplete file: 5.0 MB here, about 113 MB expected. Download it again.',
    )
  })
  it('names too long', async () => {
    expect(
      await refused(encodeGguf({}, [{ name: 'n'.repeat(64), shape: [1], type: 'f32', data: [0] }])),
    ).toMatch(/claims 64 bytes/)
    expect(await refused(encodeHeader({ ['k'.repeat(70_000)]: u32(1) }, []))).toMatch(
      /claims 70000 bytes/,
    )
  })
})

it('halves are the nearest', () => {
  for (let h = 0; h < 0x7c00; h++) expect(toHalf(fromHalf(h))).toBe(h)
  expect([
    toHalf(1 + 2 ** -11),
    toHalf(1 + 3 * 2 ** -11),
    toHalf(-65520),
    toHalf(65519),
    toHalf(2 ** -25),
  ]).toEqual([0x3c00, 0x3c02, 0xfc00, 0x7bff, 0])
})
