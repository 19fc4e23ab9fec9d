import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { readModelInfo } from '../../engine/models/info.ts'
import { ModelInfo } from '../../engine/protocol/wire.ts'
import {
  array,
  encodeGguf,
  f32,
  str,
  u32,
  type Metadata,
  type Tensor,
} from '../support/gguf-writer.ts'
import { tinyModel, writeTiny, type TinyOptions } from '../support/tiny-models.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-info-'))
afterAll(() => rmSync(folder, { recursive: true }))
const info = (options: TinyOptions) =>
  readModelInfo(writeTiny(tinyModel(options), mkdtempSync(join(folder, 'm-'))))

describe('a model page', () => {
  it('of a Qwen2-shaped model with thought tables', async () => {
    const model = tinyModel({
      shape: 'qwen2',
      pairs: 8,
      thoughts: 9,
      chatTemplate: 'T',
      control: ['<vllm_pad>'],
      keys: { 'parathinker.scope': str('sums'), 'general.license': str('mit') },
    })
    const page = ModelInfo.parse(await readModelInfo(writeTiny(model, folder)))
    const { vocab, embd, ff } = model.dims
    const layer = 2 * embd + embd * 2 * (4 + 2) * 32 + (4 + 2 * 2) * 32 + 3 * embd * ff + 9 * 32
    expect(page).toMatchObject({
      name: 'tiny qwen2',
      architecture: 'qwen2',
      parameters: 2 * vocab * embd + embd + 3 * layer,
      sizeBytes: model.gguf.length,
      quantisation: 'F32',
      trainContext: 4096,
      layers: 3,
      heads: 4,
      kvHeads: 2,
      headDim: 32,
      vocabSize: vocab,
      licence: 'mit',
      scope: 'sums',
      nativePaths: 8,
      thoughtRows: 9,
      kvBytesPerToken: { f32: 3 * 128 * 4, f16: 3 * 128 * 2, q8_0: 3 * 4 * 34, q4_0: 3 * 4 * 18 },
      // printf T | sha256sum
      templateSha256: 'e632b7095b0bf32c260fa4c539e9fd7b852d0de454e9be26f24d0d6f91d069d3',
    })
    expect(page.controlTokens).toEqual([
      ...Array.from({ length: 8 }, (_, i) => [`<think${i + 1}>`, `</think${i + 1}>`]).flat(),
      '<summary>',
      '</summary>',
    ])
    expect(page.cannotJoin).toBeUndefined()
    expect(page.headerSha256).toMatch(/^[0-9a-f]{64}$/)
  })

  it('counts the unbroken run of pairs, and none without the summary tokens', async () => {
    expect(await info({ shape: 'llama', pairs: 3 })).toMatchObject({ nativePaths: 3 })
    expect(await info({ shape: 'llama', pairs: 0 })).toMatchObject({
      nativePaths: 0,
      controlTokens: [],
    })
    expect(
      await info({ shape: 'llama', pairs: 0, control: ['<think1>', '</think1>'] }),
    ).toMatchObject({ nativePaths: 0, controlTokens: ['<think1>', '</think1>'] })
    const broken = [
      '<think1>',
      '</think1>',
      '<think2>',
      '<think3>',
      '</think3>',
      '<summary>',
      '</summary>',
    ]
    expect(await info({ shape: 'llama', pairs: 0, control: broken })).toMatchObject({
      nativePaths: 1,
      controlTokens: broken,
    })
  })

  it('takes the defaults of a run from the model', async () => {
    const keys: Metadata = {
      'parathinker.paths': u32(2),
      'parathinker.budget': u32(300),
      'parathinker.temperature': f32(0.6),
    }
    expect((await info({ shape: 'qwen2', keys })).defaults).toMatchObject({
      paths: 2,
      budget: 300,
      sampling: { temperature: 0.6 },
    })
  })

  it('has no thought rows without tables', async () => {
    expect(await info({ shape: 'llama', thoughts: 0 })).toMatchObject({ thoughtRows: 0 })
  })
})

const LLAMA: Metadata = {
  'general.architecture': str('llama'),
  'llama.block_count': u32(1),
  'llama.embedding_length': u32(32),
  'llama.context_length': u32(64),
  'llama.attention.head_count': u32(2),
  'tokenizer.ggml.model': str('gpt2'),
  'tokenizer.ggml.tokens': array('string', ['a', 'b']),
  'tokenizer.ggml.token_type': array('i32', [1, 1]),
}
const zeros = (name: string, shape: number[], type: Tensor['type'] = 'f32'): Tensor => ({
  name,
  shape,
  type,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
})
const EMBEDDING = zeros('token_embd.weight', [32, 2])
let count = 0
function file(metadata: Metadata, tensors: Tensor[] = [EMBEDDING]): string {
  const path = join(folder, `${count++}.gguf`)
  writeFileSync(path, encodeGguf(metadata, tensors))
  return path
}
const architecture = (name: string, keys: Metadata = {}): Metadata => ({
  ...Object.fromEntries(
    Object.entries(LLAMA).map(([key, value]) => [key.replace(/^llama\./, `${name}.`), value]),
  ),
  'general.architecture': str(name),
  ...keys,
})

describe('what llama.cpp would abort over is refused', () => {
  it('the untouched model is not', async () => {
    expect(await readModelInfo(file(LLAMA))).toMatchObject({
      layers: 1,
      headDim: 16,
      quantisation: 'F32',
    })
  })
  it.each<[string, Metadata, RegExp]>([
    ['block_count 0', { 'llama.block_count': u32(0) }, /block_count.* is 0/],
    ['block_count 513', { 'llama.block_count': u32(513) }, /block_count.* is 513/],
    ['block_count as text', { 'llama.block_count': str('1') }, /not a number/],
    ['block_count as an array', { 'llama.block_count': array('u32', [1]) }, /not a number/],
    ['more predicted layers than layers', { 'llama.nextn_predict_layers': u32(2) }, /nextn/],
    [
      'heads that KV heads cannot share',
      { 'llama.attention.head_count': u32(2), 'llama.attention.head_count_kv': u32(3) },
      /cannot share/,
    ],
    ['no KV heads', { 'llama.attention.head_count_kv': u32(0) }, /no attention heads/],
    [
      'heads for another number of layers',
      { 'llama.attention.head_count': array('u32', [2, 2]) },
      /array of 1/,
    ],
    [
      'RoPE of other dimensions than the head',
      { 'llama.rope.dimension_count': u32(8) },
      /one number/,
    ],
    [
      'values of other dimensions than keys',
      { 'llama.attention.value_length': u32(8) },
      /one number/,
    ],
    ['1025 experts', { 'llama.expert_count': u32(1025) }, /1025/],
    ['experts of which none is used', { 'llama.expert_count': u32(8) }, /experts/],
    ['used experts that are not there', { 'llama.expert_used_count': u32(2) }, /experts/],
    ['an unknown RoPE scaling', { 'llama.rope.scaling.type': str('cubic') }, /RoPE scaling/],
    ['the same token twice', { 'tokenizer.ggml.tokens': array('string', ['a', 'a']) }, /same text/],
    [
      'tokens that are the same up to a NUL',
      { 'tokenizer.ggml.tokens': array('string', ['a\0b', 'a\0c']) },
      /same text/,
    ],
    [
      'an empty token and its stand-in',
      { 'tokenizer.ggml.tokens': array('string', ['', '[EMPTY_0]']) },
      /same text/,
    ],
    [
      'fewer token types than tokens',
      { 'tokenizer.ggml.token_type': array('i32', [1]) },
      /types or scores/,
    ],
    [
      'token types as text',
      { 'tokenizer.ggml.token_type': array('string', ['1', '1']) },
      /array of i32/,
    ],
    [
      'a vocabulary of numbers',
      { 'tokenizer.ggml.tokens': array('u32', [1, 2]) },
      /array of string/,
    ],
    [
      'more tokens than embeddings',
      {
        'tokenizer.ggml.tokens': array('string', ['a', 'b', 'c']),
        'tokenizer.ggml.token_type': array('i32', [1, 1, 1]),
      },
      /3 tokens, but 2/,
    ],
    ['a template that is not a text', { 'tokenizer.chat_template': u32(1) }, /not a text/],
    ['a vision part', { 'general.architecture': str('clip') }, /vision part/],
    ['an adapter', { 'general.type': str('adapter') }, /not a model/],
    ['no architecture', { 'general.architecture': str('') }, /not a name/],
  ])('%s', async (_, change, message) => {
    await expect(readModelInfo(file({ ...LLAMA, ...change }))).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(message) as string,
    })
  })
  it.each<[string, Tensor[], RegExp]>([
    ['no weights', [], /no weights/],
    ['no embedding', [zeros('x', [1])], /no token embedding/],
    [
      'queries for another number of heads',
      [EMBEDDING, zeros('blk.0.attn_q.weight', [32, 16])],
      /16 rows; 2 heads of 16 dimensions need 32/,
    ],
    [
      'keys for another number of heads',
      [EMBEDDING, zeros('blk.0.attn_k.weight', [16, 8])],
      /8 rows/,
    ],
    [
      'a thought table of another head',
      [EMBEDDING, zeros('blk.0.attn_thought_embd.weight', [8, 3])],
      /must be F32 \[16, 3\]/,
    ],
    [
      'a thought table in F16',
      [EMBEDDING, zeros('blk.0.attn_thought_embd.weight', [16, 3], 'f16')],
      /is F16/,
    ],
    [
      'a thought table of another layer',
      [EMBEDDING, zeros('blk.1.attn_thought_embd.weight', [16, 3])],
      /all or none/,
    ],
  ])('%s', async (_, tensors, message) => {
    await expect(readModelInfo(file(LLAMA, tensors))).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(message) as string,
    })
  })
  it('thought tables of an architecture whose K is normed first', async () => {
    await expect(
      readModelInfo(
        file(architecture('qwen3'), [EMBEDDING, zeros('blk.0.attn_thought_embd.weight', [16, 3])]),
      ),
    ).rejects.toMatchObject({ code: 'bad-model' })
  })
})

it.each<[string, Metadata, string | undefined]>([
  ['mamba', {}, 'recurrent'],
  ['rwkv7', {}, 'recurrent'],
  ['lfm2', {}, 'hybrid'],
  ['qwen3next', {}, 'hybrid'],
  ['gemma2', {}, undefined],
  ['gpt-oss', { 'gpt-oss.attention.sliding_window': u32(128) }, undefined],
  ['gemma3', { 'gemma3.attention.sliding_window': u32(512) }, undefined],
  ['qwen2vl', { 'qwen2vl.rope.dimension_sections': array('i32', [16, 24, 24, 0]) }, 'm-rope'],
  ['deepseek32', { 'deepseek32.attention.indexer.head_count': u32(64) }, 'indexer'],
  ['qwen2', { 'qwen2.attention.sliding_window': u32(4096) }, undefined],
  ['phi3', { 'phi3.attention.sliding_window': u32(4096) }, undefined],
])('%s %o cannot be joined: %s', async (name, keys, reason) => {
  expect((await readModelInfo(file(architecture(name, keys)))).cannotJoin).toBe(reason)
})

it.each([
  ['no marker', [], undefined, false],
  ['a token that closes a thought', ['</think>'], undefined, true],
  ['a template that spells it', [], "{{ m.split('</think>')[-1] }}", true],
] as const)(
  '%s: the paths may think before they answer, or do not',
  async (_, control, chatTemplate, thinks) => {
    const model = tinyModel({ shape: 'qwen2', control, ...(chatTemplate && { chatTemplate }) })
    const path = writeTiny(model, mkdtempSync(join(folder, 'm-')))
    expect((await readModelInfo(path)).thinks).toBe(thinks)
  },
)

describe('a split model', () => {
  const split = (prefix: string, index: number, of: number, number = index) => {
    const path = join(
      folder,
      `${prefix}-${String(index + 1).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.gguf`,
    )
    const keys: Metadata = {
      'split.no': { type: 'u16', value: number },
      'split.count': { type: 'u16', value: of },
    }
    writeFileSync(
      path,
      index === 0
        ? encodeGguf({ ...LLAMA, ...keys }, [EMBEDDING])
        : encodeGguf(keys, [zeros(`part${index}`, [index])]),
    )
    return path
  }
  it('is one model, whichever part is named', async () => {
    const parts = [0, 1, 2].map((i) => split('whole', i, 3))
    const page = await readModelInfo(parts[2]!)
    expect(page).toMatchObject({ file: parts[0], parameters: 64 + 1 + 2 })
    expect(page).toEqual(await readModelInfo(parts[0]!))
  })
  it('with a part missing or of another number is refused', async () => {
    split('gap', 0, 3)
    split('gap', 2, 3)
    await expect(readModelInfo(join(folder, 'gap-00001-of-00003.gguf'))).rejects.toMatchObject({
      code: 'model-not-found',
    })
    split('wrong', 1, 2, 0)
    await expect(readModelInfo(split('wrong', 0, 2))).rejects.toMatchObject({ code: 'bad-model' })
  })
  it('under another name is refused', async () => {
    const path = join(folder, 'renamed.gguf')
    writeFileSync(
      path,
      encodeGguf(
        {
          ...LLAMA,
          'split.count': { type: 'u16', value: 2 },
          'split.no': { type: 'u16', value: 0 },
        },
        [EMBEDDING],
      ),
    )
    await expect(readModelInfo(path)).rejects.toMatchObject({
      code: 'bad-model',
      message: expect.stringMatching(/names must be like/) as string,
    })
  })
})
