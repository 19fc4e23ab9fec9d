/**
 * Computes what transformers does for a Qwen2, Qwen3 or Llama folder, in float64 from the folder's own tensors: one sequence
 * of one thought, the oracle for converted files. Written after modeling_llama.py, modeling_qwen3.py
 * and modeling_rope_utils.py; it does not know GGUF.
 */
import type { HfModel } from './hf-folder.ts'

interface Rope {
  frequencies: Float64Array
  scale: number
}

/** Returns the logprobs of the whole vocabulary after each token, [tokens][vocabulary]. */
export function hfLogprobs(model: HfModel, tokens: readonly number[], thought = 0): Float64Array[] {
  const c = model.config as Record<string, number>
  const [width, heads, kvHeads, layers] = [
    c.hidden_size!,
    c.num_attention_heads!,
    c.num_key_value_heads!,
    c.num_hidden_layers!,
  ]
  const headDim = c.head_dim ?? width / heads
  const at = (name: string) => model.tensors.get(name)?.values
  const rope = ropeOf(model.config, headDim)
  const keys: Float64Array[][] = Array.from({ length: layers }, () => [])
  const values: Float64Array[][] = Array.from({ length: layers }, () => [])
  return tokens.map((token, position) => {
    let x = at('model.embed_tokens.weight')!.slice(token * width, (token + 1) * width)
    for (let l = 0; l < layers; l++) {
      const w = (name: string) => at(`model.layers.${l}.${name}`)
      const h = norm(x, w('input_layernorm.weight')!, c.rms_norm_eps!)
      const project = (part: string, bias = `self_attn.${part}_proj.bias`) =>
        linear(w(`self_attn.${part}_proj.weight`)!, h, w(bias))
      const [q, k, v] = [project('q'), project('k'), project('v')]
      perHead(q, headDim, w('self_attn.q_norm.weight'), c.rms_norm_eps!)
      perHead(k, headDim, w('self_attn.k_norm.weight'), c.rms_norm_eps!)
      const table = w('self_attn.seg_embeddings.weight')
      if (table) {
        for (let i = 0; i < k.length; i++) {
          k[i]! += table[thought * headDim + (i % headDim)]!
          v[i]! += table[thought * headDim + (i % headDim)]!
        }
      }
      rotate(q, headDim, position, rope)
      rotate(k, headDim, position, rope)
      keys[l]!.push(k)
      values[l]!.push(v)
      const mixed = new Float64Array(heads * headDim)
      for (let head = 0; head < heads; head++) {
        const kv = Math.floor(head / (heads / kvHeads)) * headDim
        const scores = keys[l]!.map((key) => {
          let dot = 0
          for (let i = 0; i < headDim; i++) dot += q[head * headDim + i]! * key[kv + i]!
          return dot / Math.sqrt(headDim)
        })
        const weights = softmax(scores)
        weights.forEach((weight, j) => {
          for (let i = 0; i < headDim; i++)
            mixed[head * headDim + i]! += weight * values[l]![j]![kv + i]!
        })
      }
      x = add(x, linear(w('self_attn.o_proj.weight')!, mixed))
      const f = norm(x, w('post_attention_layernorm.weight')!, c.rms_norm_eps!)
      const gate = linear(w('mlp.gate_proj.weight')!, f)
      const up = linear(w('mlp.up_proj.weight')!, f)
      x = add(
        x,
        linear(
          w('mlp.down_proj.weight')!,
          gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!),
        ),
      )
    }
    const logits = linear(
      at('lm_head.weight') ?? at('model.embed_tokens.weight')!,
      norm(x, at('model.norm.weight')!, c.rms_norm_eps!),
    )
    const top = logits.reduce((a, b) => Math.max(a, b), -Infinity)
    const total = Math.log(logits.reduce((sum, l) => sum + Math.exp(l - top), 0)) + top
    return logits.map((l) => l - total)
  })
}

function ropeOf(config: Record<string, unknown>, headDim: number): Rope {
  const s = (config.rope_scaling ?? {}) as Record<string, number> & { rope_type?: string }
  const base = config.rope_theta as number
  const plain = Float64Array.from({ length: headDim / 2 }, (_, i) => base ** ((-2 * i) / headDim))
  switch (s.rope_type) {
    case 'linear':
      return { frequencies: plain.map((f) => f / s.factor!), scale: 1 }
    case 'llama3': {
      const [low, high] = [
        s.original_max_position_embeddings! / s.low_freq_factor!,
        s.original_max_position_embeddings! / s.high_freq_factor!,
      ]
      return {
        scale: 1,
        frequencies: plain.map((f) => {
          const wavelength = (2 * Math.PI) / f
          if (wavelength > low) return f / s.factor!
          if (wavelength < high) return f
          const smooth =
            (s.original_max_position_embeddings! / wavelength - s.low_freq_factor!) /
            (s.high_freq_factor! - s.low_freq_factor!)
          return (1 - smooth) * (f / s.factor!) + smooth * f
        }),
      }
    }
    case 'yarn': {
      const original = s.original_max_position_embeddings!
      const dimension = (rotations: number) =>
        (headDim * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(base))
      const low = Math.max(Math.floor(dimension(s.beta_fast ?? 32)), 0)
      const high = Math.min(Math.ceil(dimension(s.beta_slow ?? 1)), headDim - 1)
      return {
        scale: s.attention_factor ?? 0.1 * Math.log(s.factor!) + 1,
        frequencies: plain.map((f, i) => {
          const ramp = Math.min(1, Math.max(0, (i - low) / (high === low ? 0.001 : high - low)))
          return (f / s.factor!) * ramp + f * (1 - ramp)
        }),
      }
    }
    default:
      return { frequencies: plain, scale: 1 }
  }
}

/** transformers' rotate_half: element i turns with i + headDim / 2. */
function rotate(
  vector: Float64Array,
  headDim: number,
  position: number,
  { frequencies, scale }: Rope,
): void {
  const half = headDim / 2
  for (let head = 0; head < vector.length; head += headDim) {
    for (let i = 0; i < half; i++) {
      const [cos, sin] = [
        Math.cos(position * frequencies[i]!) * scale,
        Math.sin(position * frequencies[i]!) * scale,
      ]
      const [a, b] = [vector[head + i]!, vector[head + i + half]!]
      vector[head + i] = a * cos - b * sin
      vector[head + i + half] = b * cos + a * sin
    }
  }
}

function perHead(
  vector: Float64Array,
  headDim: number,
  weight: Float64Array | undefined,
  eps: number,
): void {
  if (!weight) return
  for (let head = 0; head < vector.length; head += headDim)
    vector.set(norm(vector.slice(head, head + headDim), weight, eps), head)
}

function norm(x: Float64Array, weight: Float64Array, eps: number): Float64Array {
  const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + eps)
  return x.map((v, i) => v * scale * weight[i]!)
}

function linear(weight: Float64Array, x: Float64Array, bias?: Float64Array): Float64Array {
  const out = new Float64Array(weight.length / x.length)
  for (let row = 0; row < out.length; row++) {
    let sum = bias?.[row] ?? 0
    for (let i = 0; i < x.length; i++) sum += weight[row * x.length + i]! * x[i]!
    out[row] = sum
  }
  return out
}

const add = (a: Float64Array, b: Float64Array) => a.map((v, i) => v + b[i]!)
function softmax(scores: number[]): number[] {
  const top = Math.max(...scores)
  const exp = scores.map((s) => Math.exp(s - top))
  const total = exp.reduce((a, b) => a + b, 0)
  return exp.map((e) => e / total)
}
