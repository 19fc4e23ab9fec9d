/**
 * Checks what llama.cpp assumes about a language model, before native code sees the file. Otherwise
 * llama.cpp would abort the process or divide by zero (GGML_ASSERT in llama-model.cpp,
 * llama-vocab.cpp and src/models/).
 */
import {
  isRecurrent,
  NO_ROPE,
  NOT_RUN,
  ONE_HEAD_SIZE,
  THOUGHT_ARCHITECTURES,
} from './architectures.ts'
import { bad, show, type GgufHeader, type GgufTensor } from './gguf.ts'
import { checkNumbers } from './hparams.ts'
import { arrayOf, integerOf, numberOf, perLayer, textOf } from './keys.ts'
import { LIMITS } from './gguf-types.ts'

/** Source: llama-hparams.h. */
const MAX_LAYERS = 512
const MAX_EXPERTS = 1024
const MAX_WIDTH = 2 ** 24
/** The only tensors of integers: experts by token. */
const INDEX = /\.ffn_gate_tid2eid(\.weight)?$/

export interface Dimensions {
  architecture: string
  layers: number
  embedding: number
  feedForward: number
  context: number
  /** Attention heads and KV heads per layer; 0 if the layer has no attention. */
  heads: readonly number[]
  kvHeads: readonly number[]
  keyLength: number
  valueLength: number
  vocabulary: number
  thoughtRows: number
}

/**
 * Checks the metadata of a model's first file and the tensors of all its files. Returns the model's
 * dimensions. Throws `bad-model`.
 */
export function checkModel(header: GgufHeader, tensors: readonly GgufTensor[]): Dimensions {
  const architecture = textOf(header, 'general.architecture')
  if (architecture === undefined)
    throw bad('The file does not name its architecture (general.architecture).')
  if (!/^[\w.-]{1,64}$/.test(architecture))
    throw bad(`The architecture ${show(architecture)} is not a name.`)
  const kind = textOf(header, 'general.type')
  if (architecture === 'clip' || kind === 'mmproj')
    throw bad('This is the vision part of a model (mmproj), not a language model.')
  if (kind === 'adapter')
    throw bad(
      'This is an adapter (LoRA), which holds changes to a model, not a model. Merge it into its base model (llama-export-lora), and add the result.',
    )
  const reason = NOT_RUN.get(architecture)
  if (reason !== undefined)
    throw bad(`Braid cannot run models of the architecture ${show(architecture)}: ${reason}`)
  if (kind !== undefined && kind !== 'model')
    throw bad(`This file is not a model: its type is ${show(kind)}.`)
  if (tensors.length === 0) throw bad('The file holds no weights.')

  checkTypes(tensors)
  checkNumbers(header, architecture)
  const key = (name: string) => `${architecture}.${name}`
  const layers = integerOf(header, key('block_count'), 1, MAX_LAYERS)
  const embedding = integerOf(header, key('embedding_length'), 1, MAX_WIDTH)
  const context = integerOf(header, key('context_length'), 1, 2 ** 31 - 1)
  integerOf(header, key('nextn_predict_layers'), 0, layers - 1, 0)
  checkExperts(header, key, layers)
  // Without a window it would scale attention by a temperature of 0.
  if (architecture === 'llama4')
    integerOf(header, key('attention.sliding_window'), 1, 2 ** 31 - 1, 1)
  const scaling = textOf(header, key('rope.scaling.type'))
  if (scaling !== undefined && !['none', 'linear', 'yarn', 'longrope'].includes(scaling))
    throw bad(`The RoPE scaling ${show(scaling)} is not known.`)

  const heads = isRecurrent(architecture)
    ? new Array<number>(layers).fill(0)
    : perLayer(header, key('attention.head_count'), layers, 2 ** 16)
  const kvHeads = perLayer(header, key('attention.head_count_kv'), layers, 2 ** 16, heads)
  heads.forEach((n, i) => {
    const kv = kvHeads[i]!
    if (n > 0 && kv > 0 && n % kv !== 0)
      throw bad(`Layer ${i} has ${n} heads, which ${kv} KV heads cannot share.`)
  })
  const split = heads[0] ? Math.floor(embedding / heads[0]) : 0
  const keyLength = integerOf(header, key('attention.key_length'), 0, 2 ** 16, split)
  const valueLength = integerOf(header, key('attention.value_length'), 0, 2 ** 16, split)
  const rope = integerOf(header, key('rope.dimension_count'), 0, 2 ** 16, keyLength)
  if (heads[0]! > 0 && !NO_ROPE.has(architecture)) {
    const swa = (name: string, fallback: number) =>
      integerOf(header, key(`${name}_swa`), 0, 2 ** 16, fallback)
    // Some layers of step35 rotate half of these dimensions.
    checkRope(key('rope.dimension_count'), rope, keyLength, architecture === 'step35' ? 4 : 2)
    checkRope(
      key('rope.dimension_count_swa'),
      swa('rope.dimension_count', rope),
      swa('attention.key_length', keyLength),
    )
  }
  // It divides by the length; the graph of mistral3 has another.
  if (
    architecture !== 'mistral3' &&
    (numberOf(header, key('attention.temperature_scale')) ?? 0) !== 0
  )
    integerOf(header, key('attention.temperature_length'), 1, 2 ** 31 - 1)
  if (ONE_HEAD_SIZE.has(architecture)) {
    if (keyLength < 1 || keyLength !== valueLength || keyLength !== rope)
      throw bad(
        `Keys, values and RoPE have ${keyLength}, ${valueLength} and ${rope} dimensions; this architecture needs one number.`,
      )
    if (heads.some((n) => n < 1) || kvHeads.some((n) => n < 1))
      throw bad('A layer has no attention heads.')
    checkProjections(tensors, heads, kvHeads, keyLength)
  }

  return {
    architecture,
    layers,
    embedding,
    context,
    heads,
    kvHeads,
    keyLength,
    valueLength,
    feedForward: Math.max(
      0,
      ...perLayer(header, key('feed_forward_length'), layers, MAX_WIDTH, []),
    ),
    vocabulary: checkVocabulary(header, tensors),
    thoughtRows: thoughtRows(tensors, architecture, layers, keyLength),
  }
}

/**
 * Checks the types with which llama.cpp can compute; with others it aborts or reads from nowhere. Its
 * converters and its quantiser write each vector as F32.
 */
function checkTypes(tensors: readonly GgufTensor[]): void {
  for (const { name, shape, elements, type } of tensors) {
    const vector = elements === shape[0]
    const right = INDEX.test(name)
      ? type === 'I32'
      : vector
        ? type === 'F32'
        : !/^(I\d+|F64|Q8_1|Q8_K)$/.test(type)
    if (!right)
      throw bad(
        `The ${vector ? 'vector' : 'matrix'} ${show(name)} is of the type ${type}, with which llama.cpp cannot compute.`,
      )
  }
}

/**
 * Checks the width of the query, key and value projections. The graph reshapes them into heads, and
 * `ggml_reshape_3d` asserts that their width matches.
 */
function checkProjections(
  tensors: readonly GgufTensor[],
  heads: readonly number[],
  kvHeads: readonly number[],
  headDim: number,
): void {
  for (const { name, shape } of tensors) {
    const match = /^blk\.(\d+)\.attn_(qkv|q|k|v)\.weight$/.exec(name)
    const layer = Number(match?.[1])
    if (!match || layer >= heads.length) continue
    const [queries, others] = [heads[layer]!, kvHeads[layer]!]
    const count = match[2] === 'qkv' ? queries + 2 * others : match[2] === 'q' ? queries : others
    if (shape[1] !== count * headDim)
      throw bad(
        `The matrix ${show(name)} has ${shape[1] ?? 1} rows; ${count} heads of ${headDim} dimensions need ${count * headDim}.`,
      )
  }
}

/** RoPE rotates pairs of dimensions of a key: it asserts that they are pairs, and hangs on none. */
function checkRope(key: string, dimensions: number, keyLength: number, multiple = 2): void {
  if (dimensions < multiple || dimensions % multiple !== 0 || dimensions > keyLength)
    throw bad(
      `The metadata key ${show(key)} is ${dimensions}; it must be a multiple of ${multiple}, and at most the ${keyLength} dimensions of a key.`,
    )
}

function checkExperts(header: GgufHeader, key: (name: string) => string, layers: number): void {
  const experts = integerOf(header, key('expert_count'), 0, MAX_EXPERTS, 0)
  const used = Math.max(
    ...perLayer(
      header,
      key('expert_used_count'),
      layers,
      MAX_EXPERTS,
      new Array<number>(layers).fill(0),
    ),
  )
  const groups = integerOf(header, key('expert_group_count'), 0, MAX_EXPERTS, 0)
  const groupsUsed = integerOf(header, key('expert_group_used_count'), 0, MAX_EXPERTS, 0)
  // llama.cpp treats a dense Hunyuan model's single expert as no experts.
  const architecture = textOf(header, 'general.architecture')!
  if (experts <= 1 && ['hunyuan-dense', 'hunyuan_vl'].includes(architecture)) {
    if (groups > 0)
      throw bad(`The metadata key ${show(key('expert_group_count'))} is ${groups}; it must be 0.`)
    return
  }
  const right =
    experts === 0
      ? used === 0 && groups === 0
      : used > 0 &&
        used <= experts &&
        groups < experts &&
        (groups <= 1 || (experts % groups === 0 && groupsUsed > 0 && groupsUsed < groups))
  if (!right)
    throw bad(
      `The model claims ${experts} experts in ${groups} groups, of which ${used} experts are used.`,
    )
}

function checkVocabulary(header: GgufHeader, tensors: readonly GgufTensor[]): number {
  if (textOf(header, 'tokenizer.ggml.model') === undefined)
    throw bad('The file holds no tokenizer.')
  textOf(header, 'tokenizer.ggml.pre')
  textOf(header, 'tokenizer.chat_template')
  const tokens = arrayOf(header, 'tokenizer.ggml.tokens', ['string'])
  if (!tokens || tokens.length < 1)
    throw bad('The file holds no vocabulary (tokenizer.ggml.tokens).')
  if (tokens.length > LIMITS.vocabulary) throw bad(`The vocabulary claims ${tokens.length} tokens.`)
  const types = arrayOf(header, 'tokenizer.ggml.token_type', ['i32'])
  const scores = arrayOf(header, 'tokenizer.ggml.scores', ['f32', 'i32'])
  arrayOf(header, 'tokenizer.ggml.merges', ['string'])
  for (const array of [types, scores]) {
    if (array && array.length < tokens.length)
      throw bad(`The vocabulary has ${tokens.length} tokens, but ${array.length} types or scores.`)
  }
  for (const id of ['bos', 'eos', 'eot', 'unknown', 'padding'])
    numberOf(header, `tokenizer.ggml.${id}_token_id`)
  const embedding = tensors.find(({ name }) => name === 'token_embd.weight')
  if (!embedding) throw bad('The file holds no token embedding (token_embd.weight).')
  if (embedding.shape[1] !== tokens.length)
    throw bad(`The vocabulary has ${tokens.length} tokens, but ${embedding.shape[1]} embeddings.`)
  return tokens.length
}

/**
 * Returns the number of rows of the thought tables, 0 if there are none. A table is F32 [head_dim,
 * n_thoughts], and every layer has one or none has (docs/method.md).
 */
function thoughtRows(
  tensors: readonly GgufTensor[],
  architecture: string,
  layers: number,
  headDim: number,
): number {
  const tables = tensors.filter(({ name }) => name.endsWith('.attn_thought_embd.weight'))
  if (tables.length === 0) return 0
  if (!THOUGHT_ARCHITECTURES.has(architecture))
    throw bad(`Thought tables are not supported for the architecture ${show(architecture)}.`)
  const rows = tables[0]!.shape[1] ?? 1
  const wrong = tables.find(
    ({ shape, type }) =>
      type !== 'F32' || shape.length > 2 || shape[0] !== headDim || (shape[1] ?? 1) !== rows,
  )
  if (wrong)
    throw bad(
      `The thought table ${show(wrong.name)} is ${wrong.type} [${wrong.shape.join(', ')}]; it must be F32 [${headDim}, ${rows}].`,
    )
  const names = new Set(tables.map(({ name }) => name))
  for (let i = 0; i < layers; i++) {
    if (!names.has(`blk.${i}.attn_thought_embd.weight`))
      throw bad(`${tables.length} of ${layers} layers have a thought table; all or none must.`)
  }
  return rows
}
