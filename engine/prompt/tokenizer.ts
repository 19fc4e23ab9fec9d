import type { NativeModel } from '../native/index.ts'
import { anyOf } from './any-of.ts'

/**
 * Tokenizes prompts that mix a template's text, whose control tokens count, with texts by people and
 * models, in which they do not. A *fence*, a character that no text contains, stands in those texts
 * behind each character that may begin a control token. What has a fence inside is never a control
 * token; apart from that, a text gets the ids that it has as a whole, without its fences.
 */
export interface PromptTokenizer {
  /** Returns a text by a person or a model with its fences. Lone surrogates become U+FFFD. */
  guard: (text: string, fence: string) => string
  /**
   * Returns the ids of a text with fences. `continues`: other tokens stand before it, so that
   * SentencePiece puts no space in front.
   */
  encode: (text: string, fence: string, continues?: boolean) => number[]
  /** Returns the ids of a text by a person or a model. */
  plain: (text: string, continues?: boolean) => number[]
}

type Vocabulary = Pick<NativeModel, 'info' | 'tokenize' | 'tokenBytes' | 'specialTokens'>

/** Characters that may stand before a continued text while it is tokenized. */
const LEADS = ['\n', '.', 'a', '0']

/** Returns a character that none of these texts contains. */
export function fenceFor(texts: Iterable<string>): string {
  const all = [...texts]
  for (let code = 0xfdd0; ; code = code === 0xfdef ? 0xe000 : code + 1) {
    const fence = String.fromCodePoint(code)
    if (all.every((text) => !text.includes(fence))) return fence
  }
}

export function promptTokenizer(model: Vocabulary): PromptTokenizer {
  // Tokens of one character or of spaces are ordinary text.
  const special = [...model.specialTokens(), ...unknownToken(model)]
    .filter(({ text }) => text.length > 1 && !/^[\s\u2581]*$/.test(text))
    .sort((a, b) => b.text.length - a.text.length)
  const ids = new Set(special.map(({ id }) => id))
  const firsts = new Set(special.map(({ text }) => first(text)))
  // A template may look for words and spaces in a text: they get fences only in whole tokens.
  const signs = [...firsts].filter((one) => !/^[\p{L}\p{N}\s]/u.test(one))
  const words = special.map(({ text }) => text).filter((text) => !signs.includes(first(text)))
  const sign = signs.length === 0 ? null : new RegExp(anyOf(signs), 'gu')
  const inner = new Set(special.flatMap(({ text }) => text.slice(1).split('')))

  const guard: PromptTokenizer['guard'] = (text, fence) => {
    let out = text.replace(/\p{Surrogate}/gu, '\ufffd')
    // The text may end a token that the template began.
    if (inner.has(out[0]!) && special.some((token) => endsIn(token.text, out))) out = fence + out
    if (sign !== null) out = out.replace(sign, `$&${fence}`)
    for (const word of words)
      if (out.includes(word)) out = out.split(word).join(afterFirst(word, fence))
    return out
  }

  const tokenize = (text: string, parse: boolean): number[] => [
    ...model.tokenize(text, { special: parse, bos: false }),
  ]
  const [sample] = tokenize('a', false)
  const spaced = sample !== undefined && model.tokenBytes(sample)[0] === 0x20
  const tokenizeAfter = (text: string, parse: boolean, continues: boolean): number[] => {
    if (spaced && continues) {
      for (const lead of LEADS) {
        const before = tokenize(lead, false)
        const all = tokenize(lead + text, parse)
        if (before.every((id, i) => all[i] === id)) return all.slice(before.length)
      }
    }
    return tokenize(text, parse)
  }

  const encode: PromptTokenizer['encode'] = (guarded, fence, continues = false) => {
    const { text, cuts } = withoutFences(guarded, fence)
    const { tokens, fenced } = find(
      special.map((token) => token.text).filter((token) => text.includes(token)),
      text,
      cuts,
    )
    const out: number[] = []
    const push = (list: readonly number[]) => {
      for (const id of list) out.push(id)
    }
    const add = (from: number, to: number, parse: boolean, after: boolean) => {
      if (from < to) push(tokenizeAfter(text.slice(from, to), parse, after))
    }
    // A stretch between two control tokens that has a fenced one is tokenized by itself.
    let done = 0
    for (const [from, to] of between(tokens, text.length)) {
      const inside = fenced.filter((at) => at > from && at < to)
      if (inside.length === 0) continue
      add(done, from, true, continues && done === 0)
      const after = continues && from === 0
      const whole = tokenizeAfter(text.slice(from, to), false, after)
      if (!whole.some((id) => ids.has(id))) push(whole)
      // llama.cpp finds user-defined tokens in plain text, too: each is cut behind its first character.
      else
        [from, ...inside].forEach((at, i) => add(at, inside[i] ?? to, false, after || at !== from))
      done = to
    }
    add(done, text.length, true, continues && done === 0)
    return out
  }

  const plain: PromptTokenizer['plain'] = (text, continues = false) => {
    const fence = fenceFor([text])
    return encode(guard(text, fence), fence, continues)
  }
  return { guard, encode, plain }
}

/** Returns a text without its fences, and where they stood: ascending indices of the text. */
function withoutFences(guarded: string, fence: string): { text: string; cuts: readonly number[] } {
  const pieces = guarded.split(fence)
  const cuts: number[] = []
  let length = 0
  for (const piece of pieces.slice(0, -1)) cuts.push((length += piece.length))
  return { text: pieces.join(''), cuts }
}

/** Finds the control tokens of a text, and the first fence in each of the others. */
function find(
  texts: readonly string[],
  text: string,
  cuts: readonly number[],
): { tokens: [number, number][]; fenced: number[] } {
  const tokens: [number, number][] = []
  const fenced: number[] = []
  if (texts.length === 0) return { tokens, fenced }
  const pattern = new RegExp(anyOf(texts), 'g')
  let next = 0
  for (let hit = pattern.exec(text); hit !== null; hit = pattern.exec(text)) {
    while (next < cuts.length && cuts[next]! <= hit.index) next++
    const cut = cuts[next]
    if (cut !== undefined && cut < pattern.lastIndex) {
      fenced.push(cut)
      pattern.lastIndex = cut
    } else tokens.push([hit.index, pattern.lastIndex])
  }
  return { tokens, fenced }
}

/** Returns the stretches between tokens. */
function* between(
  tokens: readonly (readonly [number, number])[],
  length: number,
): Iterable<[number, number]> {
  let from = 0
  for (const [start, end] of tokens) {
    yield [from, start]
    from = end
  }
  yield [from, length]
}

/** Returns whether a text may be the end or the middle of a token. */
function endsIn(token: string, text: string): boolean {
  for (let at = token.indexOf(text[0]!, 1); at > 0; at = token.indexOf(text[0]!, at + 1)) {
    const rest = token.slice(at)
    if (rest.startsWith(text) || text.startsWith(rest)) return true
  }
  return false
}

/** Returns the token for unknown texts if llama.cpp finds it where control tokens count. */
function unknownToken(model: Vocabulary): { id: number; text: string }[] {
  const id = Number(model.info.metadata['tokenizer.ggml.unknown_token_id'] ?? 0)
  // llama.cpp ignores an id outside the vocabulary.
  if (!(id >= 0 && id < model.info.vocabSize)) return []
  const text = Buffer.from(model.tokenBytes(id)).toString('utf8')
  const found = (special: boolean) => model.tokenize(text, { special, bos: false }).includes(id)
  return text !== '' && found(true) && !found(false) ? [{ id, text }] : []
}

const first = (text: string): string => String.fromCodePoint(text.codePointAt(0)!)

const afterFirst = (text: string, fence: string): string =>
  first(text) + fence + text.slice(first(text).length)
