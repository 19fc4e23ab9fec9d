/** Patch 0001 refuses malformed tables with the reason, and row -1 adds nothing; patch 0002 keeps tables in F32. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon, type NativeModel } from '../../engine/native/load.ts'
import { ensureNative } from '../../scripts/native/index.ts'
import { tinyModel, type TinyModel } from '../support/tiny-models.ts'

let folder: string
beforeAll(async () => {
  await ensureNative()
  folder = mkdtempSync(join(tmpdir(), 'braid-tables-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function write(gguf: Buffer): string {
  const path = join(folder, `${files++}.gguf`)
  writeFileSync(path, gguf)
  return path
}
const open = (path: string) => loadAddon().openModel({ path, device: 'CPU', gpuLayers: 0 }).done

/** Replaces bytes of a header with others of the same length. */
function replaced(model: TinyModel, from: string | Buffer, to: string | Buffer): Buffer {
  const copy = Buffer.from(model.gguf)
  const at = copy.indexOf(from)
  expect(at).toBeGreaterThan(0)
  Buffer.from(to as string).copy(copy, at)
  return copy
}
const tableName = (layer: number) => `blk.${layer}.attn_thought_embd.weight`
/** Returns a table's entry in the header: name, number of dimensions, dimensions, type. */
function entry(layer: number, dims: number[], type = 0): Buffer {
  const name = Buffer.from(tableName(layer))
  const rest = Buffer.alloc(4 + 8 * dims.length + 4)
  rest.writeUInt32LE(dims.length, 0)
  dims.forEach((n, i) => rest.writeBigUInt64LE(BigInt(n), 4 + 8 * i))
  rest.writeUInt32LE(type, 4 + 8 * dims.length)
  return Buffer.concat([name, rest])
}

async function logprobs(model: NativeModel, thought: number): Promise<(number | null)[]> {
  const context = await model.createContext({
    cells: 64,
    sequences: 2,
    kvType: 'f32',
    flashAttention: 'off',
    threads: 1,
  })
  const { tokens } = await context.prefill({
    seq: 1,
    tokens: [5, 6, 7, 8, 9, 10],
    thought,
    logprobs: true,
  })
  await context.free()
  return tokens!.map((token) => token.logprob)
}

describe.each(['qwen2', 'llama'] as const)('thought tables of a %s model', (shape) => {
  const model = tinyModel({ shape, thoughts: 9 })

  it('are counted', async () => {
    const native = await open(write(model.gguf))
    expect(native.info.thoughtRows).toBe(9)
    await native.close()
    const plain = await open(write(tinyModel({ shape, thoughts: 0 }).gguf))
    expect(plain.info.thoughtRows).toBe(0)
    await plain.close()
  })

  it('must have the size of a head', async () => {
    await expect(
      open(write(replaced(model, entry(1, [32, 9]), entry(1, [9, 32])))),
    ).rejects.toThrow(/blk\.1\.attn_thought_embd\.weight' has shape \[9, 32\], expected \[32, 9\]/)
  })

  it('must be alike in every layer', async () => {
    await expect(
      open(write(replaced(model, entry(2, [32, 9]), entry(2, [32, 8])))),
    ).rejects.toThrow(/has shape \[32, 8\], expected \[32, 9\]/)
  })

  it('must be F32', async () => {
    const i32 = 26 // as large as F32, so only the type is wrong
    await expect(
      open(write(replaced(model, entry(0, [32, 9]), entry(0, [32, 9], i32)))),
    ).rejects.toThrow(/is i32, not f32/)
  })

  it('must be in every layer or in none', async () => {
    await expect(open(write(replaced(model, tableName(1), tableName(9))))).rejects.toThrow(
      /thought tables in 2 of 3 layers, expected all or none/,
    )
  })

  it('add nothing where the row is -1, and their row elsewhere', async () => {
    const native = await open(write(model.gguf))
    const [off, zero, one] = [
      await logprobs(native, -1),
      await logprobs(native, 0),
      await logprobs(native, 1),
    ]
    await native.close()
    const zeroed = await open(write(withZeroTables(model)))
    expect(off).toEqual(await logprobs(zeroed, 0))
    await zeroed.close()
    for (const other of [zero, one])
      expect(Math.max(...other.slice(1).map((x, i) => Math.abs(x! - off[i + 1]!)))).toBeGreaterThan(
        0.01,
      )
    expect(zero).not.toEqual(one)
  })

  it('stay F32 when the rest is quantised', async () => {
    const [input, output] = [write(model.gguf), join(folder, `${shape}-q8_0.gguf`)]
    await loadAddon().quantize(input, output, 'q8_0', 1)
    const bytes = readFileSync(output)
    for (let layer = 0; layer < 3; layer++) expect(bytes.includes(entry(layer, [32, 9]))).toBe(true)
    expect(bytes.length).toBeLessThan(model.gguf.length / 2)
    const native = await open(output)
    expect(native.info.thoughtRows).toBe(9)
    await native.close()
  })
})

/** Writes the same file with all tables zero. */
function withZeroTables(model: TinyModel): Buffer {
  const gguf = Buffer.from(model.gguf)
  for (const layer of model.weights.layers) {
    const table = Buffer.from(Float32Array.from(layer.thought!).buffer)
    const at = gguf.indexOf(table)
    expect(at).toBeGreaterThan(0)
    gguf.fill(0, at, at + table.length)
  }
  return gguf
}
