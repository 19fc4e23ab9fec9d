/**
 * `npx tsx scripts/exact-q8.ts IN.gguf OUT.gguf`. Writes the same model with its Q5_0 tensors as Q8_0, which holds every Q5_0 value
 * exactly: `d * (q - 16)` with q of 5 bits (ggml-quants.c, `dequantize_row_q5_0`). llama.cpp's matrix kernels for wide batches know
 * Q8_0 but not Q5_0, so measurements that decode many paths at once take a fraction of the time.
 */
import { open } from 'node:fs/promises'
import { readGguf, type GgufTensor } from '../engine/models/gguf.ts'

const VALUES = 32
const Q5_0 = { bytes: 22 }
const Q8_0 = { type: 8, bytes: 34 }

const [from, to] = process.argv.slice(2)
if (from === undefined || to === undefined)
  throw new Error('Usage: npx tsx scripts/exact-q8.ts IN.gguf OUT.gguf')
const header = await readGguf(from)
const { alignment, tensors, headerBytes, dataOffset } = header
const wider = ({ type }: GgufTensor) => type === 'Q5_0'
const bytesOf = (tensor: GgufTensor) =>
  wider(tensor) ? (tensor.bytes / Q5_0.bytes) * Q8_0.bytes : tensor.bytes
const aligned = (n: number) => Math.ceil(n / alignment) * alignment

/** Returns the bytes of Q5_0 blocks as Q8_0 blocks. */
function asQ8(blocks: Buffer): Buffer {
  const count = blocks.length / Q5_0.bytes
  const out = Buffer.alloc(count * Q8_0.bytes)
  for (let block = 0; block < count; block++) {
    const at = block * Q5_0.bytes
    const put = block * Q8_0.bytes
    blocks.copy(out, put, at, at + 2) // the scale, a half
    const high = blocks.readUInt32LE(at + 2)
    for (let i = 0; i < VALUES; i++) {
      const pair = blocks[at + 6 + (i % 16)]!
      const low = i < 16 ? pair & 15 : pair >> 4
      out.writeInt8((low | (((high >>> i) & 1) << 4)) - 16, put + 2 + i)
    }
  }
  return out
}

const input = await open(from)
const output = await open(to, 'w')
const read = async (offset: number, bytes: number): Promise<Buffer> =>
  (await input.read(Buffer.alloc(bytes), 0, bytes, offset)).buffer

// A row of the tensor table: the name with its length, the number of dimensions, each of them, type and offset (gguf.h).
const rows = tensors.map(
  ({ name, shape }) => 8 + Buffer.byteLength(name) + 4 + 8 * shape.length + 12,
)
const head = await read(0, headerBytes)
let row = headerBytes - rows.reduce((sum, bytes) => sum + bytes, 0)
let offset = 0
for (const [i, tensor] of tensors.entries()) {
  row += rows[i]!
  if (wider(tensor)) head.writeUInt32LE(Q8_0.type, row - 12)
  head.writeBigUInt64LE(BigInt(offset), row - 8)
  offset = aligned(offset + bytesOf(tensor))
}
await output.write(head, 0, head.length, 0)
offset = dataOffset
for (const tensor of tensors) {
  const data = await read(dataOffset + tensor.offset, tensor.bytes)
  const bytes = wider(tensor) ? asQ8(data) : data
  await output.write(bytes, 0, bytes.length, offset)
  offset = aligned(offset + bytes.length)
}
await output.truncate(offset)
await Promise.all([input.close(), output.close()])
console.log(`${tensors.filter(wider).length} of ${tensors.length} tensors were Q5_0.`)
