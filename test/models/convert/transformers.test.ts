/**
 * What transformers 5.24 makes of folders that are not as `save_pretrained` writes them today. The ids of added tokens
 * were read from `AutoTokenizer.from_pretrained` on the same folders.
 */
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { noticeText } from '../../../engine/protocol/wording.ts'
import { convert } from '../../../engine/models/convert/convert.ts'
import { readGguf, type GgufHeader } from '../../../engine/models/gguf.ts'
import { numberOf, textOf } from '../../../engine/models/keys.ts'
import { loadAddon } from '../../../engine/native/load.ts'
import type { VocabToken } from '../../../engine/native/types.ts'
import { encodeSafetensors, writeHfFolder, type HfModel, type HfOptions } from './hf-folder.ts'

const root = mkdtempSync(join(tmpdir(), 'braid-transformers-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0
const make = (options: Partial<HfOptions> = {}): HfModel =>
  writeHfFolder({ architecture: 'qwen2', ...options }, mkdtempSync(join(root, 'hf-')))
const put = (folder: string, name: string, value: unknown) =>
  writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value))
function edit(folder: string, name: string, fields: Record<string, unknown>): void {
  const old = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Record<string, unknown>
  put(folder, name, { ...old, ...fields })
}
async function converted(
  folder: string,
): Promise<{ header: GgufHeader; notices: string[]; file: string }> {
  const file = join(root, `${count++}.gguf`)
  const { notices } = await convert({ folder, output: file, type: 'f32' })
  return { header: await readGguf(file), notices: notices.map(noticeText), file }
}
const refused = (folder: string) =>
  converted(folder).then(
    () => 'none',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  )
async function vocabulary(
  file: string,
): Promise<{ tokens: VocabToken[]; ids: (text: string) => number[] }> {
  const model = await loadAddon({ gpu: false }).openModel({
    path: file,
    device: 'cpu',
    gpuLayers: 0,
  }).done
  const tokens = model.specialTokens()
  const texts = new Map<string, number[]>()
  for (const text of ['a<x>b', 'a<y>b', 'a<z>b'])
    texts.set(text, [...model.tokenize(text, { special: true, bos: false })])
  await model.close()
  return { tokens, ids: (text) => texts.get(text)! }
}
const NO_TEMPLATE = expect.stringMatching(
  /no chat template.*plain text.*chat_template\.jinja/,
) as string
const names = (header: GgufHeader) => header.tensors.map(({ name }) => name)

describe('the output layer', () => {
  it('of tied embeddings with another one in the file: kept, with a notice', async () => {
    const { header, notices } = await converted(
      make({ config: { tie_word_embeddings: true } }).folder,
    )
    expect(names(header)).toContain('output.weight')
    expect(notices).toEqual([
      expect.stringMatching(/tie_word_embeddings.*lm_head.*differs/),
      NO_TEMPLATE,
    ])
  })

  it.each([true, undefined])('that is the same, with tie_word_embeddings %s', async (tied) => {
    const model = make({ tied: true })
    const [first, ...others] = [...model.tensors.values()].map(({ name, shape, values }) => ({
      name,
      dtype: 'F32',
      shape,
      bytes: Buffer.from(Float32Array.from(values).buffer),
    }))
    // Minus zero and zero are equal, though their bytes are not.
    const copy = Buffer.from(first!.bytes)
    first!.bytes.writeFloatLE(0, 0)
    copy.writeFloatLE(-0, 0)
    const both = [first!, { ...first!, name: 'lm_head.weight', bytes: copy }, ...others]
    writeFileSync(join(model.folder, 'model.safetensors'), encodeSafetensors(both))
    edit(model.folder, 'config.json', { tie_word_embeddings: tied })
    const { header, notices } = await converted(model.folder)
    expect(names(header).includes('output.weight')).toBe(tied !== true)
    expect(notices).toEqual([NO_TEMPLATE])
  })

  it('alone serves as the embedding, too', async () => {
    const { header, notices } = await converted(make({ tied: true, onlyOutput: true }).folder)
    expect(names(header)).toContain('token_embd.weight')
    expect(names(header)).not.toContain('output.weight')
    expect(notices).toEqual([NO_TEMPLATE])
    expect(
      await refused(
        make({ tied: true, onlyOutput: true, config: { tie_word_embeddings: false } }).folder,
      ),
    ).toMatch(/^bad-model: .*embed_tokens/)
    expect(
      await refused(make({ tied: true, config: { tie_word_embeddings: false } }).folder),
    ).toMatch(/^bad-model: .*lm_head/)
  })
})

describe('weights', () => {
  it('model.safetensors goes before shards and an index of another time', async () => {
    const { folder } = make({ seed: 1 })
    const { file } = await converted(folder)
    const stale = make({ seed: 2, shards: 2 })
    for (const name of ['model.safetensors.index.json', 'model-00001-of-00002.safetensors'])
      copyFileSync(join(stale.folder, name), join(folder, name))
    const again = await converted(folder)
    expect(readFileSync(again.file).equals(readFileSync(file))).toBe(true)
    expect(again.notices).toEqual([expect.stringMatching(/shards beside it/), NO_TEMPLATE])
    put(folder, 'model.safetensors.index.json', '{ "weight_map": ')
    expect(await refused(folder)).toBe('none')
  })

  it('cut in the header or in a tensor: damaged, and what to do', async () => {
    for (const bytes of [0, 7, 9, 400, -1, -40_000]) {
      const { folder } = make()
      const file = join(folder, 'model.safetensors')
      truncateSync(file, bytes < 0 ? readFileSync(file).length + bytes : bytes)
      expect(await refused(folder)).toMatch(
        /^bad-model: model.safetensors: .*not downloaded completely. Download it again/,
      )
    }
    const { folder } = make()
    const file = join(folder, 'model.safetensors')
    writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.alloc(3)]))
    expect(await refused(folder)).toMatch(/^bad-model: .*tensors end at .* damaged/)
  })
})

describe('the chat template', () => {
  const of = async (given: unknown, files: Record<string, unknown> = {}) => {
    const { folder } = make({ tokenizerConfig: { chat_template: given } })
    for (const [name, value] of Object.entries(files)) put(folder, name, value)
    const { header, notices } = await converted(folder)
    return [textOf(header, 'tokenizer.chat_template'), ...notices]
  }
  it('of a file of its own goes first', async () => {
    expect(await of('old', { 'chat_template.jinja': 'new' })).toEqual(['new'])
    expect(await of('old', { 'chat_template.json': { chat_template: 'older' } })).toEqual(['old'])
    expect(await of(undefined, { 'chat_template.json': { chat_template: 'older' } })).toEqual([
      'older',
    ])
  })
  it('that is missing, empty, or one of several without a default: said, with what to do', async () => {
    expect(await of(undefined)).toEqual([undefined, NO_TEMPLATE])
    expect(await of('old', { 'chat_template.jinja': '' })).toEqual(['', NO_TEMPLATE])
    expect(await of([{ name: 'tool_use', template: 'x' }])).toEqual([
      undefined,
      expect.stringMatching(/named tool_use, and none is the default.*chat_template\.jinja/),
    ])
  })
})

describe('the end of a generation', () => {
  /** Returns eos, and the texts of the tokens at which llama.cpp ends. */
  const of = async (
    config: unknown,
    generation: unknown,
    added: string[],
    tokenizerConfig: Record<string, unknown> = {},
  ) => {
    const { folder, tokens } = make({
      config: { eos_token_id: config },
      tokenizerConfig: {
        chat_template: 'x',
        additional_special_tokens: added,
        ...tokenizerConfig,
      },
    })
    const id = tokens.length
    if (generation !== undefined)
      put(folder, 'generation_config.json', { eos_token_id: generation })
    const { file, header, notices } = await converted(folder)
    const ends = (await vocabulary(file)).tokens.filter((token) => token.endOfGeneration)
    return {
      eos: numberOf(header, 'tokenizer.ggml.eos_token_id')! - id,
      ends: ends.filter((token) => token.id >= id).map((token) => token.id - id),
      notices,
    }
  }
  const { tokens } = make()
  const first = tokens.length
  const im = tokens.indexOf('<|im_end|>') - first

  it('is one token or a list, of generation_config.json or else of config.json', async () => {
    const four = ['<a>', '<b>', '<c>', '<d>']
    const at = (...ids: number[]) => ids.map((id) => id + first)
    expect(await of(first + im, first, four)).toEqual({ eos: im, ends: [0], notices: [] })
    expect(await of(at(3), at(0, 1), four)).toEqual({ eos: im, ends: [0, 1], notices: [] })
    expect(await of(first + 2, undefined, four)).toEqual({ eos: im, ends: [2], notices: [] })
    expect(await of(at(2, 3), undefined, four)).toEqual({ eos: im, ends: [2, 3], notices: [] })
    expect(await of(undefined, undefined, four)).toEqual({ eos: im, ends: [], notices: [] })
    // A GGUF has three places for tokens that llama.cpp does not know by their text.
    expect(await of(undefined, at(im, 0, 1, 2), four)).toMatchObject({
      ends: [0, 1],
      notices: [expect.stringMatching(/"<c>" ends a generation in transformers/)],
    })
    expect(await of(undefined, at(1, 2, 3), four, { eos_token: null })).toEqual({
      eos: 1,
      ends: [1, 2, 3],
      notices: [],
    })
  })
})

describe('added tokens', () => {
  const token = (content: string, special = true) => ({
    content,
    lstrip: false,
    rstrip: false,
    normalized: false,
    single_word: false,
    special,
  })
  /** Ids of `<x>`, `<y>` and `<z>` relative to the first free one; null where the text is not a token. */
  const of = async (
    tokenizerConfig: Record<string, unknown>,
    files: Record<string, unknown> = {},
    others: Partial<HfOptions> = {},
  ) => {
    const { folder, tokens } = make({ tokenizerConfig, ...others })
    for (const [name, value] of Object.entries(files)) put(folder, name, value)
    const { file } = await converted(folder)
    const { ids, tokens: special } = await vocabulary(file)
    return ['<x>', '<y>', '<z>'].map((text) => {
      const [, id, ...rest] = ids(`a${text}b`)
      if (rest.length !== 1) return null
      expect(special.find((one) => one.id === id)?.text).toBe(text)
      return id! - tokens.length
    })
  }
  const free = make().tokens.length

  it('that only added_tokens_decoder has', async () => {
    const decoder = { [free]: token('<x>'), [free + 1]: token('<y>', false) }
    expect(await of({ added_tokens_decoder: decoder })).toEqual([0, 1, null])
    // transformers numbers them on without gaps.
    const gap = { [free + 2]: token('<x>'), [free + 6]: token('<y>') }
    expect(await of({ added_tokens_decoder: gap })).toEqual([0, 1, null])
    // What tokenizer.json has under another id keeps that id.
    const moved = { [free]: token('<|im_end|>'), [free + 1]: token('<x>') }
    expect(await of({ added_tokens_decoder: moved })).toEqual([0, null, null])
    // With the text that it says there.
    const renamed = { [free - 1]: token('<z>') }
    expect(await of({ added_tokens_decoder: renamed })).toEqual([null, null, -1])
  })

  it('that are only named as special, and those of older files', async () => {
    expect(await of({ pad_token: '<x>', additional_special_tokens: ['<y>'] })).toEqual([0, 1, null])
    expect(await of({ extra_special_tokens: { image: '<z>' } })).toEqual([null, null, 0])
    expect(await of({}, { 'added_tokens.json': { '<x>': free, '<y>': free + 1 } })).toEqual([
      0,
      1,
      null,
    ])
    expect(await of({}, { 'special_tokens_map.json': { pad_token: token('<x>') } })).toEqual([
      0,
      null,
      null,
    ])
  })

  it('beyond the embeddings are refused if the tokenizer has them, and left out if they are only named', async () => {
    const config = { vocab_size: free }
    const small = (tokenizerConfig: Record<string, unknown>) => {
      const model = make({ tokenizerConfig, config })
      const tensors = [...model.tensors.values()].map(({ name, shape, values }) => {
        const rows = /embed_tokens|lm_head/.test(name) ? [free, shape[1]!] : shape
        const n = rows.reduce((a, b) => a * b, 1)
        return {
          name,
          dtype: 'F32',
          shape: rows,
          bytes: Buffer.from(Float32Array.from(values.subarray(0, n)).buffer),
        }
      })
      writeFileSync(join(model.folder, 'model.safetensors'), encodeSafetensors(tensors))
      return model.folder
    }
    expect(await refused(small({ added_tokens_decoder: { [free]: token('<x>') } }))).toMatch(
      /^bad-model: tokenizer_config.json: .*"<x>" has the id \d+, but the model has \d+ embeddings/,
    )
    expect(await refused(small({ pad_token: '<x>' }))).toBe('none')
  })

  it('a special token that the vocabulary has, but not the added tokens', async () => {
    const { folder } = make({ tokenizerConfig: { eos_token: 'the' } })
    const { header } = await converted(folder)
    const { model } = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')) as {
      model: { vocab: Record<string, number> }
    }
    expect(numberOf(header, 'tokenizer.ggml.eos_token_id')).toBe(model.vocab.the)
  })

  it('BOS is added if tokenizer.json adds it, whatever tokenizer_config.json says', async () => {
    const flags = async (options: Partial<HfOptions>) =>
      (await converted(make(options).folder)).header.metadata.get('tokenizer.ggml.add_bos_token')
        ?.value
    const bos = { bos_token: '<|im_start|>', add_bos_token: true }
    expect(await flags({ tokenizerConfig: bos })).toBe(false)
    expect(await flags({ architecture: 'llama', tokenizerConfig: { add_bos_token: false } })).toBe(
      true,
    )
  })
})

describe('what is not a model is named as what it is', () => {
  const adapter = { peft_type: 'LORA', base_model_name_or_path: 'Qwen/Qwen2.5-0.5B' }
  it('an adapter alone, beside a model, or without its adapter_config.json', async () => {
    const alone = mkdtempSync(join(root, 'peft-'))
    put(alone, 'adapter_config.json', adapter)
    const named = /^wrong-model: .*PEFT adapter \(LORA\) for Qwen\/Qwen2\.5-0\.5B.*Merge it/
    expect(await refused(alone)).toMatch(named)
    const { folder } = make()
    put(folder, 'adapter_config.json', adapter)
    expect(await refused(folder)).toMatch(named)
    expect(await refused(folder)).toMatch(/remove adapter_config.json/)
    put(folder, 'adapter_config.json', '{ broken')
    expect(await refused(folder)).toMatch(/^wrong-model: .*PEFT adapter.*Merge it/)

    const weights = make()
    copyFileSync(
      join(weights.folder, 'model.safetensors'),
      join(weights.folder, 'adapter_model.safetensors'),
    )
    rmSync(join(weights.folder, 'model.safetensors'))
    expect(await refused(weights.folder)).toMatch(/^wrong-model: .*PEFT adapter.*Merge it/)

    const tensors = make()
    const name = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight'
    const lora = { name, dtype: 'F32', shape: [1, 1], bytes: Buffer.alloc(4) }
    writeFileSync(join(tensors.folder, 'model.safetensors'), encodeSafetensors([lora]))
    expect(await refused(tensors.folder)).toMatch(/^wrong-model: .*lora_A.*PEFT adapter/)
  })

  it('a GGUF, or a folder that holds one', async () => {
    const folder = mkdtempSync(join(root, 'gguf-'))
    put(folder, 'm-Q4_0.gguf', 'GGUF')
    expect(await refused(folder)).toMatch(/^model-not-found: .*m-Q4_0\.gguf.*Add it as it is/)
    expect(await refused(join(folder, 'm-Q4_0.gguf'))).toMatch(
      /^model-not-found: .*Add it as it is/,
    )
  })

  it('a GGUF that is cut anywhere', async () => {
    const { file } = await converted(make().folder)
    const whole = readFileSync(file)
    const cut = join(root, 'cut.gguf')
    const { headerBytes } = await readGguf(file)
    const sizes = [
      0,
      1,
      3,
      4,
      8,
      23,
      24,
      30,
      100,
      1000,
      headerBytes - 1,
      headerBytes,
      headerBytes + 99,
    ]
    for (const size of [...sizes, whole.length >> 1, whole.length - 1]) {
      writeFileSync(cut, whole.subarray(0, size))
      await expect(readGguf(cut), `${size} bytes`).rejects.toMatchObject({
        code: 'bad-model',
        message: expect.stringMatching(
          /^Incomplete file: .* Download it again\.$|not downloaded completely\. Download it again/,
        ) as string,
      })
    }
  })
})
