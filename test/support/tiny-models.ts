/**
 * Seeded random models of a few hundred kilobytes that llama.cpp loads: Qwen2-shaped (biased q, k, v;
 * RoPE of halves) or Llama-shaped (no biases; RoPE of neighbours, the layout that llama.cpp's converter
 * permutes Llama's q and k into), with grouped KV heads and, on request, thought tables (docs/method.md,
 * "The GGUF contract"). Weights are wide enough that the next-token distribution is far from uniform.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  array,
  bool,
  encodeGguf,
  encodeTensor,
  f32,
  str,
  u32,
  type Metadata,
  type Tensor,
  type TensorType,
} from './gguf-writer.ts'
import { Random } from './random.ts'

export interface TinyOptions {
  shape: 'qwen2' | 'llama'
  /** The architecture that the file names, if it has the same tensors as `shape`. */
  architecture?: string
  /** Divisors of the frequencies beyond and within the original context (longrope); headDim / 2 each. */
  ropeFactors?: { long: readonly number[]; short: readonly number[] }
  seed?: number
  layers?: number
  heads?: number
  kvHeads?: number
  headDim?: number
  ff?: number
  /** Rows of the thought tables; 0: no tables. */
  thoughts?: number
  /** Norms behind attention and feed-forward, which Gemma 2 has and the reference does not. */
  postNorms?: boolean
  /** Pairs of control tokens, plus `<summary>` and `</summary>`; 0: none of these. */
  pairs?: number
  /** The output layer is the token embedding. */
  tied?: boolean
  /** Type of the matrices; vectors and thought tables are always F32. */
  type?: 'f32' | 'f16' | 'q8_0'
  ropeBase?: number
  context?: number
  addBos?: boolean
  chatTemplate?: string
  /** Further control tokens, such as those of a chat template. */
  control?: readonly string[]
  /** No path ends before its budget: the logit of every token that ends one is far below all others. */
  endless?: boolean
  /** What is added to the logits of tokens, about eight times this. */
  likely?: Readonly<Record<string, number>>
  /** Further metadata, such as `parathinker.*`. */
  keys?: Metadata
}

export interface Vocabulary {
  tokens: string[]
  types: number[]
  merges: string[]
  id(text: string): number
}

/** Weights of a model as the values that its file represents, row-major: matrix [out, in]. */
export interface TinyWeights {
  embedding: Float64Array
  output: Float64Array
  outputNorm: Float64Array
  layers: {
    attnNorm: Float64Array
    q: Float64Array
    k: Float64Array
    v: Float64Array
    o: Float64Array
    qBias?: Float64Array
    kBias?: Float64Array
    vBias?: Float64Array
    ffnNorm: Float64Array
    gate: Float64Array
    up: Float64Array
    down: Float64Array
    /** [thoughts, headDim] */
    thought?: Float64Array
  }[]
}

export interface TinyModel {
  shape: 'qwen2' | 'llama'
  dims: {
    layers: number
    heads: number
    kvHeads: number
    headDim: number
    embd: number
    ff: number
    vocab: number
    thoughts: number
    ropeBase: number
    normEps: number
  }
  vocabulary: Vocabulary
  weights: TinyWeights
  gguf: Buffer
}

/** GPT-2's printable stand-ins for the 256 bytes (openai/gpt-2, `bytes_to_unicode`). */
export function byteTokens(): string[] {
  let next = 256
  const printable = (b: number) =>
    (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255)
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++))
}

const NORMAL = 1
const CONTROL = 3
const MERGES = ['t h', 'th e', 'Ġ t', 'Ġt he', 'i n', 'Ġ a', 'a n', 'an d', 'Ġ s', 'o r']

export const BOS = '<|begin|>'
export const EOS = '<|endoftext|>'

export function controlTexts(pairs: number): string[] {
  const texts = Array.from({ length: pairs }, (_, i) => [
    `<think${i + 1}>`,
    `</think${i + 1}>`,
  ]).flat()
  return pairs > 0 ? [...texts, '<summary>', '</summary>'] : texts
}

export function tinyVocabulary(control: readonly string[]): Vocabulary {
  const normal = [...byteTokens(), ...MERGES.map((m) => m.replace(' ', ''))]
  const tokens = [...normal, BOS, EOS, ...control]
  return {
    tokens,
    types: tokens.map((_, i) => (i < normal.length ? NORMAL : CONTROL)),
    merges: MERGES,
    id(text) {
      const id = tokens.indexOf(text)
      if (id < 0) throw new Error(`no token ${text}`)
      return id
    },
  }
}

export function tinyModel(options: TinyOptions): TinyModel {
  const {
    shape,
    seed = 1,
    layers = 3,
    heads = 4,
    kvHeads = 2,
    headDim = 32,
    ff = 96,
    thoughts = 9,
    pairs = 8,
    tied = false,
    type = 'f32',
    ropeBase = 10_000,
    context = 4096,
    architecture = shape,
  } = options
  const qwen = shape === 'qwen2'
  const random = new Random(seed)
  const vocabulary = tinyVocabulary([...controlTexts(pairs), ...(options.control ?? [])])
  const vocab = vocabulary.tokens.length
  const embd = heads * headDim
  const tensors: Tensor[] = []
  const add = (name: string, dims: number[], as: TensorType, data: Float32Array): Float64Array => {
    tensors.push({ name, shape: dims, type: as, data })
    return encodeTensor(as, data).values
  }
  const matrix = (name: string, rows: number, columns: number, gain: number) =>
    add(
      `${name}.weight`,
      [columns, rows],
      type,
      random.normals(rows * columns, gain / Math.sqrt(columns)),
    )
  const vector = (name: string, n: number, scale: number, mean = 0) =>
    add(name, [n], 'f32', random.normals(n, scale, mean))

  const embeddingData = random.normals(vocab * embd, tied ? 3 / Math.sqrt(embd) : 1)
  const outputNormData = random.normals(embd, 0.2, 1)
  const outputData = tied ? undefined : random.normals(vocab * embd, 2.5 / Math.sqrt(embd))
  const { likely = {} } = options
  if (options.endless || Object.keys(likely).length > 0) {
    // Component 0 of the residual stream is large and positive at every token; only the tokens that are meant read it.
    if (!outputData) throw new Error('endless and likely need an output layer of its own')
    const ends = (token: string) => token === EOS || /^<\/(think\d+|summary)>$/.test(token)
    outputNormData[0] = 1
    for (const [id, token] of vocabulary.tokens.entries()) {
      embeddingData[id * embd] = 30
      outputData[id * embd] = options.endless && ends(token) ? -10 : (likely[token] ?? 0)
    }
  }
  const embedding = add('token_embd.weight', [embd, vocab], type, embeddingData)
  const outputNorm = add('output_norm.weight', [embd], 'f32', outputNormData)
  const output = outputData ? add('output.weight', [embd, vocab], type, outputData) : embedding
  const blocks: TinyWeights['layers'] = []
  for (let i = 0; i < layers; i++) {
    const b = `blk.${i}`
    blocks.push({
      attnNorm: vector(`${b}.attn_norm.weight`, embd, 0.2, 1),
      q: matrix(`${b}.attn_q`, heads * headDim, embd, 1.2),
      k: matrix(`${b}.attn_k`, kvHeads * headDim, embd, 1.2),
      v: matrix(`${b}.attn_v`, kvHeads * headDim, embd, 1),
      ...(qwen && {
        qBias: vector(`${b}.attn_q.bias`, heads * headDim, 0.5),
        kBias: vector(`${b}.attn_k.bias`, kvHeads * headDim, 0.5),
        vBias: vector(`${b}.attn_v.bias`, kvHeads * headDim, 0.3),
      }),
      o: matrix(`${b}.attn_output`, embd, heads * headDim, 1),
      ffnNorm: vector(`${b}.ffn_norm.weight`, embd, 0.2, 1),
      gate: matrix(`${b}.ffn_gate`, ff, embd, 1),
      up: matrix(`${b}.ffn_up`, ff, embd, 1),
      down: matrix(`${b}.ffn_down`, embd, ff, 1),
      ...(thoughts > 0 && {
        thought: add(
          `${b}.attn_thought_embd.weight`,
          [headDim, thoughts],
          'f32',
          random.normals(thoughts * headDim, 0.7),
        ),
      }),
    })
  }

  if (options.ropeFactors)
    for (const [name, factors] of Object.entries(options.ropeFactors))
      add(`rope_factors_${name}.weight`, [factors.length], 'f32', Float32Array.from(factors))

  if (options.postNorms)
    for (let i = 0; i < layers; i++)
      for (const name of ['post_attention_norm', 'post_ffw_norm'])
        vector(`blk.${i}.${name}.weight`, embd, 0.2, 1)

  const metadata: Metadata = {
    'general.architecture': str(architecture),
    'general.name': str(`tiny ${architecture}`),
    'general.file_type': u32({ f32: 0, f16: 1, q8_0: 7 }[type]),
    [`${architecture}.block_count`]: u32(layers),
    [`${architecture}.context_length`]: u32(context),
    [`${architecture}.embedding_length`]: u32(embd),
    [`${architecture}.feed_forward_length`]: u32(ff),
    [`${architecture}.attention.head_count`]: u32(heads),
    [`${architecture}.attention.head_count_kv`]: u32(kvHeads),
    [`${architecture}.attention.key_length`]: u32(headDim),
    [`${architecture}.attention.value_length`]: u32(headDim),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: f32(1e-6),
    [`${architecture}.rope.dimension_count`]: u32(headDim),
    [`${architecture}.rope.freq_base`]: f32(ropeBase),
    'tokenizer.ggml.model': str('gpt2'),
    'tokenizer.ggml.pre': str(qwen ? 'qwen2' : 'llama-bpe'),
    'tokenizer.ggml.tokens': array('string', vocabulary.tokens),
    'tokenizer.ggml.token_type': array('i32', vocabulary.types),
    'tokenizer.ggml.merges': array('string', vocabulary.merges),
    'tokenizer.ggml.bos_token_id': u32(vocabulary.id(BOS)),
    'tokenizer.ggml.eos_token_id': u32(vocabulary.id(EOS)),
    'tokenizer.ggml.add_bos_token': bool(options.addBos ?? !qwen),
    ...(options.chatTemplate !== undefined && {
      'tokenizer.chat_template': str(options.chatTemplate),
    }),
    ...options.keys,
  }
  return {
    shape,
    dims: {
      layers,
      heads,
      kvHeads,
      headDim,
      embd,
      ff,
      vocab,
      thoughts,
      ropeBase,
      normEps: Math.fround(1e-6),
    },
    vocabulary,
    weights: { embedding, output, outputNorm, layers: blocks },
    gguf: encodeGguf(metadata, tensors),
  }
}

/** Writes a model into `folder` (absent: a new temporary one, which the caller removes); returns the file's path. */
export function writeTiny(
  model: TinyModel,
  folder = mkdtempSync(join(tmpdir(), 'braid-tiny-')),
  file = join(folder, `tiny-${model.shape}.gguf`),
): string {
  writeFileSync(file, model.gguf)
  return file
}
