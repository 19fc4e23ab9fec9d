import type { NativeModel, VocabToken } from '../native/index.ts'
import { findForks, type Forks } from './forks.ts'

/** Text forced after `<summary>` for the released model's vocabulary, if the file has none. */
export const RELEASED_PREFIX =
  'By analyzing multiple reasoning processes above, I concluded that: The final answer is'

/** Ids of a model's control tokens, found by their texts (docs/method.md, "The GGUF contract"). */
export interface ControlTokens {
  /**
   * Pairs of the trained paths: `<think1>`, `</think1>` and so on without gaps. Empty unless the
   * model was trained for them.
   */
  pairs: readonly { open: number; close: number }[]
  summary: { open: number; close: number } | null
  /** Tokens that are never sampled inside a path. */
  masked: readonly number[]
  /** Tokens that end a path. */
  pathStops: readonly number[]
  /** Tokens that end a summary. */
  summaryStops: readonly number[]
  endOfGeneration: readonly number[]
  /** The marks by which the model forks its own text, without the words beside them; null if it has none. */
  forks: Forks | null
  /** Texts of the pairs and of the summary's tokens, in order; empty if `pairs` is. */
  texts: readonly string[]
  summaryPrefix: string
}

type Vocabulary = Pick<NativeModel, 'specialTokens'> & {
  readonly info: { readonly metadata: Readonly<Record<string, string>> }
}

/** Returns a model's control tokens. */
export function findControlTokens(model: Vocabulary): ControlTokens {
  const tokens = model.specialTokens()
  const byText = new Map<string, number>()
  for (const { special, text, id } of tokens) if (special && !byText.has(text)) byText.set(text, id)
  const endOfGeneration = tokens.filter((token) => token.endOfGeneration).map((token) => token.id)

  const forks = findForks(byText)
  const pairs: { open: number; close: number }[] = []
  const texts: string[] = []
  for (let j = 1; ; j++) {
    const open = byText.get(`<think${j}>`)
    const close = byText.get(`</think${j}>`)
    if (open === undefined || close === undefined) break
    pairs.push({ open, close })
    texts.push(`<think${j}>`, `</think${j}>`)
  }
  const open = byText.get('<summary>')
  const close = byText.get('</summary>')
  if (pairs.length === 0 || open === undefined || close === undefined) {
    return {
      pairs: [],
      summary: null,
      masked: [],
      pathStops: endOfGeneration,
      summaryStops: endOfGeneration,
      endOfGeneration,
      forks,
      texts: [],
      summaryPrefix: '',
    }
  }
  return {
    pairs,
    summary: { open, close },
    masked: [...ids(tokens, /^<think\d+>$/), open],
    pathStops: unique([...ids(tokens, /^<\/think\d*>$/), close, ...endOfGeneration]),
    summaryStops: unique([close, ...endOfGeneration]),
    endOfGeneration,
    forks,
    texts: [...texts, '<summary>', '</summary>'],
    summaryPrefix:
      model.info.metadata['parathinker.summary_prefix'] ??
      (byText.has('<vllm_pad>') ? RELEASED_PREFIX : ''),
  }
}

function ids(tokens: readonly VocabToken[], pattern: RegExp): number[] {
  return tokens
    .filter((token) => token.special && pattern.test(token.text))
    .map((token) => token.id)
}

const unique = (list: readonly number[]) => [...new Set(list)]
