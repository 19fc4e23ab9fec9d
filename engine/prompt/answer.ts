import type { Answer } from '../protocol/events.ts'
import { frameOf } from '../protocol/frame.ts'
import { parseJson } from '../protocol/json.ts'
import type { Segment } from '../protocol/run-state.ts'
import { thoughtIn, type ThoughtMarkers } from '../protocol/thoughts.ts'
import { chosenOption, optionsIn } from './options.ts'
import { finalLine } from './stated-line.ts'
import { MAX_TRIES, phrase } from './stated-phrase.ts'
import { answer } from './stated-value.ts'

/** Texts of ParaThinker's control tokens, whose digits are not answers. */
const CONTROL = /<\/?(?:think\d*|summary|vllm_pad)>/g
const THINK_END = '</think>'

/**
 * Finds the answer that the text of a path or a summary states, and its position. Tries, in this
 * order: the last `\boxed{}` with balanced braces, the last phrase that states an answer ("the
 * answer is", "Answer:", "####", "Option C is correct", `<answer>`), the last JSON `"answer"`, and
 * a final line that is nothing but a value or concludes with one. Returns null if the text states
 * no answer: a number that merely comes last is not one. The text after a reasoning model's
 * `</think>` is searched first, and the whole text if nothing is found there. To a `question` that
 * names options, the answer is one of them, by its letter or its words.
 */
export function extractAnswer(text: string, question = ''): Answer | null {
  const options = optionsIn(question)
  const find = (part: string) => chosenOption(stated(part), part, options)
  const thought = text.lastIndexOf(THINK_END)
  const plain = text.replace(CONTROL, (token) => ' '.repeat(token.length))
  if (thought < 0) return find(plain)
  return find(' '.repeat(thought) + plain.slice(thought)) ?? find(plain)
}

/**
 * Returns the answer of a segment that was held to a JSON schema, in its shortest form; null if it is
 * not whole, because the segment was cut.
 */
export function jsonAnswer(
  segment: Pick<Segment, 'text' | 'tokens'>,
  markers: ThoughtMarkers | null,
): Answer | null {
  const { text, start, end } = frameOf(segment)
  const from = Math.max(start, thoughtIn(text.slice(0, end), markers)?.answer ?? 0)
  try {
    const value = JSON.stringify(parseJson(text.slice(from, end)))
    return { text: value, span: [from, end], kind: 'json' }
  } catch {
    return null
  }
}

const stated = (text: string): Answer | null =>
  boxed(text) ?? phrase(text) ?? json(text) ?? finalLine(text)

function boxed(text: string): Answer | null {
  const matches = [...text.matchAll(/\\(?:boxed|fbox)(?:\s{0,8}\{|\s{1,8}([\w.]+)|(\d))/g)]
  for (const match of matches.slice(-MAX_TRIES).reverse()) {
    const bare = match[1] ?? match[2]
    const end = match.index + match[0].length
    if (bare !== undefined && !/\d|^[A-Za-z]$/.test(bare)) continue // "put it in \boxed here"
    const found =
      bare === undefined
        ? answer(text, end, closingBrace(text, end), 'boxed')
        : answer(text, end - bare.length, end, 'boxed')
    if (found !== null) return found
  }
  return null
}

/** Returns the index of the brace closing the one before `start`; -1 after 4096 characters. */
function closingBrace(text: string, start: number): number {
  let depth = 1
  for (let i = start; i < text.length && i < start + 4096; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return i
  }
  return -1
}

function json(text: string): Answer | null {
  const keys = [...text.matchAll(/"(?:final[_ ]?)?answer"\s{0,8}:\s{0,8}/gi)]
  for (const match of keys.slice(-MAX_TRIES).reverse()) {
    const from = match.index + match[0].length
    const value =
      /"((?:[^"\\\n]|\\.){0,1000})"|-?\d[\d.eE+-]{0,40}|true|false|\[[^[\]{}\n]{0,1000}\]/y
    value.lastIndex = from
    const hit = value.exec(text)
    if (hit === null) continue
    const inner = hit[1]
    const spanned =
      inner === undefined
        ? answer(text, from, value.lastIndex, 'json')
        : answer(text, from + 1, value.lastIndex - 1, 'json')
    if (spanned === null) continue
    return inner === undefined ? spanned : { ...spanned, text: unescapeJson(spanned.text) }
  }
  return null
}

function unescapeJson(inner: string): string {
  try {
    return String(JSON.parse(`"${inner}"`))
  } catch {
    return inner // unescaped LaTeX in a string, such as "\frac12", is used as it is
  }
}

const NUMBER = String.raw`\\[dt]?frac\{[-+]?\d{1,30}\}\{\d{1,30}\}|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,4})?(?:\s?/\s?\d+(?:\.\d+)?)?(?:\s?\\?%)?|\.\d+`
/** A minus is a sign unless it follows a number, a bracket or a variable. */
const NUMBERS = new RegExp(
  String.raw`(?<![\w.,])(?:(?<!(?:[\d)\]}]|(?<![a-zA-Z])[a-zA-Z])\s?)[-\u2212\u2013])?(?:${NUMBER})(?!\w)`,
  'g',
)

/** Finds the last number of a text, whether the text states it or not. */
export function lastNumber(text: string): Answer | null {
  const plain = text.replace(CONTROL, (token) => ' '.repeat(token.length))
  // Only the tail is searched, since an answer comes last.
  const from = Math.max(0, plain.length - 65_536)
  const match = [...plain.slice(from).matchAll(NUMBERS)].at(-1)
  if (match === undefined) return null
  const start = from + match.index
  return answer(plain, start, start + match[0].length, 'last-number')
}
