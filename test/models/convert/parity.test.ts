import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { convert, type ConvertType } from '../../../engine/models/convert/convert.ts'
import { readModelInfo } from '../../../engine/models/info.ts'
import { loadAddon } from '../../../engine/native/load.ts'
import { Random } from '../../support/random.ts'
import { writeHfFolder, type HfModel, type HfOptions } from './hf-folder.ts'
import { hfLogprobs } from './hf-reference.ts'

const target = mkdtempSync(join(tmpdir(), 'braid-convert-'))
const folders: string[] = []
afterAll(() => [target, ...folders].forEach((folder) => rmSync(folder, { recursive: true })))
let count = 0

function make(options: HfOptions): HfModel {
  const model = writeHfFolder(options)
  folders.push(model.folder)
  return model
}

/** Returns the largest difference of a logprob between the converted file and the reference, over the 20 likeliest tokens after each of `tokens`. */
async function difference(
  model: HfModel,
  file: string,
  thought: number,
  length = 24,
): Promise<number> {
  const random = new Random(7)
  const tokens = Array.from({ length }, () => random.int(model.tokens.length))
  const native = await loadAddon({ gpu: false }).openModel({
    path: file,
    device: 'cpu',
    gpuLayers: 0,
  }).done
  try {
    const context = await native.createContext({
      cells: 256,
      sequences: 1,
      kvType: 'f32',
      flashAttention: 'off',
      threads: 1,
    })
    const { tokens: scored } = await context.prefill({
      seq: 0,
      tokens,
      thought,
      logprobs: true,
      alternatives: 20,
    })
    await context.free()
    const expected = hfLogprobs(model, tokens, Math.max(0, thought))
    let worst = 0
    scored!.forEach((token, i) => {
      if (i === 0) return
      expect(token.id).toBe(tokens[i])
      expect(token.alternatives).toHaveLength(20)
      for (const { id, logprob } of [
        token as { id: number; logprob: number },
        ...token.alternatives!,
      ])
        worst = Math.max(worst, Math.abs(logprob - expected[i - 1]![id]!))
    })
    return worst
  } finally {
    await native.close()
  }
}

async function converted(model: HfModel, type: ConvertType): Promise<string> {
  const output = join(target, `${count++}.gguf`)
  await convert({ folder: model.folder, output, type, threads: 1 })
  return output
}

const YARN = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16 }
const CASES: [string, HfOptions][] = [
  [
    'qwen2 with thought tables, bf16',
    { architecture: 'qwen2', dtype: 'BF16', thoughts: 9, pairs: 8 },
  ],
  [
    'qwen2 with thought tables, f32, sharded',
    { architecture: 'qwen2', thoughts: 5, pairs: 4, shards: 3, seed: 2 },
  ],
  ['qwen2 tied, f16', { architecture: 'qwen2', dtype: 'F16', tied: true, seed: 3 }],
  [
    'qwen2 tied, saved as the output layer',
    { architecture: 'qwen2', tied: true, onlyOutput: true, seed: 13 },
  ],
  [
    'qwen3 called tied, with an output layer of its own',
    { architecture: 'qwen3', dtype: 'BF16', config: { tie_word_embeddings: true }, seed: 14 },
  ],
  ['qwen2 with YaRN', { architecture: 'qwen2', rope: YARN, seed: 4 }],
  [
    'qwen2 with YaRN and an attention factor of 1',
    {
      architecture: 'qwen2',
      rope: { ...YARN, attention_factor: 1, beta_fast: 16, beta_slow: 2 },
      seed: 5,
    },
  ],
  [
    'qwen3, heads wider than the model, bf16',
    { architecture: 'qwen3', dtype: 'BF16', headDim: 32, width: 64, seed: 6 },
  ],
  ['qwen3 tied, sharded', { architecture: 'qwen3', tied: true, shards: 2, seed: 7 }],
  [
    'qwen3 with linear scaling',
    { architecture: 'qwen3', rope: { rope_type: 'linear', factor: 2 }, seed: 8 },
  ],
  ['llama, bf16', { architecture: 'llama', dtype: 'BF16', seed: 9 }],
  ['llama tied, one KV head', { architecture: 'llama', tied: true, kvHeads: 1, seed: 10 }],
  [
    'llama with scaling of its own kind',
    {
      architecture: 'llama',
      ropeTheta: 500_000,
      seed: 11,
      rope: {
        rope_type: 'llama3',
        factor: 8,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 64,
      },
    },
  ],
]

describe('a converted folder gives the logprobs of the original', () => {
  it.each(CASES)('%s, f32', async (_name, options) => {
    const model = make(options)
    const file = await converted(model, 'f32')
    expect(await difference(model, file, 0)).toBeLessThan(1e-4)
    for (const thought of options.thoughts ? [1, options.thoughts - 1] : [])
      expect(await difference(model, file, thought)).toBeLessThan(1e-4)
    const info = await readModelInfo(file)
    expect(info).toMatchObject({
      architecture: options.architecture,
      quantisation: 'F32',
      thoughtRows: options.thoughts ?? 0,
      nativePaths: options.pairs ?? 0,
    })
  })

  it.each([
    ['f16', 1e-2],
    ['bf16', 0.1],
    ['q8_0', 0.3],
    ['q4_k_m', 2.5],
  ] as const)('as %s within %f', async (type, bound) => {
    // Rows of 256 values, which k-quants need.
    const model = make({
      architecture: 'qwen2',
      dtype: 'F32',
      thoughts: 9,
      pairs: 8,
      heads: 8,
      headDim: 32,
      ff: 512,
      seed: 12,
    })
    const file = await converted(model, type)
    const worst = await difference(model, file, 3)
    expect(worst).toBeLessThan(bound)
    expect(worst).toBeGreaterThan(0)
    expect((await readModelInfo(file)).quantisation).toBe(type.toUpperCase())
  })
})
