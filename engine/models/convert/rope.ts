/**
 * Converts RoPE scaling from config.json to GGUF, following the formulas of transformers'
 * modeling_rope_utils.py.
 */
import { fail } from '../../protocol/errors.ts'
import type { ModelConfig } from './config.ts'
import { f32, str, u32, type Metadata } from './gguf-writer.ts'

/** Returns the metadata keys of the scaling. `llama3` has none, because it is a tensor. */
export function ropeMetadata(config: ModelConfig): Metadata {
  const { rope, architecture, context } = config
  const key = (name: string) => `${architecture}.rope.${name}`
  const metadata: Metadata = [[key('freq_base'), f32(config.ropeBase)]]
  if (!rope || rope.kind === 'llama3') return metadata
  const original = rope.original_max_position_embeddings ?? context
  const factor = rope.factor ?? context / original
  if (!(factor >= 1))
    throw fail('bad-model/file', {
      reason: `config.json: the RoPE scaling needs a factor of at least 1.`,
    })
  metadata.push([key('scaling.type'), str(rope.kind)], [key('scaling.factor'), f32(factor)])
  if (rope.kind === 'linear') return metadata
  metadata.push([key('scaling.original_context_length'), u32(original)])
  if (typeof rope.extrapolation_factor === 'number')
    metadata.push([key('scaling.yarn_ext_factor'), f32(rope.extrapolation_factor)])
  if (typeof rope.beta_fast === 'number')
    metadata.push([key('scaling.yarn_beta_fast'), f32(rope.beta_fast)])
  if (typeof rope.beta_slow === 'number')
    metadata.push([key('scaling.yarn_beta_slow'), f32(rope.beta_slow)])
  // llama.cpp scales by 0.1 ln(factor) + 1, the default of transformers. Any other factor is given
  // relative to that default.
  const given = attentionFactor(config, factor)
  if (given !== undefined)
    metadata.push([key('scaling.attn_factor'), f32(given / mscale(factor, 1))])
  return metadata
}

const mscale = (factor: number, scale: number) =>
  factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1

/** Returns the factor that multiplies cos and sin, or undefined if it is YaRN's default. */
function attentionFactor({ rope }: ModelConfig, factor: number): number | undefined {
  if (typeof rope?.attention_factor === 'number') return rope.attention_factor
  if (rope?.mscale && rope.mscale_all_dim)
    return mscale(factor, rope.mscale) / mscale(factor, rope.mscale_all_dim)
  return undefined
}

/**
 * Returns Llama 3's frequency divisors, [headDim / 2] (convert_hf_to_gguf.py,
 * `generate_extra_tensors`).
 */
export function llama3Frequencies({
  rope,
  headDim,
  ropeBase,
}: ModelConfig): Float32Array | undefined {
  if (rope?.kind !== 'llama3') return undefined
  const factor = rope.factor ?? 8
  const low = rope.low_freq_factor ?? 1
  const high = rope.high_freq_factor ?? 4
  const original = rope.original_max_position_embeddings ?? 8192
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * ropeBase ** ((2 * i) / headDim)
    if (wavelength < original / high) return 1
    if (wavelength > original / low) return factor
    const smooth = (original / wavelength - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)
  })
}
