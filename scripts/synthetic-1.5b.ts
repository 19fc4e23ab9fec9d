/**
 * Makes a random model of the exact shape of the released ParaThinker-1.5B: Qwen2, Q4_0 as llama.cpp's
 * quantiser lays it out (output Q6_K, vectors and thought tables F32), control tokens at the released ids.
 * Its texts make no sense, but it needs the time and memory of the real model. About 1.1 GB, written once, block by
 * block, into the cache. `npx tsx scripts/synthetic-1.5b.ts` prints its path.
 */
import { existsSync, statSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  array,
  bool,
  encodeHeader,
  f32,
  str,
  tensorBytes,
  toHalf,
  u32,
  type Metadata,
  type TensorInfo,
} from '../test/support/gguf-writer.ts'
import { byteTokens } from '../test/support/tiny-models.ts'
import { Random } from '../test/support/random.ts'
import { cacheDir } from './native/paths.ts'

const LAYERS = 28
const WIDTH = 1536
const HEADS = 12
const KV_HEADS = 2
const HEAD_DIM = 128
const FEED_FORWARD = 8960
const VOCABULARY = 151_936
const THOUGHTS = 32
const ALIGNMENT = 32

/** Returns the path of the file; makes it if it does not exist. */
export async function synthetic15B(folder = cacheDir()): Promise<string> {
  const header = encodeHeader(metadata(), TENSORS, ALIGNMENT)
  const bytes = TENSORS.reduce((sum, tensor) => sum + padded(tensorBytes(tensor)), header.length)
  const file = join(folder, 'synthetic-1.5b-q4_0.gguf')
  if (existsSync(file) && statSync(file).size === bytes) return file
  await mkdir(folder, { recursive: true })
  const partial = `${file}.${process.pid}.partial`
  const handle = await open(partial, 'w')
  try {
    await handle.writeFile(header)
    const random = new Random(15)
    for (const tensor of TENSORS) {
      for (const chunk of content(tensor, random)) await handle.writeFile(chunk)
      await handle.writeFile(Buffer.alloc(padded(tensorBytes(tensor)) - tensorBytes(tensor)))
    }
    await handle.sync()
    await handle.close()
    await rename(partial, file)
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(partial, { force: true })
    throw error
  }
  return file
}

const padded = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT

const TENSORS: TensorInfo[] = [
  { name: 'token_embd.weight', shape: [WIDTH, VOCABULARY], type: 'q4_0' },
  { name: 'output_norm.weight', shape: [WIDTH], type: 'f32' },
  { name: 'output.weight', shape: [WIDTH, VOCABULARY], type: 'q6_k' },
  ...Array.from({ length: LAYERS }, (_, i): TensorInfo[] => {
    const matrix = (name: string, rows: number, columns: number): TensorInfo => ({
      name: `blk.${i}.${name}.weight`,
      shape: [columns, rows],
      type: 'q4_0',
    })
    const vector = (name: string, n: number): TensorInfo => ({
      name: `blk.${i}.${name}`,
      shape: [n],
      type: 'f32',
    })
    return [
      vector('attn_norm.weight', WIDTH),
      matrix('attn_q', HEADS * HEAD_DIM, WIDTH),
      vector('attn_q.bias', HEADS * HEAD_DIM),
      matrix('attn_k', KV_HEADS * HEAD_DIM, WIDTH),
      vector('attn_k.bias', KV_HEADS * HEAD_DIM),
      matrix('attn_v', KV_HEADS * HEAD_DIM, WIDTH),
      vector('attn_v.bias', KV_HEADS * HEAD_DIM),
      matrix('attn_output', WIDTH, HEADS * HEAD_DIM),
      vector('ffn_norm.weight', WIDTH),
      matrix('ffn_gate', FEED_FORWARD, WIDTH),
      matrix('ffn_up', FEED_FORWARD, WIDTH),
      matrix('ffn_down', WIDTH, FEED_FORWARD),
      { name: `blk.${i}.attn_thought_embd.weight`, shape: [HEAD_DIM, THOUGHTS], type: 'f32' },
    ]
  }).flat(),
]

function metadata(): Metadata {
  const control = new Map<number, string>([
    [151_643, '<｜end▁of▁sentence｜>'],
    [151_644, '<｜User｜>'],
    [151_645, '<｜Assistant｜>'],
    [151_646, '<｜begin▁of▁sentence｜>'],
    [151_648, '<think>'],
    [151_649, '</think>'],
    [151_681, '<summary>'],
    [151_682, '</summary>'],
    [151_683, '<vllm_pad>'],
  ])
  for (let i = 1; i <= 8; i++)
    control.set(151_663 + 2 * i, `<think${i}>`).set(151_664 + 2 * i, `</think${i}>`)
  const bytes = byteTokens()
  const tokens = Array.from(
    { length: VOCABULARY },
    (_, id) => control.get(id) ?? bytes[id] ?? `Ġword${id}`,
  )
  return {
    'general.architecture': str('qwen2'),
    'general.name': str('Synthetic 1.5B (random weights)'),
    'general.file_type': u32(2),
    'general.quantization_version': u32(2),
    'qwen2.block_count': u32(LAYERS),
    'qwen2.context_length': u32(131_072),
    'qwen2.embedding_length': u32(WIDTH),
    'qwen2.feed_forward_length': u32(FEED_FORWARD),
    'qwen2.attention.head_count': u32(HEADS),
    'qwen2.attention.head_count_kv': u32(KV_HEADS),
    'qwen2.attention.layer_norm_rms_epsilon': f32(1e-6),
    'qwen2.rope.freq_base': f32(10_000),
    'tokenizer.ggml.model': str('gpt2'),
    'tokenizer.ggml.pre': str('deepseek-r1-qwen'),
    'tokenizer.ggml.tokens': array('string', tokens),
    'tokenizer.ggml.token_type': array(
      'i32',
      tokens.map((_, id) => (control.has(id) ? 3 : 1)),
    ),
    'tokenizer.ggml.merges': array('string', ['Ġ t']),
    'tokenizer.ggml.bos_token_id': u32(151_646),
    'tokenizer.ggml.eos_token_id': u32(151_643),
    'tokenizer.ggml.add_bos_token': bool(true),
    'tokenizer.chat_template': str(
      "{% for message in messages %}{% if message['role'] == 'user' %}<｜User｜>{{ message['content'] }}{% endif %}{% endfor %}{% if add_generation_prompt %}<｜Assistant｜><think>{% endif %}",
    ),
    'parathinker.rope_budget': u32(8192),
    'parathinker.rope_original_context': u32(9280),
  }
}

/** Yields random data of a tensor in chunks. Matrices preserve the magnitude of activations. */
function* content(tensor: TensorInfo, random: Random): Generator<Buffer> {
  const { name, shape, type } = tensor
  if (type === 'f32') {
    const [scale, mean] = name.includes('norm') ? [0.1, 1] : [0.05, 0]
    yield Buffer.from(random.normals(shape[0]! * (shape[1] ?? 1), scale, mean).buffer)
    return
  }
  const [block, spread] = type === 'q4_0' ? [18, 4.6] : [210, 18.5 * 16]
  // The standard deviation of a uniform nibble is 4.6; that of a Q6_K value is 18.5 times its scale, here 16.
  const deviation =
    name === 'token_embd.weight' ? 1 : (name === 'output.weight' ? 2.5 : 1) / Math.sqrt(shape[0]!)
  const half = toHalf(deviation / spread)
  const blocksAtOnce = 2 ** 15
  for (let left = tensorBytes(tensor) / block; left > 0; left -= blocksAtOnce) {
    const bytes = Buffer.alloc(Math.min(left, blocksAtOnce) * block)
    fill(bytes, random)
    for (let at = 0; at < bytes.length; at += block) {
      if (type === 'q6_k') bytes.fill(16, at + 192, at + 208)
      bytes.writeUInt16LE(half, type === 'q4_0' ? at : at + 208)
    }
    yield bytes
  }
}

function fill(bytes: Buffer, random: Random): void {
  let x = random.int(2 ** 32) | 1
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2)
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    words[i] = x
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) console.log(await synthetic15B())
