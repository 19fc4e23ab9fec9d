/**
 * Tokenizers with the real vocabularies and merges of Qwen2 and Llama 3, taken from llama.cpp's source and written as the
 * tokenizer.json of the published models. `parathinker` is Qwen2's with the tokens that DeepSeek-R1-Distill-Qwen
 * and ParaThinker-1.5B add, at their ids.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { forEachString } from '../../../engine/models/gguf-arrays.ts'
import { readGguf } from '../../../engine/models/gguf.ts'
import { arrayOf } from '../../../engine/models/keys.ts'
import { llamaBuild } from '../../../scripts/native/llama.ts'
import { controlTexts } from '../../support/tiny-models.ts'
import { tokenizerJson } from './hf-folder.ts'

export const REAL_TOKENIZERS = ['qwen3', 'parathinker', 'llama3'] as const
export type RealTokenizer = (typeof REAL_TOKENIZERS)[number]

const QWEN3: [string, boolean][] = [
  ...[
    '<|endoftext|>',
    '<|im_start|>',
    '<|im_end|>',
    '<|object_ref_start|>',
    '<|object_ref_end|>',
    '<|box_start|>',
    '<|box_end|>',
    '<|quad_start|>',
    '<|quad_end|>',
    '<|vision_start|>',
    '<|vision_end|>',
    '<|vision_pad|>',
    '<|image_pad|>',
    '<|video_pad|>',
  ].map((text): [string, boolean] => [text, true]),
  ...[
    '<tool_call>',
    '</tool_call>',
    '<|fim_prefix|>',
    '<|fim_middle|>',
    '<|fim_suffix|>',
    '<|fim_pad|>',
    '<|repo_name|>',
    '<|file_sep|>',
    '<tool_response>',
    '</tool_response>',
    '<think>',
    '</think>',
  ].map((text): [string, boolean] => [text, false]),
]
const PARATHINKER: [string, boolean][] = [
  ['<｜end▁of▁sentence｜>', true],
  ['<｜User｜>', false],
  ['<｜Assistant｜>', false],
  ['<｜begin▁of▁sentence｜>', true],
  ['<|EOT|>', false],
  ['<think>', false],
  ['</think>', false],
  ...[
    '<|quad_start|>',
    '<|quad_end|>',
    '<|vision_start|>',
    '<|vision_end|>',
    '<|vision_pad|>',
    '<|image_pad|>',
    '<|video_pad|>',
  ].map((text): [string, boolean] => [text, true]),
  ...[
    '<tool_call>',
    '</tool_call>',
    '<|fim_prefix|>',
    '<|fim_middle|>',
    '<|fim_suffix|>',
    '<|fim_pad|>',
    '<|repo_name|>',
    '<|file_sep|>',
  ].map((text): [string, boolean] => [text, false]),
  ...[...controlTexts(8), '<vllm_pad>'].map((text): [string, boolean] => [text, true]),
]
const LLAMA3: [string, boolean][] = [
  '<|begin_of_text|>',
  '<|end_of_text|>',
  '<|reserved_special_token_0|>',
  '<|reserved_special_token_1|>',
  '<|finetune_right_pad_id|>',
  '<|reserved_special_token_2|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<|eom_id|>',
  '<|eot_id|>',
  '<|python_tag|>',
].map((text) => [text, true])

export interface RealTokenizerFiles {
  architecture: 'qwen2' | 'qwen3' | 'llama'
  tokenizer: Record<string, unknown>
  tokenizerConfig: Record<string, unknown>
  /** Texts of the added tokens. */
  control: string[]
  vocabulary: number
  pre: string
}

/** Returns the folder of llama.cpp's vocabularies once the engine is built, or undefined if it was built elsewhere. */
export async function vocabularyFolder(): Promise<string | undefined> {
  const folder = join((await llamaBuild()).source, 'models')
  return existsSync(join(folder, 'ggml-vocab-qwen2.gguf')) ? folder : undefined
}

export async function realTokenizer(
  name: RealTokenizer,
  folder: string,
): Promise<RealTokenizerFiles> {
  const llama = name === 'llama3'
  const added = { qwen3: QWEN3, parathinker: PARATHINKER, llama3: LLAMA3 }[name]
  const architecture = ({ qwen3: 'qwen3', parathinker: 'qwen2', llama3: 'llama' } as const)[name]
  const size = llama ? 128_000 : 151_643
  const header = await readGguf(join(folder, `ggml-vocab-${llama ? 'llama-bpe' : 'qwen2'}.gguf`))
  const vocab: Record<string, number> = {}
  const merges: string[] = []
  await forEachString(
    header.file,
    arrayOf(header, 'tokenizer.ggml.tokens', ['string'])!,
    (bytes, id) => {
      if (id < size) vocab[bytes.toString('utf8')] = id
    },
  )
  await forEachString(header.file, arrayOf(header, 'tokenizer.ggml.merges', ['string'])!, (bytes) =>
    merges.push(bytes.toString('utf8')),
  )
  const json = tokenizerJson(architecture, [])
  const bos =
    name === 'parathinker' ? '<｜begin▁of▁sentence｜>' : llama ? '<|begin_of_text|>' : null
  json.added_tokens = added.map(([content, special], i) => ({
    id: size + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special,
  }))
  json.model = {
    ...(json.model as object),
    vocab,
    merges: name === 'qwen3' ? merges.map((merge) => merge.split(' ')) : merges,
  }
  if (name === 'parathinker') json.normalizer = { type: 'Sequence', normalizers: [] }
  if (bos)
    json.post_processor = {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: bos, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: {
        [bos]: { id: bos, ids: [size + added.findIndex(([text]) => text === bos)], tokens: [bos] },
      },
    }
  return {
    architecture,
    tokenizer: json,
    control: added.map(([text]) => text),
    vocabulary: llama ? 128_256 : 151_936,
    pre: { qwen3: 'qwen2', parathinker: 'deepseek-r1-qwen', llama3: 'llama-bpe' }[name],
    tokenizerConfig: bos
      ? {
          bos_token: bos,
          eos_token: llama ? '<|eot_id|>' : '<｜end▁of▁sentence｜>',
          ...(name === 'parathinker' && { add_bos_token: true }),
        }
      : { add_bos_token: false, eos_token: '<|im_end|>' },
  }
}
