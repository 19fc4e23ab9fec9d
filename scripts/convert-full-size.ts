/**
 * Converts a folder with the exact shapes and token ids of the released ParaThinker-1.5B and random weights (bf16, 3.6 GB). Prints
 * the time, and the memory that this process took beyond its start. `npx tsx scripts/convert-full-size.ts FOLDER OUT.gguf [type]`.
 * The tokenizer is the real one, from llama.cpp's source.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { convert, type ConvertType } from '../engine/models/convert/index.ts'
import { realTokenizer, vocabularyFolder } from '../test/models/convert/real-tokenizers.ts'
import { Random } from '../test/support/random.ts'

const [LAYERS, WIDTH, HEADS, KV_HEADS, HEAD_DIM, FEED_FORWARD, VOCABULARY, THOUGHTS] = [
  28, 1536, 12, 2, 128, 8960, 151_936, 32,
]

async function makeFolder(folder: string): Promise<void> {
  if (existsSync(join(folder, 'model.safetensors'))) return
  const vocabularies = await vocabularyFolder()
  if (!vocabularies)
    throw new Error('The llama.cpp source was not found. Run `npm run setup` first.')
  mkdirSync(folder, { recursive: true })
  const { tokenizer, tokenizerConfig } = await realTokenizer('parathinker', vocabularies)
  const put = (name: string, value: unknown) =>
    writeFileSync(join(folder, name), JSON.stringify(value))
  put('tokenizer.json', tokenizer)
  put('tokenizer_config.json', tokenizerConfig)
  put('config.json', {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    hidden_size: WIDTH,
    intermediate_size: FEED_FORWARD,
    num_hidden_layers: LAYERS,
    num_attention_heads: HEADS,
    num_key_value_heads: KV_HEADS,
    hidden_act: 'silu',
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-6,
    rope_theta: 10_000,
    tie_word_embeddings: false,
    vocab_size: VOCABULARY,
    use_sliding_window: false,
    bos_token_id: 151_643,
    eos_token_id: 151_643,
  })
  const kv = KV_HEADS * HEAD_DIM
  const tensors: [string, number[]][] = [
    ['model.embed_tokens.weight', [VOCABULARY, WIDTH]],
    ['lm_head.weight', [VOCABULARY, WIDTH]],
    ['model.norm.weight', [WIDTH]],
  ]
  for (let i = 0; i < LAYERS; i++) {
    const at = `model.layers.${i}`
    tensors.push(
      [`${at}.input_layernorm.weight`, [WIDTH]],
      [`${at}.post_attention_layernorm.weight`, [WIDTH]],
      [`${at}.self_attn.seg_embeddings.weight`, [THOUGHTS, HEAD_DIM]],
      [`${at}.self_attn.q_proj.weight`, [WIDTH, WIDTH]],
      [`${at}.self_attn.q_proj.bias`, [WIDTH]],
      [`${at}.self_attn.k_proj.weight`, [kv, WIDTH]],
      [`${at}.self_attn.k_proj.bias`, [kv]],
      [`${at}.self_attn.v_proj.weight`, [kv, WIDTH]],
      [`${at}.self_attn.v_proj.bias`, [kv]],
      [`${at}.self_attn.o_proj.weight`, [WIDTH, WIDTH]],
      [`${at}.mlp.gate_proj.weight`, [FEED_FORWARD, WIDTH]],
      [`${at}.mlp.up_proj.weight`, [FEED_FORWARD, WIDTH]],
      [`${at}.mlp.down_proj.weight`, [WIDTH, FEED_FORWARD]],
    )
  }
  let offset = 0
  const header = JSON.stringify(
    Object.fromEntries(
      tensors.map(([name, shape]) => [
        name,
        {
          dtype: 'BF16',
          shape,
          data_offsets: [offset, (offset += 2 * shape.reduce((a, b) => a * b, 1))],
        },
      ]),
    ),
  )
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)))
  // One block of small random weights, repeated.
  const floats = new Random(15).normals(2 ** 22, 0.02)
  const bits = new Uint32Array(floats.buffer)
  const block = Buffer.from(Uint16Array.from(bits, (b) => b >>> 16).buffer)
  const handle = await open(join(folder, 'model.safetensors'), 'w')
  await handle.writeFile(Buffer.concat([length, Buffer.from(header)]))
  for (let left = offset; left > 0; left -= block.length)
    await handle.writeFile(block.subarray(0, Math.min(block.length, left)))
  await handle.close()
}

const [folder, output, type = 'q8_0'] = process.argv.slice(2)
if (!folder || !output) throw new Error('Usage: convert-full-size.ts FOLDER OUT.gguf [type]')
await makeFolder(folder)
const before = process.memoryUsage().rss
let peak = before
const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20)
const start = Date.now()
const made = await convert({
  folder,
  output,
  type: type as ConvertType,
  threads: 1,
  overwrite: true,
  onProgress: () => (peak = Math.max(peak, process.memoryUsage().rss)),
})
clearInterval(timer)
console.log(
  `${made.file}: ${(made.sizeBytes / 2 ** 20).toFixed(0)} MiB, ${made.tokenizer}, ${made.thoughtRows} thoughts, ${((Date.now() - start) / 1000).toFixed(0)} s, at most ${((peak - before) / 2 ** 20).toFixed(0)} MiB of memory more than before`,
)
