import type { KvType } from '../protocol/request.ts'
import type { Dimensions } from './check.ts'
import type { GgufHeader } from './gguf.ts'
import { numberOf } from './keys.ts'

/** Bytes per cached element (ggml-common.h: a block of 32 has an f16 scale). */
export const KV_BYTES: Record<KvType, number> = { f32: 4, f16: 2, q8_0: 34 / 32, q4_0: 18 / 32 }

/**
 * Returns the number of key and value elements per token for each layer: 0 if the layer has no
 * attention, keys only if attention is latent (MLA).
 */
export function kvElementsByLayer(header: GgufHeader, d: Dimensions): number[] {
  const key = (name: string) => numberOf(header, `${d.architecture}.${name}`)
  const latent = key('attention.key_length_mla') !== undefined
  const interval = key('full_attention_interval') ?? 1
  const width = d.keyLength + (latent ? 0 : d.valueLength)
  return d.kvHeads.map((heads, layer) => ((layer + 1) % interval === 0 ? heads * width : 0))
}

/** Returns the bytes per token in the KV cache, for each cache type. */
export function kvBytesPerToken(header: GgufHeader, d: Dimensions): Record<KvType, number> {
  const elements = kvElementsByLayer(header, d).reduce((sum, n) => sum + n, 0)
  return {
    f32: elements * KV_BYTES.f32,
    f16: elements * KV_BYTES.f16,
    q8_0: elements * KV_BYTES.q8_0,
    q4_0: elements * KV_BYTES.q4_0,
  }
}
