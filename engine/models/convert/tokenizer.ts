/**
 * Converts tokenizer.json, tokenizer_config.json and the chat template of a folder to GGUF
 * metadata, as llama.cpp's conversion/base.py does.
 */
import { fail } from '../../protocol/errors.ts'
import type { Notice } from '../../protocol/wording.ts'
import type { ModelConfig } from './config.ts'
import { checkId, readAddedTokens, readSettings, textOf, type Added } from './added-tokens.ts'
import { isRecord, readJson, readText, TEXT_LIMITS } from './files.ts'
import { bool, str, u32, type Metadata } from './gguf-writer.ts'
import { preTokenizer } from './pre-tokenizer.ts'

/** Source: llama.h, LLAMA_TOKEN_TYPE_*. */
const TOKEN = { normal: 1, control: 3, user: 4, unused: 5 } as const

export interface Tokenizer {
  tokens: readonly string[]
  metadata: Metadata
  /** Ids of the control tokens, by text. */
  control: ReadonlyMap<string, number>
  chatTemplate?: string
  /** Names of the templates if there are several and none is the default. */
  templateNames?: readonly string[]
  pre: string
  /** What differs from transformers or is missing. */
  notices: readonly Notice[]
}

const bad = (message: string) => fail('bad-model/file', { reason: message })

/**
 * Reads the tokenizer. Throws `model-not-found` (there is no tokenizer.json), `bad-model` or
 * `wrong-model` (llama.cpp does not have this tokenizer).
 */
export async function readTokenizer(folder: string, config: ModelConfig): Promise<Tokenizer> {
  const json = await readJson(folder, 'tokenizer.json', TEXT_LIMITS.tokenizer)
  if (!json)
    throw fail('model-not-found/files', {
      reason: `${folder} holds no tokenizer.json. Load the tokenizer with transformers and save it there (save_pretrained).`,
    })
  const settings = await readSettings(folder)
  const frame = templateEnds(json.post_processor)
  const bosText = textOf(settings.bos_token) ?? frame.first
  const pre = preTokenizer(json, bosText)
  const { vocab } = json.model as Record<string, unknown>
  if (!isRecord(vocab)) throw bad('tokenizer.json: there is no vocabulary.')
  const added = await readAddedTokens(folder, { ...json, vocab }, settings, config.vocabulary)
  const ids = new Map([...added].map(([id, { content }]) => [content, id]))
  const { tokens, types } = vocabularyOf(vocab, added, config.vocabulary)
  const merges = mergesOf(json)

  const metadata: Metadata = [
    ['tokenizer.ggml.model', str('gpt2')],
    ['tokenizer.ggml.pre', str(pre)],
    ['tokenizer.ggml.tokens', { type: 'strings', value: tokens }],
    ['tokenizer.ggml.token_type', { type: 'i32s', value: types }],
    ['tokenizer.ggml.merges', { type: 'strings', value: merges }],
  ]
  const id = (name: string, text: string | undefined, fallback: number | undefined) => {
    const value =
      (text === undefined ? undefined : ids.get(text)) ??
      (fallback !== undefined && fallback < config.vocabulary ? fallback : undefined)
    if (value !== undefined) metadata.push([`tokenizer.ggml.${name}_token_id`, u32(value)])
    return value
  }
  id('bos', bosText, config.tokenIds.bos)
  const ends = await endsOf(folder, config)
  const eos = id('eos', textOf(settings.eos_token), config.tokenIds.ends[0] ?? ends[0])
  id('unknown', textOf(settings.unk_token), undefined)
  id('padding', textOf(settings.pad_token), config.tokenIds.pad)
  // llama.cpp ends a generation at these, too.
  const [eot, eom, ...rest] = ends.filter(
    (end) => end !== eos && end < tokens.length && !KNOWN_ENDS.has(tokens[end]!),
  )
  if (eot !== undefined) metadata.push(['tokenizer.ggml.eot_token_id', u32(eot)])
  if (eom !== undefined) metadata.push(['tokenizer.ggml.eom_token_id', u32(eom)])
  // Since version 5 transformers reads this from tokenizer.json alone.
  const frames = (text: string | undefined, end: string | undefined) =>
    bool(text !== undefined && text === end)
  metadata.push(['tokenizer.ggml.add_bos_token', frames(frame.first, bosText)])
  metadata.push(['tokenizer.ggml.add_eos_token', frames(frame.last, textOf(settings.eos_token))])

  const template = await templateOf(folder, settings)
  const control = new Map([...ids].filter(([, i]) => types[i] === TOKEN.control))
  return {
    tokens,
    metadata,
    control,
    pre,
    ...template,
    notices: rest.map((end) => ({
      code: 'convert-end',
      params: { token: JSON.stringify(tokens[end]) },
    })),
  }
}

function vocabularyOf(
  vocab: Record<string, unknown>,
  added: ReadonlyMap<number, Added>,
  size: number,
): { tokens: string[]; types: Int32Array } {
  const tokens = new Array<string>(size)
  const types = new Int32Array(size).fill(TOKEN.unused)
  for (const text of Object.keys(vocab)) {
    const id = vocab[text]
    checkId('tokenizer.json', text, id, size)
    if (tokens[id] !== undefined) throw bad(`tokenizer.json: two tokens have the id ${id}.`)
    tokens[id] = text
    types[id] = TOKEN.normal
  }
  for (const [id, { content, special }] of added) {
    const control = special || looksSpecial(content)
    // User-defined tokens are matched as plain text, so SentencePiece's space marks are replaced by
    // spaces, as in llama.cpp's converter.
    tokens[id] = control ? content : content.replaceAll('\u2581', ' ')
    types[id] = control ? TOKEN.control : TOKEN.user
  }
  // Fill embeddings that have no token: models pad the embedding to a round size.
  for (let id = 0; id < size; id++) tokens[id] ??= `[PAD${id}]`
  const seen = new Set<string>()
  for (const text of tokens) {
    if (seen.has(text))
      throw bad(`tokenizer.json: two tokens have the text ${JSON.stringify(text)}.`)
    seen.add(text)
  }
  return { tokens, types }
}

/**
 * Returns whether a token is a control token that some models mark as a plain added token
 * (conversion/base.py, `does_token_look_special`).
 */
const looksSpecial = (text: string) =>
  text === '<pad>' ||
  text === '<mask>' ||
  (text.startsWith('<|') && text.endsWith('|>')) ||
  (text.startsWith('<｜') && text.endsWith('｜>')) ||
  (text.startsWith('<unused') && text.endsWith('>'))

function mergesOf(json: Record<string, unknown>): string[] {
  const { merges } = json.model as Record<string, unknown>
  if (!Array.isArray(merges)) throw bad('tokenizer.json: there are no merges.')
  return (merges as unknown[]).map((merge) => {
    if (typeof merge === 'string') return merge
    if (
      Array.isArray(merge) &&
      merge.length === 2 &&
      merge.every((part) => typeof part === 'string')
    )
      return (merge as string[]).map((part) => part.replaceAll(' ', '\u0120')).join(' ')
    throw bad('tokenizer.json: a merge is not a pair of texts.')
  })
}

/** Returns the special tokens that the post-processor adds at the beginning and at the end. */
function templateEnds(processor: unknown): { first?: string; last?: string } {
  if (!isRecord(processor)) return {}
  if (Array.isArray(processor.processors))
    return (processor.processors as unknown[]).reduce<{ first?: string; last?: string }>(
      (found, p) => ({ ...found, ...templateEnds(p) }),
      {},
    )
  if (
    processor.type !== 'TemplateProcessing' ||
    !Array.isArray(processor.single) ||
    processor.single.length < 2
  )
    return {}
  const special = (part: unknown) =>
    isRecord(part) && isRecord(part.SpecialToken) && typeof part.SpecialToken.id === 'string'
      ? part.SpecialToken.id
      : undefined
  const first = special(processor.single[0])
  const last = special(processor.single.at(-1))
  return { ...(first !== undefined && { first }), ...(last !== undefined && { last }) }
}

/** End-of-generation tokens that llama.cpp recognises by their text (llama-vocab.cpp). */
const KNOWN_ENDS = new Set([
  '<|eot_id|>',
  '<|im_end|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<|flush|>',
  '<|calls|>',
  '<end_of_turn>',
  '<|endoftext|>',
  '</s>',
  '<|eom_id|>',
  '<EOT>',
  '_<EOT>',
  '[EOT]',
  '[EOS]',
  '<|end_of_text|>',
  '<end_of_utterance>',
  '<eos>',
  '<turn|>',
  '<|tool_response>',
  '<｜end▁of▁sentence｜>',
  '[e~[',
])

/**
 * Returns the tokens at which transformers ends a generation: those of generation_config.json, else
 * those of config.json; one or a list.
 */
async function endsOf(folder: string, config: ModelConfig): Promise<number[]> {
  const given = (await readJson(folder, 'generation_config.json', TEXT_LIMITS.config))?.eos_token_id
  const ids: unknown[] = [given ?? config.tokenIds.ends].flat()
  return [...new Set(ids)].filter((id): id is number => Number.isInteger(id) && Number(id) >= 0)
}

/**
 * Returns the default chat template from the first of the places where transformers has stored it:
 * a file of its own goes before tokenizer_config.json. `templateNames` are the templates of a list
 * that has no default.
 */
async function templateOf(
  folder: string,
  settings: Record<string, unknown>,
): Promise<Pick<Tokenizer, 'chatTemplate' | 'templateNames'>> {
  const file = await readText(folder, 'chat_template.jinja', TEXT_LIMITS.template)
  if (file !== undefined) return { chatTemplate: file }
  const inSettings = settings.chat_template
  if (typeof inSettings === 'string') return { chatTemplate: inSettings }
  if (Array.isArray(inSettings)) {
    const named = (inSettings as unknown[]).filter(isRecord)
    const { template } = named.find(({ name }) => name === 'default') ?? {}
    return typeof template === 'string'
      ? { chatTemplate: template }
      : { templateNames: named.map(({ name }) => String(name)) }
  }
  const json = (await readJson(folder, 'chat_template.json', TEXT_LIMITS.template))?.chat_template
  return typeof json === 'string' ? { chatTemplate: json } : {}
}
