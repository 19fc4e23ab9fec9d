/**
 * What each kind of tokenizer of llama.cpp (llama-vocab.cpp, `llama_vocab::impl::load`) assumes
 * about its vocabulary. Where it does not hold, llama.cpp aborts (GGML_ASSERT, GGML_ABORT) or throws
 * without a reason (`unordered_map::at`), in part only once a text is tokenized.
 */
import { bad, show, type GgufHeader } from './gguf.ts'
import { numberOf, textOf } from './keys.ts'

interface Kind {
  /** Ids that hold if the file names none; they count only inside the vocabulary. */
  bos?: number
  eos?: number
  addBos?: boolean
  addEos?: boolean
  /** Every byte is a token, `<0x0A>` or the byte itself. */
  needsBytes?: boolean
  /** Tokens of the type "byte" are read as `<0x0A>`. */
  bytes?: 'read' | 'abort'
}

/** Keyed by `tokenizer.ggml.model`. An unknown kind is a load error that names it. */
const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['llama', { bos: 1, eos: 2, addBos: true, needsBytes: true, bytes: 'read' }],
  ['gpt2', { bos: 11, eos: 11, bytes: 'read' }],
  ['hybriddna', { bos: 11, eos: 11, bytes: 'read' }],
  ['whitespace', { bos: 11, eos: 11, bytes: 'read' }],
  ['gemma4', { addBos: true, bytes: 'read' }],
  ['bert', { bos: 101, eos: 102, addBos: true, addEos: true, bytes: 'abort' }],
  ['t5', { eos: 1, addEos: true, bytes: 'read' }],
  ['rwkv', {}],
  ['plamo2', { bos: 1, eos: 2 }],
])
/** Pre-tokenizers that add the token of the beginning unless the file says otherwise. */
const ADD_BOS = new Set(
  'llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano tekken chameleon gemma4 granite-embed-multi-311m'.split(
    ' ',
  ),
)
const BYTE = /^<0x[0-9A-Fa-f]{2}>$/
/** llama.h, LLAMA_TOKEN_TYPE_BYTE */
const BYTE_TYPE = 6
/** Models of this name get attributes for these tokens. */
const PHI3 = { name: /phi-?3/i, tokens: ['</s>', '<unk>', '<s>', '<|endoftext|>'] }

/** llama-vocab.cpp, `llama_unescape_rwkv_token` */
const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r' }

export interface Vocabulary {
  /** Texts of the tokens, in Latin-1. */
  texts: ReadonlySet<string>
  /** The first token of the type "byte" whose text is not that of a byte. */
  oddByte: string | undefined
  bytes: number
}

/** Collects what `checkTokenizer` needs while a vocabulary is read. */
export class VocabularyReader {
  readonly texts = new Set<string>()
  oddByte: string | undefined
  bytes = 0

  add(text: string, type: number): void {
    this.texts.add(text)
    if (type !== BYTE_TYPE) return
    this.bytes++
    if (!BYTE.test(text)) this.oddByte ??= text
  }
}

/** Checks that the kind of the tokenizer fits its vocabulary. Throws `bad-model`. */
export function checkTokenizer(header: GgufHeader, vocabulary: Vocabulary): void {
  const model = textOf(header, 'tokenizer.ggml.model')!
  const kind = KINDS.get(model)
  if (model === 'none' || model === 'no_vocab')
    throw bad(`The file holds no tokenizer: tokenizer.ggml.model is ${show(model)}.`)
  if (kind === undefined) return
  const { texts, oddByte, bytes } = vocabulary
  const misfit = (why: string) =>
    bad(
      `The tokenizer does not fit its vocabulary: tokenizer.ggml.model is ${show(model)}, but ${why}.`,
    )
  if (kind.needsBytes === true)
    for (let byte = 0; byte < 256; byte++) {
      const name = `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
      if (!texts.has(name) && !texts.has(String.fromCharCode(byte)))
        throw misfit(`it has no token ${name}`)
    }
  const gap = model === 'rwkv' ? byteWithoutToken(texts) : undefined
  if (gap !== undefined) throw misfit(`the byte ${gap} begins a token, but is none`)
  if (kind.bytes === 'abort' && bytes > 0) throw misfit('it has tokens of the type "byte"')
  if (kind.bytes === 'read' && oddByte !== undefined)
    throw misfit(`the token ${show(oddByte)} of the type "byte" is none`)

  const pre = textOf(header, 'tokenizer.ggml.pre') ?? ''
  const added = (name: 'bos' | 'eos', by: boolean): boolean => {
    const key = `tokenizer.ggml.add_${name}_token`
    const value = header.metadata.get(key)?.value
    if (value !== undefined && typeof value !== 'boolean')
      throw bad(`The metadata key ${show(key)} is ${String(value)}; it must be true or false.`)
    // Gemma's pre-tokenizer always adds it.
    return (name === 'bos' && kind === KINDS.get('gemma4')) || (value ?? by)
  }
  const isToken = (id: number | undefined) => id !== undefined && id >= 0 && id < texts.size
  for (const [name, by] of [
    ['bos', kind.addBos === true || ADD_BOS.has(pre)],
    ['eos', kind.addEos === true],
  ] as const) {
    const key = `tokenizer.ggml.${model === 'bert' && name === 'eos' ? 'seperator' : name}_token_id`
    const id = numberOf(header, key)
    if ((added(name, by) || model === 'bert') && !isToken(id) && !isToken(kind[name]))
      throw bad(
        `The tokenizer adds a token to each text, but ${show(key)} is ${id ?? 'missing'}, which is none of its ${texts.size} tokens.`,
      )
  }

  const name = textOf(header, 'general.name') ?? ''
  const absent = PHI3.tokens.find((token) => !texts.has(token))
  if (PHI3.name.test(name) && absent !== undefined)
    throw bad(
      `The model's name (general.name) is ${show(name)}, but its vocabulary lacks the token ${show(absent)}, which llama.cpp expects of Phi 3.`,
    )
}

/**
 * Returns a byte that begins a token of RWKV without being one, if any: tokenizing it might never end
 * (llama-vocab.cpp, `llm_tokenizer_rwkv_session`).
 */
function byteWithoutToken(texts: ReadonlySet<string>): number | undefined {
  const [begin, whole] = [new Set<number>(), new Set<number>()]
  for (const text of texts) {
    const [escaped, hex, letter, plain] = /^(?:\\x([0-9a-f]{2})|\\([^x])|([^\\]))/s.exec(text) ?? []
    if (escaped === undefined) return text.charCodeAt(0)
    const byte =
      hex !== undefined
        ? parseInt(hex, 16)
        : (letter === undefined ? plain! : (ESCAPES[letter] ?? letter)).charCodeAt(0)
    begin.add(byte)
    if (escaped.length === text.length) whole.add(byte)
  }
  return [...begin].find((byte) => !whole.has(byte))
}
