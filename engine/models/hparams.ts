/**
 * Every number of a model's metadata that llama.cpp reads (llama-arch.cpp, `LLM_KV_NAMES`), and the
 * values that a model can have. With others llama.cpp aborts (GGML_ASSERT), loops for ever or
 * allocates more than the file justifies, partly only once it computes. How the numbers of an
 * architecture fit together is left to its trial (trial.ts). `npm run fuzz:model-keys` tries both.
 */
import { bad, show, type GgufArray, type GgufHeader } from './gguf.ts'

/** The smallest and the largest value. */
type Range = readonly [min: number, max: number]
export interface NumberRule {
  type: 'u32' | 'f32' | 'bool'
  range: Range
}

const WIDTH: Range = [0, 2 ** 20]
const POSITIONS: Range = [0, 2 ** 31 - 1]
/** llama-hparams.h, LLAMA_MAX_LAYERS */
const LAYERS: Range = [0, 512]
/** llama-hparams.h, LLAMA_MAX_EXPERTS */
const EXPERTS: Range = [0, 1024]
const HEADS: Range = [0, 2 ** 16]
const SMALL: Range = [0, 256]
const TOKEN: Range = [0, 2 ** 32 - 1]
/** Beyond it, a float's products overflow; no model comes near. */
const ANY: Range = [-1e10, 1e10]
const NOT_NEGATIVE: Range = [0, 1e10]
/** Added to a mean of squares before its root. */
const EPSILON: Range = [0, 1]

const rules = (type: NumberRule['type'], range: Range, keys: string) =>
  keys
    .trim()
    .split(/\s+/)
    .map((key): [string, NumberRule] => [key, { type, range }])

/** By key, without the architecture in front. Where it gives one number per layer, each is one. */
export const NUMBERS: ReadonlyMap<string, NumberRule> = new Map([
  ...rules(
    'u32',
    WIDTH,
    `embedding_length embedding_length_out embedding_length_per_layer_input features_length
    feed_forward_length expert_feed_forward_length expert_shared_feed_forward_length
    expert_chunk_feed_forward_length expert_latent_length moe_latent_size time_mix_extra_dim
    time_decay_extra_dim attention.key_length attention.value_length attention.key_length_mla
    attention.value_length_mla attention.key_length_swa attention.value_length_swa
    attention.key_length_mla_swa attention.value_length_mla_swa attention.q_lora_rank
    attention.kv_lora_rank attention.kv_lora_rank_swa attention.decay_lora_rank
    attention.iclr_lora_rank attention.value_residual_mix_lora_rank attention.gate_lora_rank
    attention.output_lora_rank attention.indexer.key_length rope.dimension_count
    rope.dimension_count_swa rope.dimension_sections ssm.inner_size ssm.state_size
    ssm.time_step_rank kda.head_dim posnet.embedding_length
    convnext.embedding_length adapters.lora_rank target_hidden_size selector_rank dense_2_feat_in
    dense_2_feat_out dense_3_feat_in dense_3_feat_out hyper_connection.low_rank`,
  ),
  ...rules(
    'u32',
    LAYERS,
    `block_count leading_dense_block_count nextn_predict_layers n_deepstack_layers
    decoder_block_count moe_every_n_layers rescale_every_n_layers interleave_moe_layer_step full_attention_interval
    attention.sliding_window_pattern attention.shared_kv_layers attention.recurrent_layers
    attention.rope_pattern hash_layer_count posnet.block_count convnext.block_count`,
  ),
  ...rules('u32', [0, 2 ** 16], 'attention.indexer.block_size'),
  ...rules(
    'u32',
    EXPERTS,
    `expert_count expert_used_count expert_shared_count expert_group_count
    expert_group_used_count experts_per_group`,
  ),
  ...rules(
    'u32',
    HEADS,
    `attention.head_count attention.head_count_kv attention.indexer.head_count
    attention.output_group_count attention.relative_buckets_count attention.group_norm_groups
    ssm.group_count`,
  ),
  ...rules(
    'u32',
    SMALL,
    `pooling_type num_loops ssm.conv_kernel shortconv.l_cache attn_res.block_size
    hyper_connection.count hyper_connection.sinkhorn_iterations ple.ngram_size ple.heads_per_ngram
    ple.conv_kernel attention.indexer.local_blocks adapters.count conv_kernel_size conv_group_size`,
  ),
  /** llama-hparams.h, llama_expert_gating_func_type */
  ...rules('u32', [0, 4], 'expert_gating_func'),
  /** The state of a sequence of an RWKV model is this many times its width. */
  ...rules('u32', [1, 2], 'token_shift_count'),
  ...rules('u32', [1, 1024], 'wkv.head_size'),
  ...rules(
    'u32',
    POSITIONS,
    `vocab_size context_length attention.sliding_window attention.temperature_length
    attention.indexer.top_k attention.compress_ratios
    rope.scaling.original_context_length selector_top_k block_size`,
  ),
  ...rules('u32', TOKEN, 'decoder_start_token_id ple.eos_token_id ple.image_token_id'),
  ...rules(
    'f32',
    EPSILON,
    `attention.layer_norm_epsilon attention.layer_norm_rms_epsilon attention.group_norm_epsilon
    hyper_connection.epsilon`,
  ),
  ...rules(
    'f32',
    NOT_NEGATIVE,
    `attention.max_alibi_bias attention.clamp_kqv rope.scale_linear rope.scaling.factor
    rope.scaling.alpha rope.scaling.yarn_beta_fast rope.scaling.yarn_beta_slow
    attn_logit_softcapping router_logit_softcapping final_logit_softcapping swiglu_clamp_exp
    swiglu_clamp_shexp`,
  ),
  ...rules('f32', [0, 1e15], 'rope.freq_base rope.freq_base_swa attention.compress_rope_freq_base'),
  ...rules(
    'f32',
    ANY,
    `logit_scale residual_scale embedding_scale expert_weights_scale expert_group_scale
    adapters.router_gain attention.scale attention.output_scale attention.value_scale
    attention.temperature_scale rope.scaling.attn_factor rope.scaling.yarn_log_multiplier
    rope.scaling.yarn_ext_factor rope.scaling.yarn_attn_factor kda.gate_lower_bound
    activation.situ_beta activation.situ_linear_beta`,
  ),
  ...rules(
    'bool',
    [0, 1],
    `use_parallel_residual expert_weights_norm swin_norm skip_loop_final_norm attention.causal
    rope.scaling.finetuned ssm.dt_b_c_rms kda.safe_gate norm_before_residual norm_before_fc`,
  ),
])

interface Demand {
  key: string
  /** Whether these values do; none: the file does not give the key. */
  holds: (values: readonly number[]) => boolean
  must: string
}

/**
 * What an architecture demands besides, which llama.cpp asserts only when it computes: a trial builds
 * the graphs and computes nothing. A graph without a layer that uses one of its inputs aborts, too.
 */
const DEMANDS: ReadonlyMap<string, Demand> = new Map(
  Object.entries({
    dots3note: {
      key: 'attention.sliding_window_pattern',
      holds: (values) => values.length === 0 || values.includes(0),
      must: '0 for at least one layer',
    },
    granite_swa: {
      key: 'attention.rope_pattern',
      holds: (values) => values.length === 0 || values.some((value) => value !== 0),
      must: 'other than 0 for at least one layer',
    },
    /** llama-memory-hybrid-idx.cpp */
    qwen4exp: {
      key: 'attention.compress_ratios',
      holds: (values) => values.every((value) => value <= 64),
      must: 'at most 64',
    },
    /** ggml-cpu/ops.cpp, M-RoPE */
    paddleocr: {
      key: 'rope.dimension_sections',
      holds: (values) => values.slice(0, 3).some((value) => value > 0),
      must: 'above 0 for at least one of its first three sections',
    },
  } satisfies Record<string, Demand>),
)

/** Checks every number that the file gives. Throws `bad-model` with the first out of its range. */
export function checkNumbers(header: GgufHeader, architecture: string): void {
  for (const [name, rule] of NUMBERS) {
    const key = `${architecture}.${name}`
    const value = header.metadata.get(key)?.value
    if (value === undefined) continue
    const values = typeof value === 'object' ? listed(key, value) : [value]
    const wrong = values.find((one) => !fits(one, rule))
    if (typeof wrong === 'string') throw bad(`The metadata key ${show(key)} is not a number.`)
    if (wrong !== undefined)
      throw bad(`The metadata key ${show(key)} is ${String(wrong)}; it must be ${mustBe(rule)}.`)
  }
  const demand = DEMANDS.get(architecture)
  if (demand === undefined) return
  const key = `${architecture}.${demand.key}`
  const value = header.metadata.get(key)?.value
  const values = value === undefined ? [] : typeof value === 'object' ? listed(key, value) : [value]
  if (!demand.holds(values.map(Number)))
    throw bad(`The metadata key ${show(key)} must be ${demand.must}.`)
}

/** Returns the numbers of a list: one per layer, or a few. */
function listed(key: string, { values, length }: GgufArray): readonly unknown[] {
  if (length > LAYERS[1] || (length > 0 && values === undefined))
    throw bad(
      `The metadata key ${show(key)} is a list of ${length}; it must be one of at most ${LAYERS[1]} numbers.`,
    )
  return values ?? []
}

function fits(value: unknown, { type, range: [min, max] }: NumberRule): boolean {
  if (typeof value === 'boolean') return type !== 'f32' // some lists say which layers
  if (typeof value !== 'number' || value < min || value > max) return false
  return type === 'f32' ? Number.isFinite(value) : Number.isInteger(value)
}

const mustBe = ({ type, range: [min, max] }: NumberRule) =>
  type === 'bool' ? 'true or false' : `between ${min} and ${max}`
