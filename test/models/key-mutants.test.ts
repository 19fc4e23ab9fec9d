/**
 * Metadata that would make llama.cpp abort, in files that are otherwise models: a sample of what
 * `npm run fuzz:model-keys` tries, and each kind that it found.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readModelInfo } from '../../engine/models/info.ts'
import { tryModel, triedModelInfo } from '../../engine/models/trial.ts'
import { metadataOf } from '../support/architectures.ts'
import {
  array,
  encodeGguf,
  f32,
  str,
  u32,
  type GgufValue,
  type Tensor,
} from '../support/gguf-writer.ts'
import { LoadProcess } from '../support/load-process.ts'
import {
  baseOf,
  keyMutants,
  ownKeys,
  sample,
  tensorMutants,
  tokenizerMutants,
  tryMutants,
  type Base,
} from './key-mutants.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-keys-'))
const loader = new LoadProcess()
const bases = new Map<string, Base>()
async function base(variant: string): Promise<Base> {
  const known = bases.get(variant) ?? (await baseOf(variant, loader))
  bases.set(variant, known)
  return known
}
let count = 0
function write(variant: string, tensors: readonly Tensor[], keys: Record<string, GgufValue> = {}) {
  const file = join(folder, `${count++}.gguf`)
  writeFileSync(file, encodeGguf({ ...metadataOf(variant), ...keys }, tensors))
  return file
}
afterAll(() => {
  loader.close()
  rmSync(folder, { recursive: true })
})

/** Dense, grouped heads, experts, a sliding window, latent attention, recurrent and hybrid models. */
const VARIANTS = ['llama', 'qwen3', 'qwen3moe moe', 'gemma3', 'deepseek2 moe', 'rwkv6', 'falcon-h1']

describe('a number that no model has', () => {
  it.each(VARIANTS)('%s is refused or runs, whatever the number', async (variant) => {
    const model = await base(variant)
    const { faults, ran, refused } = await tryMutants(
      sample(keyMutants(model, ownKeys(model)), 60, 1),
      loader,
    )
    expect(faults).toEqual([])
    expect(ran).toBeGreaterThan(0)
    expect(refused).toBeGreaterThan(0)
  })

  // Each once ended the engine, or kept it busy for ever: the message names the key and the value.
  it.each<[string, string, GgufValue, RegExp]>([
    ['llama', 'attention.layer_norm_rms_epsilon', f32(NaN), /is NaN; .* between 0 and 1/],
    ['llama', 'attention.layer_norm_rms_epsilon', f32(-1), /is -1; /],
    ['qwen2', 'attention.layer_norm_rms_epsilon', f32(-Infinity), /is -Infinity; /],
    ['qwen2', 'attention.head_count', u32(4), /attn_q\w*\.weight" has \d+ rows; \d+ heads/],
    ['gemma3', 'rope.dimension_count', u32(0), /is 0; it must be a multiple of 2/],
    ['gemma3', 'rope.dimension_count', u32(63), /is 63; it must be a multiple of 2/],
    ['step35 moe', 'rope.dimension_count', u32(2), /is 2; it must be a multiple of 4/],
    ['llama4 moe', 'attention.sliding_window', u32(0), /is 0; it must be between 1/],
    ['deepseek2 moe', 'nextn_predict_layers', u32(2), /is 2; it must be between 0 and 1/],
    ['deepseek2 moe', 'attention.temperature_scale', f32(0.1), /temperature_length" is missing/],
    ['qwen3moe moe', 'expert_gating_func', u32(255), /is 255; .* between 0 and 4/],
    ['rwkv6', 'wkv.head_size', u32(0), /is 0; it must be between 1/],
    ['rwkv6', 'token_shift_count', u32(2 ** 31 - 1), /is 2147483647; /],
    ['falcon-h1', 'attention.head_count_kv', array('u32', [2, 2, 2]), /not an array of 2/],
    ['dots3note moe', 'attention.sliding_window_pattern', array('u32', [1, 1]), /0 for at least/],
    ['granite_swa', 'attention.rope_pattern', array('u32', [0, 0]), /other than 0 for at least/],
    ['qwen4exp moe', 'attention.compress_ratios', u32(255), /must be at most 64/],
    ['paddleocr moe', 'rope.dimension_sections', array('u32', [0, 0, 0, 8]), /above 0 for at/],
  ])('%s.%s = %o', async (variant, name, value, message) => {
    const { tensors } = await base(variant)
    const key = `${variant.split(' ')[0]}.${name}`
    await expect(readModelInfo(write(variant, tensors, { [key]: value }))).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(message),
    })
  })

  it('is found by a trial in another process where it depends on the architecture', async () => {
    const { tensors } = await base('gemma3')
    await tryModel(write('gemma3', tensors))
    const file = write('gemma3', tensors, { 'gemma3.attention.sliding_window_pattern': u32(1) })
    await readModelInfo(file)
    await expect(triedModelInfo(file)).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(/ended with SIG\w+ when it was tried \(.*GGML_ASSERT/),
    })
  })
})

describe('a tokenizer that does not fit its vocabulary', () => {
  it('is refused or runs', async () => {
    const { faults, ran, refused } = await tryMutants(
      sample(tokenizerMutants(await base('llama')), 60, 1),
      loader,
    )
    expect(faults).toEqual([])
    expect(ran).toBeGreaterThan(0)
    expect(refused).toBeGreaterThan(0)
  })

  it.each<[string, Record<string, GgufValue>, RegExp]>([
    [
      'SentencePiece over byte-level BPE',
      { model: str('llama') },
      /tokenizer\.ggml\.model is "llama", but it has no token <0x/,
    ],
    ['none', { model: str('no_vocab') }, /holds no tokenizer: .* "no_vocab"/],
    [
      'WordPiece with byte tokens',
      { model: str('bert'), token_type: array('i32', Array<number>(268).fill(6)) },
      /"bert", but it has tokens of the type "byte"/,
    ],
    [
      'RWKV without tokens for single bytes', // tokenizing never ended
      { model: str('rwkv') },
      /"rwkv", but the byte \d+ begins a token/,
    ],
    [
      'a token to add that is none',
      { model: str('t5'), add_bos_token: { type: 'bool', value: true }, bos_token_id: u32(9999) },
      /"tokenizer\.ggml\.bos_token_id" is 9999, which is none of its/,
    ],
  ])('%s', async (_, keys, message) => {
    const { tensors } = await base('llama')
    const all = Object.fromEntries(
      Object.entries(keys).map(([name, value]) => [`tokenizer.ggml.${name}`, value]),
    )
    await expect(readModelInfo(write('llama', tensors, all))).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(message),
    })
  })
})

describe('tensors that a graph needs, though the loader does not insist on them', () => {
  beforeAll(async () => void (await base('qwen35')))

  it.each(['llama', 'qwen2', 'qwen3'])('%s is refused or runs without a trial', async (variant) => {
    const { faults } = await tryMutants(sample(tensorMutants(await base(variant)), 30, 1), loader)
    expect(faults).toEqual([])
  })

  it('another architecture is tried in a process of its own first, which alone ends', async () => {
    const { tensors } = await base('qwen35')
    await tryModel(write('qwen35', tensors))
    const file = write(
      'qwen35',
      tensors.filter(({ name }) => name !== 'blk.0.attn_qkv.weight'),
    )
    await expect(triedModelInfo(file)).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(/it ended with SIG\w+ when it was tried/),
    })
    // What llama.cpp itself refuses has its own message.
    const none = write('qwen35', tensors.slice(0, 1))
    await expect(triedModelInfo(none)).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining('output_norm.weight'),
    })
  })

  it.each(['plm', 'bert', 't5', 'wavtokenizer-dec'])('%s models are refused', async (name) => {
    const { tensors } = await base('llama')
    await expect(readModelInfo(write(name, tensors))).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringContaining(`architecture "${name}"`),
    })
  })
})
