/**
 * Reads the shape of a Qwen2, Qwen3 or Llama model from the config.json of its Hugging Face folder.
 */
import { z } from 'zod'
import { fail } from '../../protocol/errors.ts'
import { refuseAdapter } from './adapter.ts'
import { namesIn, readJson, TEXT_LIMITS } from './files.ts'

export const ARCHITECTURES = ['qwen2', 'qwen3', 'llama'] as const
export type Architecture = (typeof ARCHITECTURES)[number]

const size = z
  .int()
  .min(1)
  .max(2 ** 24)
const id = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
const Rope = z.looseObject({
  rope_type: z.string().optional(),
  type: z.string().optional(),
  rope_theta: z.number().positive().optional(),
  factor: z.number().min(1).max(1024).nullish(),
  original_max_position_embeddings: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .nullish(),
  attention_factor: z.number().positive().nullish(),
  extrapolation_factor: z.number().min(0).nullish(),
  beta_fast: z.number().nullish(),
  beta_slow: z.number().nullish(),
  mscale: z.number().nullish(),
  mscale_all_dim: z.number().nullish(),
  truncate: z.boolean().nullish(),
  low_freq_factor: z.number().positive().nullish(),
  high_freq_factor: z.number().positive().nullish(),
})
export type Rope = z.infer<typeof Rope>

/** The fields that are read; others are ignored. llama.cpp allows at most 512 layers. */
const Config = z.looseObject({
  architectures: z.array(z.string()).nullish(),
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: z.int().min(1).max(512),
  num_attention_heads: z.int().min(1).max(65_536),
  num_key_value_heads: z.int().min(1).max(65_536).nullish(),
  head_dim: z.int().min(2).max(65_536).nullish(),
  max_position_embeddings: z
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  rms_norm_eps: z.number().positive().max(1),
  rope_theta: z.number().positive().nullish(),
  rope_scaling: Rope.nullish(),
  rope_parameters: Rope.nullish(),
  partial_rotary_factor: z.number().nullish(),
  tie_word_embeddings: z.boolean().nullish(),
  hidden_act: z.string().nullish(),
  vocab_size: size,
  quantization_config: z.unknown().optional(),
  use_sliding_window: z.boolean().nullish(),
  max_window_layers: z.int().nullish(),
  layer_types: z.array(z.string()).nullish(),
  bos_token_id: id.nullish(),
  eos_token_id: z.union([id, z.array(id)]).nullish(),
  pad_token_id: z.int().nullish(),
})

export interface ModelConfig {
  architecture: Architecture
  layers: number
  embedding: number
  feedForward: number
  heads: number
  kvHeads: number
  headDim: number
  /** True if the file gives head_dim; false if it was derived from the width. */
  explicitHeadDim: boolean
  context: number
  normEpsilon: number
  ropeBase: number
  rope?: Rope & { kind: 'linear' | 'yarn' | 'llama3' }
  /** Whether the embeddings are tied; undefined if the file does not say. */
  tied?: boolean
  vocabulary: number
  /** `ends`: the tokens that end a generation, if no generation_config.json says otherwise. */
  tokenIds: { bos?: number; ends: readonly number[]; pad?: number }
}

const cannot = (what: string) => fail('wrong-model/convert', { reason: what })

/**
 * Reads config.json. Throws `model-not-found` (there is no config.json), `bad-model` (a field is
 * wrong) or `wrong-model` (the model cannot be converted, or is a PEFT adapter).
 */
export async function readConfig(folder: string): Promise<ModelConfig> {
  const raw = await readJson(folder, 'config.json', TEXT_LIMITS.config)
  await refuseAdapter(folder, raw !== undefined)
  if (!raw) {
    // The user may have named a GGUF file instead of a folder.
    const names = await namesIn(folder).catch(() => [folder])
    const gguf = names.find((name) => /\.gguf$/i.test(name))
    throw fail('model-not-found/files', {
      reason:
        gguf === undefined
          ? `${folder} holds no config.json: it is not the folder of a Hugging Face model.`
          : `${folder} is not the folder of a Hugging Face model: ${gguf} is a GGUF already. Add it as it is.`,
    })
  }
  const architecture = ARCHITECTURES.find((name) => name === raw.model_type)
  if (!architecture)
    throw cannot(
      `its type is ${JSON.stringify(raw.model_type ?? null)}; ${ARCHITECTURES.join(', ')} can be.`,
    )
  const parsed = Config.safeParse(raw)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw fail('bad-model/file', {
      reason: `config.json: ${issue.path.join('.')}: ${issue.message}`,
    })
  }
  const c = parsed.data
  const head = c.architectures?.[0]
  if (head !== undefined && !head.endsWith('ForCausalLM'))
    throw cannot(`it is a ${head}, not a language model that writes text.`)
  if (c.quantization_config)
    throw cannot('its weights are quantised already. Get the original weights, or a GGUF of it.')
  if (c.hidden_act && c.hidden_act !== 'silu')
    throw cannot(`its activation is ${c.hidden_act}, where the architecture has silu.`)
  if (c.partial_rotary_factor && c.partial_rotary_factor !== 1)
    throw cannot('it applies RoPE to only a part of each head.')
  const windowed =
    c.layer_types?.some((type) => type !== 'full_attention') ??
    (c.use_sliding_window === true && (c.max_window_layers ?? 0) < c.num_hidden_layers)
  if (windowed)
    throw cannot(
      'it attends within a sliding window, which llama.cpp does not support for this architecture.',
    )

  const heads = c.num_attention_heads
  const kvHeads = c.num_key_value_heads ?? heads
  if (heads % kvHeads !== 0)
    throw fail('bad-model/file', {
      reason: `config.json: ${heads} heads cannot share ${kvHeads} KV heads.`,
    })
  // The default of Qwen3 in transformers (Qwen3Config) is 128.
  const headDim = c.head_dim ?? (architecture === 'qwen3' ? 128 : c.hidden_size / heads)
  if (!Number.isInteger(headDim) || headDim % 2 !== 0)
    throw fail('bad-model/file', {
      reason: `config.json: a head of ${headDim} dimensions cannot be rotated in pairs.`,
    })
  if (architecture === 'qwen2' && headDim * heads !== c.hidden_size)
    throw cannot(`${heads} heads of ${headDim} are not its width of ${c.hidden_size}.`)
  const rope = { ...c.rope_scaling, ...c.rope_parameters }
  return {
    architecture,
    heads,
    kvHeads,
    headDim,
    explicitHeadDim: typeof c.head_dim === 'number' || architecture === 'qwen3',
    layers: c.num_hidden_layers,
    embedding: c.hidden_size,
    feedForward: c.intermediate_size,
    context: c.max_position_embeddings,
    normEpsilon: c.rms_norm_eps,
    ropeBase: rope.rope_theta ?? c.rope_theta ?? 10_000,
    rope: scaling(rope, architecture),
    tied: c.tie_word_embeddings ?? undefined,
    vocabulary: c.vocab_size,
    tokenIds: {
      bos: c.bos_token_id ?? undefined,
      ends: [c.eos_token_id ?? []].flat(),
      pad: (c.pad_token_id ?? -1) >= 0 ? c.pad_token_id! : undefined,
    },
  }
}

function scaling(rope: Rope, architecture: Architecture): ModelConfig['rope'] {
  const kind = (rope.rope_type ?? rope.type)?.toLowerCase()
  if (kind === undefined || kind === 'default' || kind === 'none') return undefined
  if (kind !== 'linear' && kind !== 'yarn' && kind !== 'llama3')
    throw cannot(
      `its RoPE scaling is ${JSON.stringify(kind)}; linear, yarn and llama3 can be converted.`,
    )
  if (kind === 'llama3' && architecture !== 'llama')
    throw cannot(
      `its RoPE scaling is llama3, which llama.cpp does not support for ${architecture}.`,
    )
  if (kind === 'yarn' && rope.truncate === false)
    throw cannot('its YaRN does not round its ramp, as llama.cpp does.')
  return { ...rope, kind }
}
