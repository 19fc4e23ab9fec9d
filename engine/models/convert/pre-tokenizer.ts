/**
 * Finds the name by which llama.cpp knows a tokenizer's way of splitting text into words
 * (`tokenizer.ggml.pre`). llama.cpp's own converter recognises tokenizers by the ids they produce
 * for one long text, which fails if a vocabulary was modified or newly made. The tokenizer's
 * structure determines those ids, so this code compares the structure instead. It rejects any
 * structure that llama.cpp does not implement (src/llama-vocab.cpp, `llm_tokenizer_bpe` and
 * `llama_vocab::impl::load`).
 */
import { fail } from '../../protocol/errors.ts'
import { isRecord } from './files.ts'

const words = (letters: string, digits: string, others: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?${letters}|${digits}| ?${others}[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
const GPT4 = (digits: string) => words('\\p{L}+', digits, '[^\\s\\p{L}\\p{N}]+')
const split = (regex: string) => `split ${regex}`

interface Known {
  steps: readonly string[]
  /**
   * Names in llama.cpp: `whole` if words that are tokens are kept whole, `merged` if merges always
   * apply. A name is absent if llama.cpp has no such pre-tokenizer.
   */
  whole?: string
  merged?: string
}
const KNOWN: readonly Known[] = [
  { steps: [split(GPT4('\\p{N}')), 'bytes'], merged: 'qwen2' },
  {
    steps: [split(words('[\\p{L}\\p{M}]+', '\\p{N}', '[^\\s\\p{L}\\p{M}\\p{N}]+')), 'bytes'],
    merged: 'qwen35',
  },
  { steps: [split(GPT4('\\p{N}{1,3}')), 'bytes'], whole: 'llama-bpe', merged: 'smaug-bpe' },
  { steps: ['digits', 'bytes words'], merged: 'smollm' },
  { steps: ['bytes words'], merged: 'gpt-2' },
]

const unknown = (what: string) =>
  fail('wrong-model/file', {
    reason: `llama.cpp does not have this model's tokenizer (${what}). Text would be split into other tokens than the model was trained on.`,
  })

/**
 * Returns the pre-tokenizer name for a parsed tokenizer.json. `bos` is the text of the
 * beginning-of-sequence token, if any. Throws `wrong-model` if llama.cpp has no such pre-tokenizer.
 */
export function preTokenizer(tokenizer: Record<string, unknown>, bos: string | undefined): string {
  const model = tokenizer.model
  if (!isRecord(model) || model.type !== 'BPE')
    throw unknown(`its kind is ${JSON.stringify(isRecord(model) ? model.type : null)}, not BPE`)
  for (const field of [
    'byte_fallback',
    'continuing_subword_prefix',
    'end_of_word_suffix',
    'dropout',
    'unk_token',
    'fuse_unk',
  ]) {
    if (model[field]) throw unknown(`its BPE sets ${field}`)
  }
  checkNormalizer(tokenizer.normalizer)
  const steps = stepsOf(tokenizer.pre_tokenizer)
  const known = KNOWN.find(
    (k) => k.steps.length === steps.length && k.steps.every((step, i) => step === steps[i]),
  )
  const name = model.ignore_merges === true ? known?.whole : known?.merged
  if (!name)
    throw unknown(
      `its pre-tokenizer is ${steps.join(', ').slice(0, 300) || 'none'}${model.ignore_merges === true ? ', and it keeps whole words' : ''}`,
    )
  return name === 'qwen2' && bos === '<｜begin▁of▁sentence｜>' ? 'deepseek-r1-qwen' : name
}

/**
 * Rejects normalisers that change tokens. llama.cpp does not normalise text. These tokenizers
 * convert text to NFC; text in other forms is rare enough that llama.cpp's own converter ignores
 * it, too.
 */
function checkNormalizer(normalizer: unknown): void {
  if (normalizer === null || normalizer === undefined) return
  if (isRecord(normalizer)) {
    if (normalizer.type === 'NFC') return
    if (normalizer.type === 'Sequence' && Array.isArray(normalizer.normalizers))
      return normalizer.normalizers.forEach(checkNormalizer)
  }
  throw unknown(`its normaliser is ${JSON.stringify(normalizer).slice(0, 200)}`)
}

/**
 * Returns the steps in order. Each is one line that holds every setting that affects the result.
 */
function stepsOf(value: unknown): string[] {
  if (!isRecord(value)) return []
  const { type, pretokenizers, pattern, behavior, invert } = value
  if (type === 'Sequence' && Array.isArray(pretokenizers)) return pretokenizers.flatMap(stepsOf)
  if (type === 'ByteLevel' && value.add_prefix_space === false)
    return [value.use_regex === false ? 'bytes' : 'bytes words']
  if (type === 'Digits' && value.individual_digits === true) return ['digits']
  if (
    type === 'Split' &&
    isRecord(pattern) &&
    typeof pattern.Regex === 'string' &&
    behavior === 'Isolated' &&
    invert !== true
  )
    return [split(spelled(pattern.Regex))]
  return [JSON.stringify(value)]
}

/** Gives the apostrophe group one spelling; some tokenizers write it out in full. */
const spelled = (regex: string) =>
  regex.replace(
    "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])",
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)",
  )
