/**
 * Writes tiny Hugging Face folders as `save_pretrained` does: config.json, tokenizer.json, tokenizer_config.json and
 * safetensors of random weights, in the layout of transformers (heads that rotate in halves).
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromHalf, toHalf } from '../../support/gguf-writer.ts'
import { Random } from '../../support/random.ts'
import { byteTokens, controlTexts } from '../../support/tiny-models.ts'

export type Dtype = 'F32' | 'F16' | 'BF16'

export interface HfOptions {
  architecture: 'qwen2' | 'qwen3' | 'llama'
  seed?: number
  layers?: number
  heads?: number
  kvHeads?: number
  headDim?: number
  width?: number
  ff?: number
  dtype?: Dtype
  shards?: number
  tied?: boolean
  /** Saves the one matrix of tied embeddings as the output layer instead. */
  onlyOutput?: boolean
  /** Rows of the thought tables; 0: no tables. */
  thoughts?: number
  /** Pairs of control tokens, plus `<summary>` and `</summary>`. */
  pairs?: number
  released?: boolean
  ropeTheta?: number
  /** RoPE settings of config.json. */
  rope?: Record<string, unknown>
  /** Further fields of config.json, tokenizer.json and tokenizer_config.json. */
  config?: Record<string, unknown>
  tokenizer?: Record<string, unknown>
  tokenizerConfig?: Record<string, unknown>
}

export interface HfTensor {
  name: string
  shape: number[]
  values: Float64Array
}
export interface HfModel {
  folder: string
  config: Record<string, unknown>
  tensors: Map<string, HfTensor>
  tokens: string[]
}

const NUMBERS = { qwen2: '\\p{N}', qwen3: '\\p{N}', llama: '\\p{N}{1,3}' }
const MERGES = [
  't h',
  'th e',
  'Ġ t',
  'Ġt he',
  'i n',
  'Ġ a',
  'a n',
  'an d',
  'Ġ s',
  'o r',
  'Ġ Ġ',
  'ĠĠ ĠĠ',
  '1 2',
  'Ð ¶',
]

/** Returns a tokenizer.json with the structure of the architecture, over bytes and a few merges. */
export function tokenizerJson(
  architecture: HfOptions['architecture'],
  control: readonly string[],
  pairsOfMerges = true,
): Record<string, unknown> {
  const normal = [...byteTokens(), ...MERGES.map((merge) => merge.replace(' ', ''))]
  const llama = architecture === 'llama'
  const special = llama
    ? ['<|begin_of_text|>', '<|eot_id|>', ...control]
    : ['<|endoftext|>', '<|im_start|>', '<|im_end|>', ...control]
  const regex = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${NUMBERS[architecture]}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
  const bytes = {
    type: 'ByteLevel',
    add_prefix_space: false,
    trim_offsets: false,
    use_regex: false,
  }
  const added = (content: string, id: number, isSpecial: boolean) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: isSpecial,
  })
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [
      ...special.map((text, i) => added(text, normal.length + i, true)),
      added('<tool_call>', normal.length + special.length, false),
    ],
    normalizer: llama ? null : { type: 'NFC' },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false },
        bytes,
      ],
    },
    post_processor: llama
      ? {
          type: 'Sequence',
          processors: [
            bytes,
            {
              type: 'TemplateProcessing',
              single: [
                { SpecialToken: { id: '<|begin_of_text|>', type_id: 0 } },
                { Sequence: { id: 'A', type_id: 0 } },
              ],
              pair: [],
              special_tokens: {
                '<|begin_of_text|>': {
                  id: '<|begin_of_text|>',
                  ids: [normal.length],
                  tokens: ['<|begin_of_text|>'],
                },
              },
            },
          ],
        }
      : bytes,
    decoder: bytes,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: llama ? null : '',
      end_of_word_suffix: llama ? null : '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: llama,
      vocab: Object.fromEntries(normal.map((text, i) => [text, i])),
      merges: pairsOfMerges ? MERGES.map((merge) => merge.split(' ')) : MERGES,
    },
  }
}

const bits = new Float32Array(1)
const bitsOf = new Uint32Array(bits.buffer)
/** Returns a number rounded to a type, and its bytes. */
function store(dtype: Dtype, values: ArrayLike<number>): { bytes: Buffer; stored: Float64Array } {
  const stored = new Float64Array(values.length)
  const bytes = Buffer.alloc(values.length * (dtype === 'F32' ? 4 : 2))
  for (let i = 0; i < values.length; i++) {
    bits[0] = values[i]!
    if (dtype === 'F32') {
      bytes.writeFloatLE(bits[0]!, i * 4)
      stored[i] = bits[0]!
    } else if (dtype === 'F16') {
      const half = toHalf(bits[0]!)
      bytes.writeUInt16LE(half, i * 2)
      stored[i] = fromHalf(half)
    } else {
      bitsOf[0] = bitsOf[0]! & 0xffff0000
      bytes.writeUInt16LE(bitsOf[0]! >>> 16, i * 2)
      stored[i] = bits[0]!
    }
  }
  return { bytes, stored }
}

/** Returns the bytes of one safetensors file. */
export function encodeSafetensors(
  tensors: readonly { name: string; dtype: string; shape: readonly number[]; bytes: Buffer }[],
): Buffer {
  let offset = 0
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } }
  for (const { name, dtype, shape, bytes } of tensors)
    header[name] = { dtype, shape, data_offsets: [offset, (offset += bytes.length)] }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, ...tensors.map(({ bytes }) => bytes)])
}

export function writeHfFolder(
  options: HfOptions,
  folder = mkdtempSync(join(tmpdir(), 'braid-hf-')),
): HfModel {
  const {
    architecture,
    seed = 1,
    layers = 2,
    heads = 4,
    kvHeads = 2,
    headDim = 16,
    ff = 96,
    dtype = 'F32',
    shards = 1,
    tied = false,
    thoughts = 0,
    pairs = 0,
    ropeTheta = 10_000,
  } = options
  const width = options.width ?? heads * headDim
  const random = new Random(seed)
  const control = [...controlTexts(pairs), ...(options.released ? ['<vllm_pad>'] : [])]
  const json = { ...tokenizerJson(architecture, control, seed % 2 === 0), ...options.tokenizer }
  const named = (json.added_tokens as { content: string }[]).map(({ content }) => content)
  const tokens = [...Object.keys((json.model as { vocab: object }).vocab), ...named]
  // Rounded up, as published models are.
  const vocabulary = Math.ceil(tokens.length / 8) * 8 + 8

  const written: { name: string; dtype: Dtype; shape: number[]; bytes: Buffer }[] = []
  const tensors = new Map<string, HfTensor>()
  const add = (name: string, shape: number[], scale: number, mean = 0) => {
    const n = shape.reduce((a, b) => a * b, 1)
    const { bytes, stored } = store(dtype, random.normals(n, scale, mean))
    const saved =
      options.onlyOutput === true && name === 'model.embed_tokens.weight' ? 'lm_head.weight' : name
    written.push({ name: saved, dtype, shape, bytes })
    tensors.set(name, { name, shape, values: stored })
  }
  const matrix = (name: string, rows: number, columns: number, gain: number) =>
    add(`${name}.weight`, [rows, columns], gain / Math.sqrt(columns))
  add('model.embed_tokens.weight', [vocabulary, width], tied ? 3 / Math.sqrt(width) : 1)
  for (let i = 0; i < layers; i++) {
    const at = `model.layers.${i}`
    add(`${at}.input_layernorm.weight`, [width], 0.2, 1)
    matrix(`${at}.self_attn.q_proj`, heads * headDim, width, 1.2)
    matrix(`${at}.self_attn.k_proj`, kvHeads * headDim, width, 1.2)
    matrix(`${at}.self_attn.v_proj`, kvHeads * headDim, width, 1)
    if (architecture === 'qwen2')
      for (const [part, n] of [
        ['q', heads],
        ['k', kvHeads],
        ['v', kvHeads],
      ] as const)
        add(`${at}.self_attn.${part}_proj.bias`, [n * headDim], 0.4)
    if (architecture === 'qwen3')
      for (const part of ['q', 'k']) add(`${at}.self_attn.${part}_norm.weight`, [headDim], 0.3, 1)
    matrix(`${at}.self_attn.o_proj`, width, heads * headDim, 1)
    add(`${at}.post_attention_layernorm.weight`, [width], 0.2, 1)
    matrix(`${at}.mlp.gate_proj`, ff, width, 1)
    matrix(`${at}.mlp.up_proj`, ff, width, 1)
    matrix(`${at}.mlp.down_proj`, width, ff, 1)
    if (thoughts > 0) add(`${at}.self_attn.seg_embeddings.weight`, [thoughts, headDim], 0.7)
  }
  add('model.norm.weight', [width], 0.2, 1)
  if (!tied) matrix('lm_head', vocabulary, width, 2.5)

  const config: Record<string, unknown> = {
    architectures: [
      `${{ qwen2: 'Qwen2', qwen3: 'Qwen3', llama: 'Llama' }[architecture]}ForCausalLM`,
    ],
    model_type: architecture,
    hidden_size: width,
    intermediate_size: ff,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    ...(architecture !== 'qwen2' && { head_dim: headDim }),
    hidden_act: 'silu',
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-6,
    rope_theta: ropeTheta,
    ...(options.rope && { rope_scaling: options.rope }),
    tie_word_embeddings: tied,
    vocab_size: vocabulary,
    torch_dtype: { F32: 'float32', F16: 'float16', BF16: 'bfloat16' }[dtype],
    ...options.config,
  }
  const put = (name: string, value: unknown) =>
    writeFileSync(join(folder, name), JSON.stringify(value))
  put('config.json', config)
  put('tokenizer.json', json)
  put('tokenizer_config.json', {
    ...(architecture === 'llama'
      ? { bos_token: '<|begin_of_text|>', eos_token: '<|eot_id|>' }
      : {
          add_bos_token: false,
          bos_token: null,
          eos_token: '<|im_end|>',
          pad_token: { content: '<|endoftext|>' },
        }),
    ...options.tokenizerConfig,
  })
  if (shards === 1) {
    writeFileSync(join(folder, 'model.safetensors'), encodeSafetensors(written))
  } else {
    const weight_map: Record<string, string> = {}
    for (let s = 0; s < shards; s++) {
      const name = `model-${String(s + 1).padStart(5, '0')}-of-${String(shards).padStart(5, '0')}.safetensors`
      const part = written.filter((_, i) => i % shards === s)
      for (const tensor of part) weight_map[tensor.name] = name
      writeFileSync(join(folder, name), encodeSafetensors(part))
    }
    put('model.safetensors.index.json', {
      metadata: { total_size: written.reduce((sum, { bytes }) => sum + bytes.length, 0) },
      weight_map,
    })
  }
  return { folder, config, tensors, tokens }
}
