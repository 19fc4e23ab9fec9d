/**
 * Every number of a model's metadata that llama.cpp reads (llama-arch.cpp, `LLM_KV_NAMES`), and the
 * values with which it neither aborts (GGML_ASSERT), nor divides by zero, nor allocates more than
 * the file justifies. The ranges are wider than those of any published model.
 */
import { bad, show, type GgufHeader } from './gguf.ts'

/** The smallest and the largest value. */
type Range = readonly [min: number, max: number]

const MAX_LAYERS = 512
const WIDTH: Range = [0, 2 ** 20]
const POSITIONS: Range = [0, 2 ** 31 - 1]
const LAYERS: Range = [0, MAX_LAYERS]
const EXPERTS: Range = [0, 1024]
const HEADS: Range = [0, 2 ** 16]
const FLAG: Range = [0, 1]
const SMALL: Range = [0, 1024]
const TOKEN: Range = [0, 2 ** 32 - 1]
const SCALE: Range = [-1e10, 1e10]
const NOT_NEGATIVE: Range = [0, 1e10]
const EPSILON: Range = [0, 1]

/** By key without the architecture. `f32` is finite; `per` an array of one number per layer, too. */
export const NUMBERS: Readonly<
  Record<string, { type: 'u32' | 'f32' | 'bool'; range: Range; array?: 'layers' | 'free' }>
> = Object.fromEntries([
  ...ints(
    WIDTH,
    'embedding_length embedding_length_out embedding_length_per_layer_input features_length feed_forward_length* expert_feed_forward_length* expert_shared_feed_forward_length expert_chunk_feed_forward_length expert_latent_length moe_latent_size time_mix_extra_dim time_decay_extra_dim attention.key_length attention.value_length attention.key_length_mla attention.value_length_mla attention.key_length_swa attention.value_length_swa attention.key_length_mla_swa attention.value_length_mla_swa attention.q_lora_rank attention.kv_lora_rank attention.kv_lora_rank_swa attention.decay_lora_rank attention.iclr_lora_rank attention.value_residual_mix_lora_rank attention.gate_lora_rank attention.output_lora_rank attention.indexer.key_length rope.dimension_count rope.dimension_count_swa ssm.inner_size ssm.state_size ssm.time_step_rank kda.head_dim wkv.head_size posnet.embedding_length convnext.embedding_length adapters.lora_rank target_hidden_size selector_rank dense_2_feat_in dense_2_feat_out dense_3_feat_in dense_3_feat_out hyper_connection.low_rank',
  ),
  ...ints(
    LAYERS,
    'block_count leading_dense_block_count nextn_predict_layers n_deepstack_layers decoder_block_count moe_every_n_layers rescale_every_n_layers interleave_moe_layer_step full_attention_interval attention.sliding_window_pattern* attention.shared_kv_layers attention.recurrent_layers* attention.rope_pattern* hash_layer_count posnet.block_count convnext.block_count',
  ),
  ...ints(
    EXPERTS,
    'expert_count expert_used_count* expert_shared_count expert_group_count expert_group_used_count experts_per_group',
  ),
  ...ints(
    HEADS,
    'attention.head_count* attention.head_count_kv* attention.indexer.head_count attention.output_group_count attention.relative_buckets_count attention.group_norm_groups ssm.group_count',
  ),
  ...ints(
    SMALL,
    'expert_gating_func pooling_type token_shift_count num_loops ssm.conv_kernel shortconv.l_cache attn_res.block_size hyper_connection.count hyper_connection.sinkhorn_iterations ple.ngram_size ple.heads_per_ngram ple.conv_kernel attention.indexer.block_size attention.indexer.local_blocks adapters.count block_size conv_kernel_size conv_group_size',
  ),
  ...ints(
    POSITIONS,
    'vocab_size context_length attention.sliding_window attention.temperature_length attention.indexer.top_k rope.scaling.original_context_length selector_top_k',
  ),
  ...ints(TOKEN, 'decoder_start_token_id ple.eos_token_id ple.image_token_id'),
  ...floats(
    EPSILON,
    'attention.layer_norm_epsilon attention.layer_norm_rms_epsilon attention.group_norm_epsilon hyper_connection.epsilon',
  ),
  ...floats(
    NOT_NEGATIVE,
    'attention.max_alibi_bias attention.clamp_kqv rope.freq_base rope.freq_base_swa rope.scale_linear rope.scaling.factor rope.scaling.yarn_beta_fast rope.scaling.yarn_beta_slow attention.compress_rope_freq_base attn_logit_softcapping router_logit_softcapping final_logit_softcapping swiglu_clamp_exp* swiglu_clamp_shexp*',
  ),
  ...floats(
    SCALE,
    'logit_scale residual_scale embedding_scale expert_weights_scale expert_group_scale adapters.router_gain attention.scale attention.output_scale attention.value_scale attention.temperature_scale rope.scaling.alpha rope.scaling.attn_factor rope.scaling.yarn_log_multiplier rope.scaling.yarn_ext_factor rope.scaling.yarn_attn_factor kda.gate_lower_bound activation.situ_beta activation.situ_linear_beta',
  ),
  ...flags(
    'use_parallel_residual expert_weights_norm swin_norm skip_loop_final_norm attention.causal rope.scaling.finetuned ssm.dt_b_c_rms kda.safe_gate norm_before_residual norm_before_fc',
  ),
])

function ints(range: Range, keys: string) {
  return rules('u32', range, keys)
}
function floats(range: Range, keys: string) {
  return rules('f32', range, keys)
}
function flags(keys: string) {
  return rules('bool', FLAG, keys)
}
function rules(type: 'u32' | 'f32' | 'bool', range: Range, keys: string) {
  return keys
    .split(' ')
    .map(
      (key) =>
        [
          key.replace('*', ''),
          { type, range, ...(key.endsWith('*') && { array: 'layers' as const }) },
        ] as const,
    )
}
void bad
void show
void ({} as GgufHeader)
