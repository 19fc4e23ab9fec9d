/**
 * How the numbers of a model must fit together, by architecture: what the graphs of llama.cpp
 * (src/models/, llama-graph.cpp, llama-model.cpp) assert or divide by.
 */
import { bad } from './gguf.ts'
import type { Numbers } from './hparams.ts'

type Shapes = ReadonlyMap<string, readonly number[]>
interface Relation {
  /** Whether it holds for a model. */
  of: (numbers: Numbers) => boolean
  /** Throws `bad-model`. */
  check: (numbers: Numbers, shapes: Shapes) => void
}

const set = (names: string): ReadonlySet<string> => new Set(names.trim().split(/\s+/))

/** llama-model.cpp, `llama_model_rope_type`: no RoPE. */
const NO_ROPE = set(
  `gpt2 mpt refact bloom mamba mamba2 jamba jais rwkv6 rwkv6qwen2 rwkv7 arwkv7 nemotron_h
  nemotron_h_moe kimi-linear kimi-k3 t5 t5encoder jina-bert-v2 wavtokenizer-dec`,
)
const RWKV = set('rwkv6 rwkv6qwen2 rwkv7 arwkv7')
const RECURRENT = set('mamba mamba2 rwkv6 rwkv6qwen2 rwkv7 arwkv7')
/** Latent attention, if `attention.key_length_mla` is given. */
const LATENT = set(
  `deepseek2 deepseek2-ocr deepseek32 glm-dsa dots3note kimi-linear kimi-k3 bailingmoe3 mistral4`,
)
/** Keys and values have the same number of dimensions. */
const EQUAL_HEADS = set(
  `afmoe apertus arcee arctic baichuan bailingmoe bailingmoe2 bitnet bloom chameleon chatglm
  codeshell cogvlm cohere2 cohere2moe command-r dbrx deci deepseek dots1 dream ernie4_5
  ernie4_5-moe exaone exaone4 exaone-moe falcon glm4 glm4moe gpt2 gptneox granite granitemoe
  granitehybrid granite_swa graniteswitch grok grovemoe hunyuan-dense hunyuan-moe hunyuan_vl hy_v3
  internlm2 jais jais2 laguna lfm2 lfm2moe llada llada-moe llama llama4 maincoder mellum minicpm
  minimax-01 minimax-m2 minimax-m3 mistral3 mpt muse-glimmer nanbeige nemotron nemotron_h
  nemotron_h_moe olmo olmo2 olmoe openelm orion paddleocr pangu-embedded phi2 phi3 phimoe plamo qwen
  qwen2 qwen2moe qwen2vl qwen3 qwen3moe qwen3next qwen3vl qwen3vlmoe qwen35 qwen35moe qwen4exp refact
  rnd1 seed_oss smallthinker smollm3 stablelm starcoder starcoder2 talkie xverse`,
)
/** RoPE turns all dimensions of a key. */
const WHOLE_ROPE = set(
  `apertus arcee arctic baichuan chameleon codeshell cogvlm cohere2moe dbrx deci deepseek dots1 dream
  ernie4_5 ernie4_5-moe exaone exaone4 exaone-moe falcon granite granitemoe granite_swa graniteswitch
  grok grovemoe hunyuan-dense hunyuan-moe hunyuan_vl hy_v3 internlm2 jais2 llada llada-moe llama
  llama4 maincoder mellum minicpm minimax-01 minimax-m2 minimax-m3 mistral3 nemotron olmo olmo2 olmoe
  orion paddleocr pangu-embedded plamo qwen2 qwen2moe qwen2vl qwen3 qwen3moe qwen3vl qwen3vlmoe rnd1
  seed_oss smallthinker smollm3 starcoder2 talkie xverse`,
)
/** Layers with a sliding window have heads of another size. */
const OTHER_SWA_HEADS = set('gemma4 dots3note mimo2 step35')
/** Layers without attention have a head count of 0. */
const NO_HEADS = set(
  `plamo2 jamba nemotron_h nemotron_h_moe granitehybrid lfm2 lfm2moe kimi-linear bailingmoe3 kimi-k3
  deci mamba mamba2 rwkv6 rwkv6qwen2 rwkv7 arwkv7`,
)
/** The graph divides the query's projection into a query and a gate. */
const GATED_QUERY = set('qwen3next qwen35 qwen35moe qwen4exp')

export interface Heads {
  layers: number
  /** Per layer. */
  heads: readonly number[]
  kvHeads: readonly number[]
  keyLength: number
  valueLength: number
  rope: number
}

/** Returns the heads as llama.cpp reads them (llama-model.cpp, `load_hparams`). */
export function headsOf(numbers: Numbers): Heads {
  const layers = numbers.get('block_count', 0)
  const each = (name: string, fallback: readonly number[]) => {
    const all = numbers.all(name)
    return all.length === 0
      ? fallback
      : all.length === 1 && layers !== 1
        ? new Array<number>(layers).fill(all[0]!)
        : all
  }
  const heads = each('attention.head_count', new Array<number>(layers).fill(0))
  const kvHeads = each('attention.head_count_kv', heads)
  const split = heads[0] ? Math.floor(numbers.get('embedding_length', 0) / heads[0]) : 0
  const keyLength = numbers.get('attention.key_length', split)
  return {
    layers,
    heads,
    kvHeads,
    keyLength,
    valueLength: numbers.get('attention.value_length', split),
    rope: numbers.get('rope.dimension_count', keyLength),
  }
}

const isLatent = (numbers: Numbers) =>
  LATENT.has(numbers.architecture) &&
  numbers.get('attention.key_length_mla', 0) > 0 &&
  numbers.get('attention.value_length_mla', 0) > 0

/** Every `blk.N.NAME` with its layer. */
function* ofLayers(shapes: Shapes, name: string): Generator<[number, readonly number[]]> {
  const pattern = new RegExp(`^blk\\.(\\d+)\\.${name}\\.weight$`)
  for (const [tensor, shape] of shapes) {
    const match = pattern.exec(tensor)
    if (match) yield [Number(match[1]), shape]
  }
}

const all = () => true
const is =
  (names: ReadonlySet<string>) =>
  ({ architecture }: Numbers) =>
    names.has(architecture)
const except =
  (...names: ReadonlySet<string>[]) =>
  ({ architecture }: Numbers) =>
    !names.some((one) => one.has(architecture))

export const RELATIONS: readonly Relation[] = [
  {
    of: all,
    check(numbers) {
      const layers = numbers.get('block_count', 0)
      for (const name of ['nextn_predict_layers', 'n_deepstack_layers', 'attention.shared_kv_layers'])
        if (numbers.get(name, 0) >= layers) throw numbers.wrong(name, `below block_count (${layers})`)
      if (numbers.get('attention.temperature_scale', 0) !== 0)
        required(numbers, 'attention.temperature_length')
    },
  },
  {
    of: except(NO_HEADS),
    check(numbers) {
      const { heads, kvHeads } = headsOf(numbers)
      if (heads.some((n) => n < 1)) throw numbers.wrong('attention.head_count', 'at least 1')
      if (kvHeads.some((n) => n < 1)) throw numbers.wrong('attention.head_count_kv', 'at least 1')
    },
  },
  {
    of: except(NO_ROPE),
    check(numbers) {
      const { heads, keyLength, rope } = headsOf(numbers)
      if (!heads.some((n) => n > 0)) return
      const checkRope = (name: string, dimensions: number, most: number) => {
        if (dimensions < 2 || dimensions % 2 !== 0 || dimensions > most)
          throw numbers.wrong(name, `even, and from 2 to the dimensions of a key (${most})`)
      }
      checkRope('rope.dimension_count', rope, keyLength)
      checkRope(
        'rope.dimension_count_swa',
        numbers.get('rope.dimension_count_swa', rope),
        numbers.get('attention.key_length_swa', keyLength),
      )
    },
  },
  {
    of: is(EQUAL_HEADS),
    check(numbers) {
      const { keyLength, valueLength } = headsOf(numbers)
      if (keyLength < 1) throw numbers.wrong('attention.key_length', 'at least 1')
      if (valueLength !== keyLength)
        throw numbers.wrong('attention.value_length', `attention.key_length (${keyLength})`)
    },
  },
  {
    of: is(WHOLE_ROPE),
    check(numbers) {
      const { keyLength, rope } = headsOf(numbers)
      if (rope !== keyLength)
        throw numbers.wrong('rope.dimension_count', `attention.key_length (${keyLength})`)
    },
  },
  {
    of: except(OTHER_SWA_HEADS),
    check(numbers) {
      const { keyLength, valueLength, rope } = headsOf(numbers)
      for (const [name, full] of [
        ['attention.key_length_swa', keyLength],
        ['attention.value_length_swa', valueLength],
        ['rope.dimension_count_swa', rope],
      ] as const)
        require(numbers, name, (n) => n === full, `${full}, as in layers without a sliding window`)
    },
  },
  {
    // The projections are viewed as heads (ggml_view_3d, ggml_reshape_3d).
    of: except(RECURRENT, LATENT, GATED_QUERY, OTHER_SWA_HEADS),
    check(numbers, shapes) {
      const { heads, kvHeads, keyLength, valueLength } = headsOf(numbers)
      const widths: [string, (layer: number) => number][] = [
        ['attn_q', (i) => heads[i]! * keyLength],
        ['attn_k', (i) => kvHeads[i]! * keyLength],
        ['attn_v', (i) => kvHeads[i]! * valueLength],
        ['attn_qkv', (i) => heads[i]! * keyLength + kvHeads[i]! * (keyLength + valueLength)],
      ]
      for (const [name, width] of widths)
        for (const [layer, shape] of ofLayers(shapes, name)) {
          if (layer >= heads.length) continue
          if ((shape[1] ?? 1) !== width(layer))
            throw bad(
              `The matrix "blk.${layer}.${name}.weight" has ${shape[1] ?? 1} rows; ${heads[layer]} heads (${numbers.key('attention.head_count')}) and ${kvHeads[layer]} KV heads of ${keyLength} and ${valueLength} dimensions need ${width(layer)}.`,
            )
        }
    },
  },
  {
    of: isLatent,
    check(numbers) {
      const { kvHeads, keyLength, valueLength, rope } = headsOf(numbers)
      const rank = numbers.get('attention.kv_lora_rank', 0)
      if (keyLength !== rank + rope)
        throw numbers.wrong('attention.key_length', `attention.kv_lora_rank + rope.dimension_count (${rank + rope})`)
      if (valueLength !== rank)
        throw numbers.wrong('attention.value_length', `attention.kv_lora_rank (${rank})`)
      require(numbers, 'attention.key_length_mla', (n) => n > rope, `above rope.dimension_count (${rope})`)
      if (kvHeads.some((n) => n > 1)) throw numbers.wrong('attention.head_count_kv', '1')
    },
  },
  {
    of: is(RWKV),
    check(numbers) {
      const shifts = ['rwkv6qwen2', 'arwkv7'].includes(numbers.architecture) ? 1 : 2
      if (numbers.get('token_shift_count', 2) !== shifts)
        throw numbers.wrong('token_shift_count', String(shifts))
      const embedding = numbers.get('embedding_length', 0)
      require(
        numbers,
        'wkv.head_size',
        (n) => n > 0 && embedding % n === 0,
        `a divisor of embedding_length (${embedding})`,
      )
      const heads = embedding / numbers.get('wkv.head_size', 1)
      const grouped = numbers.architecture.endsWith('qwen2')
      require(
        numbers,
        'attention.head_count_kv',
        (n) => n === 0 || (grouped ? heads % n === 0 : n === heads),
        grouped ? `a divisor of ${heads}` : String(heads),
      )
    },
  },
  {
    of: is(set('ernie4_5-moe')),
    check: (numbers) => required(numbers, 'interleave_moe_layer_step'),
  },
  { of: is(set('grovemoe')), check: (numbers) => required(numbers, 'experts_per_group') },
  { of: is(set('llama4')), check: (numbers) => notZero(numbers, 'attention.sliding_window') },
  {
    of: is(set('minimax-m2 dots1 smallthinker')),
    check: (numbers) => required(numbers, 'expert_gating_func'),
  },
  { of: is(set('minimax-m3')), check: (numbers) => required(numbers, 'attention.indexer.block_size') },
  {
    of: is(set('bailingmoe3')),
    check(numbers) {
      require(numbers, 'kda.gate_lower_bound', (n) => n < 0, 'below 0')
      require(numbers, 'kda.safe_gate', (n) => n === 1, 'true')
    },
  },
  {
    of: is(set('deepseek2-ocr')),
    check(numbers) {
      const { heads, keyLength, valueLength } = headsOf(numbers)
      const split = Math.floor(numbers.get('embedding_length', 0) / heads[0]!)
      if (keyLength !== split) throw numbers.wrong('attention.key_length', String(split))
      if (valueLength !== split) throw numbers.wrong('attention.value_length', String(split))
      require(numbers, 'rope.freq_base', (n) => n === 10_000, '10000')
    },
  },
  {
    of: is(set('deepseek4')),
    check(numbers) {
      const { heads, kvHeads, keyLength, valueLength } = headsOf(numbers)
      if (valueLength !== keyLength)
        throw numbers.wrong('attention.value_length', `attention.key_length (${keyLength})`)
      if (kvHeads.some((n) => n !== 1)) throw numbers.wrong('attention.head_count_kv', '1')
      const groups = numbers.get('attention.output_group_count', 0)
      if (groups < 1 || heads.some((n) => n % groups !== 0))
        throw numbers.wrong('attention.output_group_count', 'a divisor of attention.head_count')
      required(numbers, 'hyper_connection.sinkhorn_iterations')
      require(numbers, 'hyper_connection.count', (n) => n === 4, '4')
    },
  },
  {
    of: is(set('jamba granitehybrid')),
    check(numbers) {
      const twice = 2 * numbers.get('embedding_length', 0)
      if (numbers.get('ssm.inner_size', 0) !== twice)
        throw numbers.wrong('ssm.inner_size', `twice embedding_length (${twice})`)
    },
  },
  {
    of: is(set('nemotron_h nemotron_h_moe')),
    check(numbers) {
      if (numbers.get('nextn_predict_layers', 0) > 0) required(numbers, 'expert_used_count')
    },
  },
  {
    // Some layers turn half of these dimensions.
    of: is(set('step35')),
    check: (numbers) => require(numbers, 'rope.dimension_count', (n) => n % 4 === 0, 'a multiple of 4'),
  },
  {
    of: is(set('minicpm3')),
    check(numbers) {
      const { heads, kvHeads } = headsOf(numbers)
      if (kvHeads.some((n, i) => n !== heads[i]))
        throw numbers.wrong('attention.head_count_kv', 'attention.head_count')
    },
  },
  {
    of: is(set('plamo2')),
    check: (numbers) => require(numbers, 'ssm.group_count', (n) => n === 0, '0'),
  },
  {
    // The cache of these has a part for layers with a sliding window.
    of: is(
      set(
        `cohere2moe exaone-moe gemma2 gemma3 gpt-oss llama4 mellum mimo2 muse-glimmer olmo2 plamo3
        smallthinker step35`,
      ),
    ),
    check(numbers) {
      if (numbers.get('attention.sliding_window') === 0) return
      const pattern = numbers.all('attention.sliding_window_pattern')
      const perLayer = pattern.length !== 1 || ['mimo2', 'step35'].includes(numbers.architecture)
      const none = perLayer ? pattern.length > 0 && pattern.every((n) => n === 0) : pattern[0] === 1
      if (none)
        throw numbers.wrong('attention.sliding_window_pattern', 'such that some layers have a window')
    },
  },
]

/** Checks that the file gives a number above 0. */
function required(numbers: Numbers, name: string): void {
  if (numbers.get(name, 0) <= 0) throw numbers.wrong(name, 'above 0')
}

const notZero = (numbers: Numbers, name: string) =>
  require(numbers, name, (n) => n !== 0, 'above 0')

/** Checks a number if the file gives it. */
function require(
  numbers: Numbers,
  name: string,
  holds: (value: number) => boolean,
  must: string,
): void {
  if (!numbers.all(name).every(holds)) throw numbers.wrong(name, must)
}
