/** Maps the folder's tensors to the tensors of the GGUF, with their shapes and types. */
import { fail } from '../../protocol/errors.ts'
import type { ModelConfig } from './config.ts'
import { DIRECT_TYPES, type DirectType } from './numbers.ts'
import { llama3Frequencies } from './rope.ts'
import { sourceType, type SourceTensor } from './safetensors.ts'

export interface PlannedTensor {
  name: string
  /** The contiguous dimension comes first. */
  shape: readonly number[]
  type: DirectType
  elements: number
  bytes: number
  /** Read from the folder or computed. */
  from: SourceTensor | Float32Array
  /**
   * Rows per head, whose two halves are interleaved (Llama's q and k); 0 leaves the order
   * unchanged.
   */
  interleave: number
}

const bad = (message: string) => fail('bad-model/file', { reason: message })

/**
 * Returns the tensors in file order. Throws `bad-model` (a tensor is missing, unknown or has the
 * wrong shape) or `wrong-model` (weights of a type that cannot be converted, or thought tables on
 * an architecture other than qwen2).
 */
export function planTensors(
  config: ModelConfig,
  sources: ReadonlyMap<string, SourceTensor>,
  type: DirectType,
): PlannedTensor[] {
  const { architecture, layers, embedding: width, feedForward, heads, kvHeads, headDim } = config
  const left = new Map(sources)
  const planned: PlannedTensor[] = []

  /** Plans one tensor. `shape` is in the order of the folder: rows, then columns. */
  const take = (
    source: string,
    name: string,
    shape: readonly number[],
    options: { optional?: boolean; interleave?: boolean } = {},
  ) => {
    const tensor = left.get(source)
    if (!tensor) {
      if (options.optional) return
      throw bad(`The folder holds no tensor ${source}.`)
    }
    left.delete(source)
    if (tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i]))
      throw bad(
        `The tensor ${source} has the shape [${tensor.shape.join(', ')}], expected [${shape.join(', ')}].`,
      )
    sourceType(tensor)
    planned.push(plan(name, [...shape].reverse(), type, tensor, options.interleave ? headDim : 0))
  }

  take('model.embed_tokens.weight', 'token_embd.weight', [config.vocabulary, width])
  take('model.norm.weight', 'output_norm.weight', [width])
  // If the embeddings are tied, there is no output layer, and llama.cpp uses the token embedding
  // instead.
  const tied = config.tied ?? !sources.has('lm_head.weight')
  if (tied) left.delete('lm_head.weight')
  else take('lm_head.weight', 'output.weight', [config.vocabulary, width])
  const frequencies = llama3Frequencies(config)
  if (frequencies) planned.push(plan('rope_freqs.weight', [headDim / 2], 'f32', frequencies, 0))

  const llama = architecture === 'llama'
  const rows = thoughtRows(config, sources)
  for (let i = 0; i < layers; i++) {
    const hf = `model.layers.${i}`
    const blk = `blk.${i}`
    take(`${hf}.input_layernorm.weight`, `${blk}.attn_norm.weight`, [width])
    for (const [part, n] of [
      ['q', heads],
      ['k', kvHeads],
      ['v', kvHeads],
    ] as const) {
      const interleave = llama && part !== 'v'
      take(
        `${hf}.self_attn.${part}_proj.weight`,
        `${blk}.attn_${part}.weight`,
        [n * headDim, width],
        { interleave },
      )
      take(`${hf}.self_attn.${part}_proj.bias`, `${blk}.attn_${part}.bias`, [n * headDim], {
        interleave,
        optional: architecture !== 'qwen2',
      })
    }
    take(`${hf}.self_attn.o_proj.weight`, `${blk}.attn_output.weight`, [width, heads * headDim])
    if (llama)
      take(`${hf}.self_attn.o_proj.bias`, `${blk}.attn_output.bias`, [width], { optional: true })
    if (architecture === 'qwen3')
      for (const part of ['q', 'k'])
        take(`${hf}.self_attn.${part}_norm.weight`, `${blk}.attn_${part}_norm.weight`, [headDim])
    take(`${hf}.post_attention_layernorm.weight`, `${blk}.ffn_norm.weight`, [width])
    for (const [part, out, into] of [
      ['gate', feedForward, width],
      ['up', feedForward, width],
      ['down', width, feedForward],
    ] as const) {
      take(`${hf}.mlp.${part}_proj.weight`, `${blk}.ffn_${part}.weight`, [out, into])
      if (llama)
        take(`${hf}.mlp.${part}_proj.bias`, `${blk}.ffn_${part}.bias`, [out], { optional: true })
    }
    if (rows > 0) take(thoughtTable(i), `${blk}.attn_thought_embd.weight`, [rows, headDim])
  }

  // Some checkpoints save these constants; llama.cpp computes them itself.
  const unknown = [...left.keys()].filter(
    (name) => !/\.rotary_emb\.inv_freq$|\.attn\.masked_bias$|\.attention\.masked_bias$/.test(name),
  )
  if (unknown.length > 0)
    throw fail('wrong-model/file', {
      reason: `The folder holds ${unknown.length} tensors that a ${architecture} model does not have, such as ${JSON.stringify(unknown[0])}.`,
    })
  return planned
}

const thoughtTable = (layer: number) => `model.layers.${layer}.self_attn.seg_embeddings.weight`

function thoughtRows(
  { architecture, layers }: ModelConfig,
  sources: ReadonlyMap<string, SourceTensor>,
): number {
  const found = [...sources.keys()].filter((name) =>
    name.endsWith('.self_attn.seg_embeddings.weight'),
  )
  if (found.length === 0) return 0
  if (architecture !== 'qwen2')
    throw fail('wrong-model/file', {
      reason: `This ${architecture} model has thought tables; they can be converted only for qwen2.`,
    })
  if (found.length !== layers)
    throw bad(`${found.length} of ${layers} layers have a thought table; all or none must.`)
  const rows = sources.get(thoughtTable(0))?.shape[0]
  if (!rows || rows > 65_536) throw bad(`The thought tables have ${rows ?? 0} rows.`)
  return rows
}

function plan(
  name: string,
  shape: number[],
  wanted: DirectType,
  from: PlannedTensor['from'],
  interleave: number,
): PlannedTensor {
  // As in llama.cpp's converter, vectors, norms and thought tables stay F32, and rows that do not
  // fill whole blocks become F16.
  const vector =
    shape.length === 1 || name.endsWith('_norm.weight') || name.endsWith('attn_thought_embd.weight')
  const type = vector ? 'f32' : shape[0]! % DIRECT_TYPES[wanted].block === 0 ? wanted : 'f16'
  const elements = shape.reduce((a, b) => a * b, 1)
  return {
    name,
    shape,
    type,
    elements,
    from,
    interleave,
    bytes: (elements / DIRECT_TYPES[type].block) * DIRECT_TYPES[type].bytes,
  }
}
