import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { convert, discardConversion } from '../../../engine/models/convert/convert.ts'
import { readGguf } from '../../../engine/models/gguf.ts'
import { textOf, numberOf } from '../../../engine/models/keys.ts'
import { checkSpace } from '../../../engine/models/convert/work.ts'
import { writeHfFolder, type HfOptions } from './hf-folder.ts'

const root = mkdtempSync(join(tmpdir(), 'braid-convert-'))
afterAll(() => rmSync(root, { recursive: true }))
let count = 0
const make = (options: HfOptions) => writeHfFolder(options, mkdtempSync(join(root, 'hf-'))).folder
const target = () => join(root, `${count++}.gguf`)
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  )
const edit = (
  folder: string,
  name: string,
  change: (value: Record<string, unknown>) => unknown,
) => {
  const file = join(folder, name)
  writeFileSync(
    file,
    JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>)),
  )
}

describe('metadata', () => {
  it('of the released ParaThinker: its prompt, summary and YaRN go into the file', async () => {
    const output = target()
    await convert({
      folder: make({ architecture: 'qwen2', thoughts: 9, pairs: 8, released: true }),
      output,
      type: 'f16',
    })
    const header = await readGguf(output)
    expect(textOf(header, 'parathinker.prompt_suffix')).toMatch(
      /^ You FIRST think .* in \\boxed\{\}\.$/,
    )
    expect(textOf(header, 'parathinker.summary_prefix')).toBe(
      'By analyzing multiple reasoning processes above, I concluded that: The final answer is',
    )
    expect(numberOf(header, 'parathinker.rope_budget')).toBe(8192)
    expect(numberOf(header, 'parathinker.rope_original_context')).toBe(9280)
    expect(textOf(header, 'tokenizer.chat_template')).toContain('<｜Assistant｜><think>')
  })

  it('of another model with control tokens: none of these keys, its own template, licence and ids', async () => {
    const folder = make({
      architecture: 'qwen2',
      thoughts: 9,
      pairs: 8,
      tokenizerConfig: {
        chat_template: [
          { name: 'tool', template: 'x' },
          { name: 'default', template: '{{ messages }}' },
        ],
      },
    })
    writeFileSync(
      join(folder, 'README.md'),
      '---\nlanguage: en\nlicense: apache-2.0\n---\n# Model\nlicense: none\n',
    )
    const output = target()
    await convert({ folder, output, type: 'f32' })
    const header = await readGguf(output)
    expect([...header.metadata.keys()].filter((key) => key.startsWith('parathinker.'))).toEqual([])
    expect(textOf(header, 'tokenizer.chat_template')).toBe('{{ messages }}')
    expect(textOf(header, 'general.license')).toBe('apache-2.0')
    const tables = header.tensors.filter(({ name }) => name.includes('thought'))
    expect(tables.map(({ name, type, shape }) => [name, type, shape])).toEqual(
      [0, 1].map((i) => [`blk.${i}.attn_thought_embd.weight`, 'F32', [16, 9]]),
    )
    const tokens = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')) as {
      added_tokens: { content: string; id: number }[]
    }
    expect(numberOf(header, 'tokenizer.ggml.eos_token_id')).toBe(
      tokens.added_tokens.find(({ content }) => content === '<|im_end|>')!.id,
    )
    expect(header.metadata.get('tokenizer.ggml.add_bos_token')?.value).toBe(false)
  })
})

describe('what cannot be converted is refused with its reason, and leaves nothing', () => {
  const cases: [string, HfOptions, (folder: string) => void, RegExp][] = [
    [
      'thought tables of llama',
      { architecture: 'llama', thoughts: 4 },
      () => undefined,
      /^wrong-model: .*thought tables/,
    ],
    [
      'thought tables of qwen3',
      { architecture: 'qwen3', thoughts: 4 },
      () => undefined,
      /^wrong-model: .*thought tables/,
    ],
    [
      'another architecture',
      { architecture: 'llama' },
      (f) => edit(f, 'config.json', (c) => ({ ...c, model_type: 'mixtral' })),
      /^wrong-model: .*mixtral/,
    ],
    [
      'a classifier',
      { architecture: 'qwen2' },
      (f) =>
        edit(f, 'config.json', (c) => ({
          ...c,
          architectures: ['Qwen2ForSequenceClassification'],
        })),
      /^wrong-model/,
    ],
    [
      'quantised weights',
      { architecture: 'qwen2' },
      (f) =>
        edit(f, 'config.json', (c) => ({ ...c, quantization_config: { quant_method: 'gptq' } })),
      /^wrong-model: .*quantised/,
    ],
    [
      'a sliding window',
      { architecture: 'qwen2' },
      (f) =>
        edit(f, 'config.json', (c) => ({ ...c, use_sliding_window: true, max_window_layers: 1 })),
      /^wrong-model: .*sliding/,
    ],
    [
      'an unknown pre-tokenizer',
      { architecture: 'qwen2' },
      (f) => edit(f, 'tokenizer.json', (t) => ({ ...t, pre_tokenizer: { type: 'Whitespace' } })),
      /^wrong-model: .*tokenizer/,
    ],
    [
      'an unknown normaliser',
      { architecture: 'qwen2' },
      (f) => edit(f, 'tokenizer.json', (t) => ({ ...t, normalizer: { type: 'Lowercase' } })),
      /^wrong-model: .*normaliser/,
    ],
    [
      'SentencePiece',
      { architecture: 'llama' },
      (f) =>
        edit(f, 'tokenizer.json', (t) => ({
          ...t,
          model: { ...(t.model as object), byte_fallback: true },
        })),
      /^wrong-model: .*byte_fallback/,
    ],
    [
      'RoPE of another kind',
      { architecture: 'llama', rope: { rope_type: 'longrope', factor: 2 } },
      () => undefined,
      /^wrong-model: .*longrope/,
    ],
    [
      'two tokens with one text',
      { architecture: 'qwen2' },
      (f) =>
        edit(f, 'tokenizer.json', (t) => ({
          ...t,
          added_tokens: [
            ...(t.added_tokens as object[]),
            { id: 0, content: '<|im_end|>', special: true },
          ],
        })),
      /^bad-model: .*same text|two tokens have the text/,
    ],
    [
      'an id beyond the embeddings',
      { architecture: 'qwen2' },
      (f) =>
        edit(f, 'tokenizer.json', (t) => ({
          ...t,
          added_tokens: [{ id: 99_999, content: '<x>', special: true }],
        })),
      /^bad-model: .*99999/,
    ],
    [
      'a config that is not JSON',
      { architecture: 'qwen2' },
      (f) => writeFileSync(join(f, 'config.json'), '{"model_type": "qwen2",'),
      /^bad-model: config.json/,
    ],
    [
      'a width of 10^300',
      { architecture: 'qwen2' },
      (f) => edit(f, 'config.json', (c) => ({ ...c, hidden_size: 1e300 })),
      /^bad-model: config.json: hidden_size/,
    ],
    [
      'a layer too many',
      { architecture: 'qwen2' },
      (f) => edit(f, 'config.json', (c) => ({ ...c, num_hidden_layers: 3 })),
      /^bad-model: .*model\.layers\.2/,
    ],
    [
      'a layer too few',
      { architecture: 'qwen2' },
      (f) => edit(f, 'config.json', (c) => ({ ...c, num_hidden_layers: 1 })),
      /^wrong-model: .*model\.layers\.1/,
    ],
    [
      'PyTorch files only',
      { architecture: 'qwen2' },
      (f) => {
        rmSync(join(f, 'model.safetensors'))
        writeFileSync(join(f, 'pytorch_model.bin'), 'x')
      },
      /^bad-model: .*PyTorch/,
    ],
    [
      'a shard that is not there',
      { architecture: 'qwen2', shards: 2 },
      (f) => rmSync(join(f, 'model-00002-of-00002.safetensors')),
      /^model-not-found/,
    ],
    [
      'an index that leads out',
      { architecture: 'qwen2', shards: 2 },
      (f) =>
        edit(f, 'model.safetensors.index.json', (i) => ({
          weight_map: { ...(i.weight_map as object), x: '../x.safetensors' },
        })),
      /^bad-model: .*\.\.\/x/,
    ],
  ]
  it.each(cases)('%s', async (_name, options, damage, expected) => {
    const folder = make(options)
    damage(folder)
    const output = target()
    expect(await codeOf(convert({ folder, output, type: 'f32' }))).toMatch(expected)
    expect(existsSync(output)).toBe(false)
    expect(existsSync(`${output}.partial`)).toBe(false)
  })

  it('values that are not numbers, and values that f16 cannot hold', async () => {
    const folder = make({ architecture: 'qwen2' })
    const file = join(folder, 'model.safetensors')
    const bytes = readFileSync(file)
    const data = 8 + Number(bytes.readBigUInt64LE())
    bytes.writeFloatLE(NaN, data)
    writeFileSync(file, bytes)
    expect(await codeOf(convert({ folder, output: target(), type: 'f32' }))).toMatch(
      /^bad-model: .*token_embd.*NaN/,
    )
    bytes.writeFloatLE(1e6, data)
    writeFileSync(file, bytes)
    expect(await codeOf(convert({ folder, output: target(), type: 'f16' }))).toMatch(
      /^bad-model: .*1000000/,
    )
    expect(await codeOf(convert({ folder, output: target(), type: 'bf16' }))).toBe('none')
  })

  it('a target that is there, that is not a GGUF name, or that lies nowhere', async () => {
    const folder = make({ architecture: 'qwen2' })
    const output = target()
    writeFileSync(output, 'precious')
    expect(await codeOf(convert({ folder, output, type: 'f32' }))).toMatch(
      /^bad-path: .*already exists/,
    )
    expect(readFileSync(output, 'utf8')).toBe('precious')
    expect(await codeOf(convert({ folder, output: join(root, 'x.bin'), type: 'f32' }))).toMatch(
      /^bad-path/,
    )
    expect(
      await codeOf(convert({ folder, output: join(root, 'none', 'x.gguf'), type: 'f32' })),
    ).toMatch(/^bad-path/)
  })

  it('a disk that is too small, before anything is written', async () => {
    expect(await codeOf(checkSpace(join(root, 'x'), 2 ** 60))).toMatch(/^disk-full: .*needed/)
  })
})

describe('cancel and resume', () => {
  const big: HfOptions = {
    architecture: 'llama',
    heads: 8,
    headDim: 32,
    ff: 1024,
    layers: 3,
    dtype: 'BF16',
    pairs: 2,
  }

  it('a cancelled conversion goes on where it was and gives the same file', async () => {
    const folder = make(big)
    const whole = target()
    await convert({ folder, output: whole, type: 'q8_0' })
    const output = target()
    const cancel = new AbortController()
    const seen: number[] = []
    expect(
      await codeOf(
        convert({
          folder,
          output,
          type: 'q8_0',
          signal: cancel.signal,
          onProgress: ({ fraction }) => {
            seen.push(fraction)
            if (fraction > 0.5) cancel.abort()
          },
        }),
      ),
    ).toMatch(/^cancelled/)
    expect(existsSync(output)).toBe(false)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    await convert({ folder, output, type: 'q8_0' })
    expect(readFileSync(output).equals(readFileSync(whole))).toBe(true)
    expect(existsSync(`${output}.partial.json`)).toBe(false)
  })

  it('what was noted is not written again; a file that was cut shorter, or a changed source, is', async () => {
    const folder = make(big)
    const output = target()
    const cancel = new AbortController()
    // Cancelled in the quantiser: by then all tensors are written and recorded.
    await codeOf(
      convert({
        folder,
        output,
        type: 'q4_k_m',
        signal: cancel.signal,
        onProgress: ({ phase }) => {
          if (phase === 'quantise') cancel.abort()
        },
      }),
    )
    const partial = `${output}.partial`
    const before = statSync(partial)
    const labels = async () => {
      const found = new Set<string>()
      const again = new AbortController()
      await codeOf(
        convert({
          folder,
          output,
          type: 'q4_k_m',
          signal: again.signal,
          onProgress: ({ phase, label }) => {
            if (phase === 'quantise') again.abort()
            else found.add(label)
          },
        }),
      )
      return found.size
    }
    expect(await labels()).toBe(0)
    expect(statSync(partial).size).toBe(before.size)
    truncateSync(partial, before.size - 4096)
    expect(await labels()).toBeGreaterThan(10)
    writeFileSync(
      join(folder, 'model.safetensors'),
      readFileSync(join(folder, 'model.safetensors')),
    )
    expect(await labels()).toBeGreaterThan(10)
    await discardConversion(output)
    expect([partial, `${output}.partial.json`, `${output}.quantising`].filter(existsSync)).toEqual(
      [],
    )
  })

  it('two conversions to one target at once: one of them is refused, the other is whole', async () => {
    const folder = make(big)
    const output = target()
    // Either may come first: both look at the target before they claim it.
    const ended = await Promise.all(
      [0, 1].map(() => codeOf(convert({ folder, output, type: 'f32' }))),
    )
    expect(ended.toSorted()).toEqual([expect.stringMatching(/^bad-request/), 'none'])
    expect((await readGguf(output)).tensors.length).toBeGreaterThan(10)
  })
})
