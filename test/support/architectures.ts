/**
 * A tiny model of every architecture that llama.cpp runs. The metadata follow llama.cpp's own
 * tests/test-llama-archs.cpp (`get_gguf_ctx`); the tensors are what its loader asks for, learned
 * from its messages.
 */
import { truncateSync, writeFileSync } from 'node:fs'
import type { NativeAddon } from '../../engine/native/types.ts'
import {
  array,
  bool,
  encodeHeader,
  f32,
  str,
  u32,
  type GgufValue,
  type Metadata,
  type Tensor,
} from './gguf-writer.ts'
import { Random } from './random.ts'
import { BOS, EOS, tinyVocabulary } from './tiny-models.ts'

export interface TinyArchitecture {
  /** `qwen3`, or `qwen3 moe` for the variant with experts. */
  name: string
  metadata: Metadata
  tensors: Tensor[]
}

/** llama-arch.cpp, LLM_ARCH_NAMES; test-llama-archs.cpp, `moe_mandatory` and `moe_implemented`. */
const DENSE =
  'llama deci falcon gpt2 gptneox mpt baichuan starcoder refact bloom stablelm qwen qwen2 qwen2vl qwen3 qwen3vl qwen35 phi2 phi3 plamo plamo2 plamo3 codeshell orion internlm2 minicpm minicpm3 gemma gemma2 gemma3 gemma3n gemma4 starcoder2 mamba mamba2 jamba falcon-h1 xverse command-r cohere2 olmo olmo2 muse-glimmer openelm chatglm glm4 bitnet jais jais2 nemotron nemotron_h nemotron_h_moe exaone exaone4 rwkv6 rwkv6qwen2 rwkv7 arwkv7 granite granitemoe granitehybrid granite_swa arcee hunyuan-dense hunyuan_vl smollm3 lfm2 dream llada seed_oss apertus cogvlm pangu-embedded mistral3 maincoder talkie nanbeige chameleon'
const MOE =
  'llama llama4 cohere2moe grok qwen2moe qwen3moe qwen3next qwen3vlmoe qwen35moe qwen4exp phimoe dbrx olmoe arctic deepseek deepseek2 deepseek2-ocr deepseek32 dots3note deepseek4 glm4moe glm-dsa exaone-moe bailingmoe bailingmoe2 bailingmoe3 dots1 afmoe ernie4_5 ernie4_5-moe hunyuan-moe hy_v3 gpt-oss lfm2moe smallthinker llada-moe grovemoe minimax-01 minimax-m2 minimax-m3 rnd1 paddleocr mimo2 kimi-linear kimi-k3 step35 mistral4 mellum laguna refact minicpm granite granitemoe mistral3'

/** Names of all variants, such as `llama` and `llama moe`. */
export const ARCHITECTURES: readonly string[] = [
  ...DENSE.split(' '),
  ...MOE.split(' ').map((name) => `${name} moe`),
]

/** Names of llama-arch.cpp, LLM_TENSOR_NAMES: of each layer, and of the whole model. */
const LAYER_TENSORS =
  'altup_correct_coef altup_correct_scale altup_predict_coef altup_router altup_router_norm attn_compressor_ape attn_compressor_gate attn_compressor_kv attn_compressor_norm attn_conv_base attn_conv_proj attn_gate attn_k attn_k_b attn_k_norm attn_kv attn_kv_a_mqa attn_kv_a_norm attn_kv_b attn_norm attn_norm_2 attn_output attn_output_a attn_output_b attn_output_norm attn_q attn_q_a attn_q_a_norm attn_q_b attn_q_norm attn_qkv attn_res_score attn_rot_embd attn_sinks attn_sub_norm attn_v attn_v_b channel_mix_key channel_mix_lerp_k channel_mix_lerp_r channel_mix_receptance channel_mix_value exp_probs_b exp_probs_b_vl ffn.act ffn_conv_base ffn_conv_proj ffn_down ffn_down_chexps ffn_down_exps ffn_down_shexp ffn_gate ffn_gate_chexps ffn_gate_exps ffn_gate_inp ffn_gate_inp_shexp ffn_gate_shexp ffn_gate_tid2eid ffn_gate_up_exps ffn_latent_down ffn_latent_up ffn_norm ffn_norm_exps ffn_res_score ffn_routed_down ffn_routed_norm ffn_routed_up ffn_sub_norm ffn_up ffn_up_chexps ffn_up_exps ffn_up_shexp hc_attn_base hc_attn_down hc_attn_fn hc_attn_inject hc_attn_norm hc_attn_scale hc_attn_up hc_ffn_base hc_ffn_down hc_ffn_fn hc_ffn_inject hc_ffn_norm hc_ffn_scale hc_ffn_up indexer.attn_k indexer.attn_q_b indexer.k_norm indexer.k_proj indexer.proj indexer.q_norm indexer.q_proj indexer_compressor_ape indexer_compressor_gate indexer_compressor_kv indexer_compressor_norm inp_gate laurel_l laurel_post_norm laurel_r layer_output_norm layer_output_scale ple_conv1d ple_key ple_norm_conv ple_norm_key ple_norm_query ple_value post_attention_norm post_ffw_norm post_ffw_norm_1 post_ffw_norm_2 post_norm pre_ffw_norm_2 proj shortconv.conv shortconv.in_proj shortconv.out_proj ssm_a ssm_alpha ssm_b_norm ssm_ba ssm_beta ssm_c_norm ssm_conv1d ssm_conv1d_k ssm_conv1d_q ssm_conv1d_v ssm_d ssm_dt ssm_dt_norm ssm_f_a ssm_f_b ssm_g ssm_g_a ssm_g_b ssm_in ssm_norm ssm_out ssm_x time_mix_a0 time_mix_a1 time_mix_a2 time_mix_decay time_mix_decay_w1 time_mix_decay_w2 time_mix_first time_mix_g1 time_mix_g2 time_mix_gate time_mix_k_a time_mix_k_k time_mix_key time_mix_lerp_fused time_mix_lerp_g time_mix_lerp_k time_mix_lerp_r time_mix_lerp_v time_mix_lerp_w time_mix_lerp_x time_mix_ln time_mix_output time_mix_r_k time_mix_receptance time_mix_v0 time_mix_v1 time_mix_v2 time_mix_value time_mix_w0 time_mix_w1 time_mix_w2 vis_attn_output vis_attn_qkv vis_down vis_gate vis_up'
const MODEL_TENSORS =
  'altup_proj altup_unembd_proj cls cls.norm cls.output conf_proj conv1d d2t dec.output_norm dense_2 dense_3 enc.output_norm fc markov_w1 markov_w2 masked_embd_centroids masked_embd_ordering output output_hc_base output_hc_down output_hc_fn output_hc_norm output_hc_scale output_hc_up output_norm output_res_score per_layer_model_proj per_layer_proj_norm per_layer_token_embd position_embd rope_factors_long rope_factors_short rope_freqs selector_hidden selector_predecessor selector_successor token_embd token_embd_norm token_types'

const MLA = [
  'deepseek2',
  'deepseek32',
  'glm-dsa',
  'dots3note',
  'kimi-linear',
  'bailingmoe3',
  'kimi-k3',
  'mistral4',
]
/** Hybrid architectures that say by a head count of 0 which layers are recurrent. */
const HEADS_BY_LAYER = [
  'plamo2',
  'jamba',
  'nemotron_h',
  'nemotron_h_moe',
  'granitehybrid',
  'lfm2',
  'lfm2moe',
  'kimi-linear',
  'bailingmoe3',
  'kimi-k3',
]
const SWA_BY_LAYER = ['cohere2moe', 'mimo2', 'step35', 'muse-glimmer', 'granite_swa', 'dots3note']

interface Sizes {
  context: number
  embd: number
  heads: number
  ff: number
  layers: number
}

function sizesOf(arch: string): Sizes {
  const sizes = { context: 256, embd: 128, heads: 2, ff: 192, layers: 2 }
  if (arch === 'llama4') return { ...sizes, layers: 4 }
  if (arch === 'gemma4') return { ...sizes, layers: 5 }
  if (arch === 'gemma3n') return { ...sizes, embd: 64, heads: 1, ff: 96, layers: 22 }
  if (arch === 'deepseek4') return { ...sizes, embd: 512, heads: 8, ff: 256, layers: 4 }
  if (arch === 'step35' || arch === 'laguna') return { ...sizes, embd: 160 }
  if (arch === 'qwen3' || arch === 'muse-glimmer' || arch === 'afmoe') return { ...sizes, heads: 4 }
  if (MLA.includes(arch) || arch === 'deepseek2-ocr') return { ...sizes, heads: 1 }
  if (arch === 'nemotron_h' || arch === 'nemotron_h_moe') return { ...sizes, layers: 3 }
  if (arch === 'minimax-m3' || arch === 'qwen4exp') return { ...sizes, embd: 256 }
  if (arch === 'deepseek2-ocr') return { ...sizes, embd: 1280, heads: 10 }
  return sizes
}

/** Returns the metadata of a variant's tiny model. */
export function metadataOf(variant: string): Metadata {
  const [arch, moe] = variant.split(' ') as [string, string | undefined]
  const { context, embd, heads, ff, layers } = sizesOf(arch)
  const kvHeads = { qwen3: 1, 'muse-glimmer': 2, afmoe: 2, deepseek4: 1 }[arch] ?? heads
  const headDim = embd / heads
  const each = <T>(value: (layer: number) => T) =>
    Array.from({ length: layers }, (_, i) => value(i))
  const vocabulary = vocabularyOf(arch)
  const own: Record<string, GgufValue> = {
    vocab_size: u32(vocabulary.tokens.length),
    context_length: u32(context),
    embedding_length: u32(embd),
    features_length: u32(embd),
    block_count: u32(layers),
    leading_dense_block_count: u32(1),
    feed_forward_length: arch.startsWith('nemotron_h')
      ? array(
          'u32',
          each((i) => (i <= 1 ? 0 : ff)),
        )
      : u32(ff),
    use_parallel_residual: bool(false),
    logit_scale: f32(1),
    time_mix_extra_dim: u32(64),
    time_decay_extra_dim: u32(128),
    full_attention_interval: u32(2),
    'attention.head_count': HEADS_BY_LAYER.includes(arch)
      ? array(
          'u32',
          each((i) => (i === 1 ? 0 : heads)),
        )
      : u32(heads),
    'attention.head_count_kv': HEADS_BY_LAYER.includes(arch)
      ? array(
          'u32',
          each((i) => (i === 1 ? 0 : heads)),
        )
      : u32(kvHeads),
    'attention.max_alibi_bias': f32(8),
    'attention.clamp_kqv': f32(1),
    'attention.layer_norm_epsilon': f32(1e-5),
    'attention.layer_norm_rms_epsilon': f32(1e-5),
    'attention.group_norm_epsilon': f32(1e-5),
    'attention.group_norm_groups': u32(8),
    'attention.q_lora_rank': u32(arch === 'deepseek4' ? 64 : 512),
    'attention.kv_lora_rank': u32(512),
    'attention.relative_buckets_count': u32(8),
    'attention.sliding_window': u32(context / 8),
    'attention.sliding_window_pattern': SWA_BY_LAYER.includes(arch)
      ? array(
          'u32',
          each((i) => i % 2),
        )
      : u32(arch === 'gemma4' ? 5 : 2),
    'attention.indexer.head_count': u32(arch === 'minimax-m3' ? heads : 64),
    'attention.indexer.key_length': u32(arch === 'qwen4exp' ? headDim : 128),
    'attention.indexer.top_k': u32(8),
    'attention.indexer.block_size': u32(4),
    'attention.indexer.local_blocks': u32(1),
    'rope.dimension_sections': array('u32', Array<number>(4).fill(headDim / 4)),
    'rope.freq_base': f32(10_000),
    'rope.scaling.type': str('linear'),
    'rope.scaling.factor': f32(1),
    'rope.scaling.original_context_length': u32(context),
    'ssm.inner_size': u32(
      ['qwen3next', 'qwen35', 'qwen35moe', 'qwen4exp'].includes(arch) ? 256 : 2 * embd,
    ),
    'ssm.conv_kernel': u32(4),
    'ssm.state_size': u32(128),
    'ssm.time_step_rank': u32(heads),
    'ssm.group_count': u32(arch === 'plamo2' ? 0 : 2),
    'kda.head_dim': u32(128),
    'kda.safe_gate': bool(true),
    'kda.gate_lower_bound': f32(-5),
    'wkv.head_size': u32(headDim),
    'shortconv.l_cache': u32(3),
    residual_scale: f32(3.5),
    'attn_res.block_size': u32(12),
    'activation.situ_beta': f32(4),
    'activation.situ_linear_beta': f32(25),
  }
  if (arch === 'deepseek4')
    Object.assign(own, {
      'attention.key_length': u32(headDim),
      'attention.value_length': u32(headDim),
      'rope.dimension_count': u32(headDim / 2),
      'attention.output_group_count': u32(8),
      'attention.output_lora_rank': u32(32),
      'attention.compress_ratios': array('u32', [0, 0, 4, 128]),
      'attention.compress_rope_freq_base': f32(160_000),
      'hyper_connection.count': u32(4),
      'hyper_connection.sinkhorn_iterations': u32(2),
      'hyper_connection.epsilon': f32(1e-6),
      hash_layer_count: u32(0),
      swiglu_clamp_exp: f32(10),
      expert_weights_scale: f32(1),
      expert_weights_norm: bool(true),
    })
  else if (MLA.includes(arch))
    Object.assign(own, {
      'attention.key_length': u32(576),
      'attention.value_length': u32(512),
      'rope.dimension_count': u32(64),
      'attention.key_length_mla': u32(192),
      'attention.value_length_mla': u32(128),
    })
  else if (!arch.startsWith('rwkv') && arch !== 'arwkv7') {
    own['attention.key_length'] = u32(headDim)
    own['attention.value_length'] = u32(headDim)
    own['rope.dimension_count'] = u32(headDim)
  }
  if (arch === 'dots3note')
    Object.assign(own, {
      'attention.kv_lora_rank_swa': u32(512),
      'attention.key_length_swa': u32(576),
      'attention.value_length_swa': u32(512),
      'attention.key_length_mla_swa': u32(192),
      'attention.value_length_mla_swa': u32(128),
      'rope.freq_base_swa': f32(10_000),
      'attention.indexer.types': array(
        'u32',
        each((i) => (i % 2 ? 0 : 1)),
      ),
    })
  if (arch === 'gemma4')
    Object.assign(own, {
      embedding_length_per_layer_input: u32(embd / 2),
      'attention.shared_kv_layers': u32(0),
      'attention.key_length_swa': u32(headDim),
      'attention.value_length_swa': u32(headDim),
      'rope.dimension_count_swa': u32(headDim),
      'rope.freq_base_swa': f32(10_000),
    })
  if (arch === 'qwen4exp') {
    const tables = 4
    Object.assign(own, {
      'hyper_connection.count': u32(4),
      'hyper_connection.low_rank': u32(8),
      'attention.compress_ratios': array(
        'u32',
        each(() => 4),
      ),
      'ple.layers': array('u32', [0]),
      'ple.ngram_size': u32(3),
      'ple.heads_per_ngram': u32(2),
      'ple.conv_kernel': u32(4),
      'ple.eos_token_id': u32(0),
      embedding_length_per_layer_input: u32(embd / tables),
      'ple.layer_multipliers': array('u64', [1, 3, 5]),
      'ple.head_offsets': array(
        'u64',
        [0, 1, 2, 3].map((i) => i * vocabulary.tokens.length),
      ),
      'ple.head_vocab_sizes': array('u64', Array<number>(4).fill(vocabulary.tokens.length)),
    })
  }
  if (arch === 'bailingmoe3')
    Object.assign(own, {
      swiglu_clamp_exp: array('f32', [0, 4]),
      swiglu_clamp_shexp: array('f32', [0, 5]),
    })
  if (arch.startsWith('rwkv') || arch === 'arwkv7')
    Object.assign(own, {
      rescale_every_n_layers: u32(6),
      token_shift_count: u32(arch === 'rwkv6qwen2' || arch === 'arwkv7' ? 1 : 2),
      'attention.decay_lora_rank': u32(32),
      'attention.iclr_lora_rank': u32(32),
      'attention.value_residual_mix_lora_rank': u32(32),
      'attention.gate_lora_rank': u32(32),
    })
  if (moe)
    Object.assign(own, {
      expert_feed_forward_length: u32(ff),
      expert_shared_feed_forward_length: u32(ff / 2),
      expert_chunk_feed_forward_length: u32(ff),
      expert_latent_length: u32(ff),
      interleave_moe_layer_step: u32(2),
      expert_count: u32(2),
      expert_used_count: u32(1),
      expert_shared_count: u32(1),
      expert_gating_func: u32(arch === 'deepseek4' ? 4 : 2),
      expert_group_scale: f32(1),
      experts_per_group: u32(1),
      moe_every_n_layers: u32(1),
    })
  return {
    'general.architecture': str(arch),
    'general.name': str('tiny'),
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${arch}.${key}`, value])),
    ...(arch === 'apertus' && {
      'xielu.alpha_n': f32(1),
      'xielu.alpha_p': f32(1),
      'xielu.beta': f32(1),
      'xielu.eps': f32(1e-7),
    }),
    'tokenizer.ggml.model': str('gpt2'),
    'tokenizer.ggml.pre': str('llama-bpe'),
    'tokenizer.ggml.tokens': array('string', vocabulary.tokens),
    'tokenizer.ggml.token_type': array('i32', vocabulary.types),
    'tokenizer.ggml.merges': array('string', vocabulary.merges),
    'tokenizer.ggml.bos_token_id': u32(vocabulary.id(BOS)),
    'tokenizer.ggml.eos_token_id': u32(vocabulary.id(EOS)),
    'tokenizer.ggml.add_bos_token': bool(false),
  }
}

/** The chameleon graph suppresses the logits of 8192 image tokens, from the fourth on. */
const vocabularyOf = (arch: string) =>
  tinyVocabulary(arch === 'chameleon' ? Array.from({ length: 8300 }, (_, i) => `<image${i}>`) : [])

const MISSING = /(?:missing tensor|check_tensor_dims: tensor) '([^']+)'(?: not found|$)/
const WRONG = /tensor '([^']+)' has wrong shape; expected ([\d, ]+), got/

/** Every tensor that some architecture has, with a shape that fits none. */
function candidates(layers: number): string[] {
  const forms = (name: string) => [`${name}.weight`, `${name}.bias`, name]
  return [
    ...MODEL_TENSORS.split(' ').flatMap(forms),
    ...LAYER_TENSORS.split(' ').flatMap((name) =>
      Array.from({ length: layers }, (_, i) => forms(`blk.${i}.${name}`)).flat(),
    ),
  ]
}

/** Tensors that the loader does not insist on but the graph needs, or whose size the file chooses. */
const NEEDED: Readonly<Record<string, readonly (readonly [string, ...number[]])[]>> = {
  qwen35: [['blk.0.attn_qkv.weight'], ['blk.0.attn_gate.weight']],
  qwen35moe: [['blk.0.attn_qkv.weight'], ['blk.0.attn_gate.weight']],
  qwen3next: [['blk.0.attn_qkv.weight'], ['blk.0.attn_gate.weight']],
  qwen4exp: [
    ['blk.0.attn_qkv.weight'],
    ['blk.0.attn_gate.weight'],
    ['per_layer_token_embd.weight', 32, 4 * 268],
  ],
  laguna: [
    ['blk.0.attn_gate.weight', 160, 2],
    ['blk.1.attn_gate.weight', 160, 2],
  ],
  'glm-dsa': [['output.weight']],
  rwkv6: [['blk.0.time_mix_lerp_fused.weight'], ['blk.1.time_mix_lerp_fused.weight']],
}

/** Fits no tensor of the tiny models: a prime. */
const UNKNOWN = 7919

/**
 * Learns the tensors that llama.cpp reads for this metadata: opens a plan, which reads no weights,
 * and adds or reshapes the tensor that the error names. `all`: also those that the loader does not
 * insist on. `file` is overwritten.
 */
export async function learnArchitecture(
  addon: NativeAddon,
  variant: string,
  file: string,
  all: boolean,
): Promise<TinyArchitecture> {
  const metadata = metadataOf(variant)
  const vocabulary = metadata['tokenizer.ggml.tokens'] as { values: readonly unknown[] }
  const { embd, layers } = sizesOf(variant.split(' ')[0]!)
  const known = new Map<string, number[]>([['token_embd.weight', [embd, vocabulary.values.length]]])
  for (const [name, ...shape] of NEEDED[variant.split(' ')[0]!] ?? [])
    known.set(name, shape.length > 0 ? shape : [UNKNOWN])
  const unknown = new Set(all ? candidates(layers) : [])
  for (let tries = 0; tries < 5000; tries++) {
    const infos = [
      ...[...known].map(([name, shape]) => ({ name, shape, type: 'f32' as const })),
      ...[...unknown]
        .filter((name) => !known.has(name))
        .map((name) => ({ name, shape: [UNKNOWN], type: 'f32' as const })),
    ]
    writeFileSync(file, encodeHeader(metadata, infos))
    truncateSync(file, 2 ** 32) // a hole
    const why = await addon.openPlan({ path: file, device: 'cpu', gpuLayers: 0 }).then(
      (plan) => plan.close(),
      (error: Error) => error.message,
    )
    const missing = MISSING.exec(why ?? '')?.[1]
    const wrong = WRONG.exec(why ?? '')
    if (missing !== undefined) known.set(missing, [UNKNOWN])
    else if (wrong) known.set(wrong[1]!, wrong[2]!.split(',').map(Number))
    else if (why !== undefined && unknown.size > 0 && why.includes('wrong number of tensors'))
      unknown.clear()
    else if (why === undefined) return { name: variant, metadata, tensors: weightsOf(known) }
    else throw new Error(`${variant}: ${why}`)
  }
  throw new Error(`${variant}: too many tensors`)
}

export function weightsOf(shapes: Iterable<readonly [string, readonly number[]]>): Tensor[] {
  const random = new Random(7)
  return [...shapes].map(([name, shape]) => ({
    name,
    shape,
    type: 'f32',
    data: random.normals(
      shape.reduce((a, b) => a * b, 1),
      0.05,
      /norm.*\.weight$/.test(name) ? 1 : 0,
    ),
  }))
}
