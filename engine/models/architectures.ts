/** What the pinned llama.cpp does with each architecture, as far as a run depends on it. */
import type { GgufHeader } from './gguf.ts'
import { numberOf } from './keys.ts'

/** Source: llama-arch.cpp, `llm_arch_is_recurrent` and `llm_arch_is_hybrid`. */
const RECURRENT = new Set(['mamba', 'mamba2', 'rwkv6', 'rwkv6qwen2', 'rwkv7', 'arwkv7'])
const HYBRID = new Set([
  'jamba',
  'falcon-h1',
  'plamo2',
  'granitehybrid',
  'lfm2',
  'lfm2moe',
  'nemotron_h',
  'nemotron_h_moe',
  'qwen3next',
  'kimi-linear',
  'bailingmoe3',
  'kimi-k3',
  'qwen35',
  'qwen35moe',
  'qwen4exp',
  'deepseek4',
  'minimax-01',
])
/**
 * Architectures whose layers attend within a sliding window, from src/models/*.cpp that set
 * `hparams.swa_type`: some always, others if `attention.sliding_window` is above 0.
 */
const ALWAYS_SLIDING = new Set([
  'cohere2',
  'cohere2moe',
  'dots3note',
  'exaone-moe',
  'gemma-embedding',
  'gemma2',
  'gemma3n',
  'gemma4',
  'gemma4-assistant',
  'gpt-oss',
  'granite_swa',
  'mimo2',
  'muse-glimmer',
  'step35',
])
const SLIDING_BY_KEY = new Set([
  'afmoe',
  'dflash',
  'gemma3',
  'laguna',
  'mellum',
  'modern-bert',
  'olmo2',
  'plamo3',
])

/**
 * Architectures that can have thought tables. llama.cpp adds the tables to K before RoPE, which is
 * possible only where K comes straight from its projection.
 */
export const THOUGHT_ARCHITECTURES: ReadonlySet<string> = new Set(['qwen2', 'llama'])

/**
 * Architectures whose graph asserts that keys, values and RoPE have the same number of dimensions.
 */
export const ONE_HEAD_SIZE: ReadonlySet<string> = new Set(['qwen2', 'llama', 'qwen3'])

export function isRecurrent(architecture: string): boolean {
  return RECURRENT.has(architecture)
}

/** Returns why the cells of several sequences cannot be joined, or undefined if they can be. */
export function cannotJoin(
  header: GgufHeader,
  architecture: string,
): 'recurrent' | 'hybrid' | 'sliding-window' | undefined {
  if (RECURRENT.has(architecture)) return 'recurrent'
  if (HYBRID.has(architecture)) return 'hybrid'
  const window = numberOf(header, `${architecture}.attention.sliding_window`)
  const sliding =
    ALWAYS_SLIDING.has(architecture) ||
    (SLIDING_BY_KEY.has(architecture) && (window ?? 0) > 0) ||
    (architecture === 'llama4' && window !== 0) ||
    (architecture === 'exaone4' && numberOf(header, 'exaone4.block_count') === 64)
  return sliding ? 'sliding-window' : undefined
}
