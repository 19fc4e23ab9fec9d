/** What the pinned llama.cpp does with each architecture, as far as a run depends on it. */
import type { GgufHeader } from './gguf.ts'
import type { ModelInfo } from '../protocol/wire.ts'

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
 * Architectures that can have thought tables. llama.cpp adds the tables to K before RoPE, which is
 * possible only where K comes straight from its projection.
 */
export const THOUGHT_ARCHITECTURES: ReadonlySet<string> = new Set(['qwen2', 'llama'])

/**
 * Architectures whose graph asserts that keys, values and RoPE have the same number of dimensions.
 */
export const ONE_HEAD_SIZE: ReadonlySet<string> = new Set(['qwen2', 'llama', 'qwen3'])

/** Source: llama-model.cpp, `llama_model_rope_type`. */
export const NO_ROPE: ReadonlySet<string> = new Set(
  'gpt2 mpt refact bloom mamba mamba2 jamba jais rwkv6 rwkv6qwen2 rwkv7 arwkv7 nemotron_h nemotron_h_moe kimi-linear kimi-k3'.split(
    ' ',
  ),
)

const reasons = (reason: string, names: string): [string, string][] =>
  names.split(' ').map((name) => [name, reason])
/** Architectures that llama.cpp knows, but that generate no text, or with which it aborts. */
export const NOT_RUN: ReadonlyMap<string, string> = new Map([
  ...reasons(
    'they turn text into vectors.',
    'bert modern-bert nomic-bert nomic-bert-moe neo-bert jina-bert-v2 jina-bert-v3 eurobert t5encoder gemma-embedding llama-embed',
  ),
  ...reasons('they have an encoder.', 't5'),
  ...reasons('they generate speech.', 'wavtokenizer-dec qwen3tts pockettts'),
  ...reasons('they only draft tokens for another model.', 'eagle3 dflash gemma4-assistant'),
  ...reasons('this version of llama.cpp aborts with each of them.', 'plm'),
])

export function isRecurrent(architecture: string): boolean {
  return RECURRENT.has(architecture)
}

/**
 * Returns why the cells of several sequences cannot be joined, or undefined if they can be: as
 * llama.cpp decides it (core/model.cpp), read from the header alone.
 */
export function cannotJoin(header: GgufHeader, architecture: string): ModelInfo['cannotJoin'] {
  if (RECURRENT.has(architecture)) return 'recurrent'
  if (HYBRID.has(architecture)) return 'hybrid'
  const has = (key: string) => header.metadata.has(`${architecture}.${key}`)
  if (has('rope.dimension_sections')) return 'm-rope'
  return has('attention.indexer.head_count') ? 'indexer' : undefined
}
