import { bad, type GgufHeader } from './gguf.ts'
import { forEachString, readNumbers } from './gguf-arrays.ts'
import { arrayOf } from './keys.ts'
import { checkTokenizer, VocabularyReader } from './tokenizer-kinds.ts'
import { FORK_FORMS, forkFormOf, type ForkForm } from '../protocol/forks.ts'
import { closesThought } from '../prompt/index.ts'

/**
 * Types of control and user-defined tokens (llama.h, LLAMA_TOKEN_TYPE_*), whose texts become one id
 * if special tokens are parsed.
 */
const SPECIAL_TYPES = new Set([3, 4])

const PAIRED = /^<\/?(think[1-9]\d{0,2}|summary)>$/
const FORK_TOKENS = new Set(Object.values(FORK_FORMS).flatMap(({ tokens }) => tokens))

export interface ControlTokens {
  /** Control tokens found: pairs in order, then `<summary>` and `</summary>`. */
  texts: string[]
  /** Number of consecutive pairs from 1, if both summary tokens exist; otherwise 0. */
  nativePaths: number
  /** Whose marks of forks there are. */
  forks: ForkForm | undefined
  /** Whether there is a token that closes a thought, such as `</think>`. */
  closesThought: boolean
}

/**
 * Finds the control tokens of docs/method.md in a vocabulary, by text. Throws `bad-model` if two
 * tokens have the same text, which would make llama.cpp abort, or if the kind of the tokenizer does
 * not fit them.
 */
export async function readControlTokens(header: GgufHeader): Promise<ControlTokens> {
  const tokens = arrayOf(header, 'tokenizer.ggml.tokens', ['string'])!
  const typeArray = arrayOf(header, 'tokenizer.ggml.token_type', ['i32'])
  const types = typeArray ? await readNumbers(header.file, typeArray) : []
  const vocabulary = new VocabularyReader()
  const found = new Set<string>()
  let closes = false
  await forEachString(header.file, tokens, (bytes, id) => {
    // Compare bytes, because texts need not be valid UTF-8.
    const text = bytes.toString('latin1').split('\0', 1)[0] || `[EMPTY_${id}]` // llama.cpp reads C strings
    if (vocabulary.texts.has(text))
      throw bad(`Two tokens of the vocabulary have the same text (the second is ${id}).`)
    vocabulary.add(text, Number(types[id]))
    if (closesThought(text)) closes = true
    if (SPECIAL_TYPES.has(Number(types[id])) && (PAIRED.test(text) || FORK_TOKENS.has(text)))
      found.add(text)
  })
  checkTokenizer(header, vocabulary)
  const texts: string[] = []
  let nativePaths = 0
  for (let i = 1; i < 1000; i++) {
    const pair = [`<think${i}>`, `</think${i}>`].filter((text) => found.has(text))
    texts.push(...pair)
    if (pair.length === 2 && nativePaths === i - 1) nativePaths = i
  }
  const summary = ['<summary>', '</summary>'].filter((text) => found.has(text))
  texts.push(...summary)
  return {
    texts,
    forks: forkFormOf((text) => found.has(text)),
    nativePaths: summary.length === 2 ? nativePaths : 0,
    closesThought: closes,
  }
}
