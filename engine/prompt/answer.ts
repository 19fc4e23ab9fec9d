import type { Answer } from '../protocol/events.ts'

/** Texts of ParaThinker's control tokens, whose digits are not answers. */
const CONTROL = /<\/?(?:think\d*|summary|vllm_pad)>/g
const THINK_END = '</think>'
/** The most characters of a phrase's answer; if it is longer, only its last number counts. */
const MAX_PHRASE = 120

const NUMBER = String.raw`\\[dt]?frac\{[-+]?\d{1,30}\}\{\d{1,30}\}|(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,4})?(?:\s?/\s?\d+(?:\.\d+)?)?(?:\s?\\?%)?|\.\d+`
const NUMBERS = new RegExp(
  String.raw`(?<![\w.,])(?:(?<![\w)\]}]\s?)[-\u2212])?(?:${NUMBER})(?!\w)`,
  'g',
)
const PHRASE =
  /(?:\bfinal\s{1,4}answer\b(?!")\W{0,4}(?:is|are|:|=)?|\b(?:the|my|our)\s{1,4}answer\s{1,4}(?:is|:|=)|^\W{0,4}answer\*{0,2}:|^[ \t]{0,8}####)[ \t]{0,8}:?/gim
const JSON_KEY = /"(?:final[_ ]?)?answer"\s{0,8}:\s{0,8}/gi

/**
 * Finds the answer in the text of a path or a summary, and its position. Tries, in this order, the
 * last `\boxed{}` with balanced braces, the last "final answer" phrase, the last JSON `"answer"`
 * and the last number; returns null if there is none. The text after a reasoning model's `</think>`
 * is searched first, and the whole text if nothing is found there.
 */
export function extractAnswer(text: string): Answer | null {
  const thought = text.lastIndexOf(THINK_END)
  const plain = text.replace(CONTROL, (token) => ' '.repeat(token.length))
  if (thought < 0) return find(plain)
  return find(' '.repeat(thought) + plain.slice(thought)) ?? find(plain)
}

function find(text: string): Answer | null {
  return boxed(text) ?? phrase(text) ?? json(text) ?? lastNumber(text, 0, text.length)
}

function answer(text: string, start: number, end: number, kind: Answer['kind']): Answer | null {
  while (start < end && /\s/.test(text[start]!)) start++
  while (end > start && /\s/.test(text[end - 1]!)) end--
  return start < end ? { text: text.slice(start, end), span: [start, end], kind } : null
}

function boxed(text: string): Answer | null {
  const matches = [...text.matchAll(/\\(?:boxed|fbox)(?:\s{0,8}\{|\s{1,8}([\w.]+)|(\d))/g)]
  for (const match of matches.slice(-64).reverse()) {
    const bare = match[1] ?? match[2]
    const end = match.index + match[0].length
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

function phrase(text: string): Answer | null {
  let found: Answer | null = null
  for (const match of text.matchAll(PHRASE)) {
    const from = match.index + match[0].length
    // The rest of the line, or the next line if the rest is empty.
    const line = /[^\S\n]{0,64}(?:\n\s{0,64})?([^\n]{0,400})/y
    line.lastIndex = from
    const rest = line.exec(text)?.[1] ?? ''
    if (rest === '') continue
    const start = line.lastIndex - rest.length
    found = sentence(text, start, line.lastIndex) ?? found
  }
  return found
}

/**
 * Finds the answer in [start, end): up to the end of the first sentence, without quotes or other
 * marks around it.
 */
function sentence(text: string, start: number, end: number): Answer | null {
  const stop = text.slice(start, end).search(/[.!?;](?:\s|["'*)\]]*$)|[.!?]?\*\*(?=\s)/)
  if (stop > 0) end = start + stop
  if (end - start > MAX_PHRASE) return lastNumber(text, start, end, 'final-answer')
  for (const [open, close] of [
    ['**', '**'],
    ['$$', '$$'],
    ['$', '$'],
    ['\\(', '\\)'],
    ['\\[', '\\]'],
    ['"', '"'],
    ['`', '`'],
    ['*', '*'],
  ] as const) {
    while (start < end && /[\s:=]/.test(text[start]!)) start++
    while (end > start && /[\s.,;]/.test(text[end - 1]!)) end--
    if (text.startsWith(open, start)) {
      start += open.length
      const at = text.lastIndexOf(close, end - close.length)
      if (at >= start) end = at
    } else if (
      text.startsWith(close, end - close.length) &&
      count(text, close, start, end) % 2 === 1
    ) {
      end -= close.length
    }
  }
  return /[\p{L}\p{N}\\]/u.test(text.slice(start, end))
    ? answer(text, start, end, 'final-answer')
    : null
}

function count(text: string, part: string, start: number, end: number): number {
  return text.slice(start, end).split(part).length - 1
}

function json(text: string): Answer | null {
  let found: Answer | null = null
  for (const match of text.matchAll(JSON_KEY)) {
    const from = match.index + match[0].length
    const value =
      /"((?:[^"\\\n]|\\.){0,1000})"|-?\d[\d.eE+-]{0,40}|true|false|\[[^[\]{}\n]{0,1000}\]/y
    value.lastIndex = from
    const hit = value.exec(text)
    if (hit === null) continue
    const inner = hit[1]
    if (inner === undefined) {
      found = answer(text, from, value.lastIndex, 'json') ?? found
      continue
    }
    const spanned = answer(text, from + 1, value.lastIndex - 1, 'json')
    if (spanned !== null) found = { ...spanned, text: unescapeJson(spanned.text) }
  }
  return found
}

function unescapeJson(inner: string): string {
  try {
    return String(JSON.parse(`"${inner}"`))
  } catch {
    return inner // unescaped LaTeX in a string, such as "\frac12", is used as it is
  }
}

function lastNumber(
  text: string,
  start: number,
  end: number,
  kind: Answer['kind'] = 'last-number',
): Answer | null {
  // Only the tail is searched, since an answer comes last.
  const from = Math.max(start, end - 65_536)
  let found: Answer | null = null
  for (const match of text.slice(from, end).matchAll(NUMBERS)) {
    found = answer(text, from + match.index, from + match.index + match[0].length, kind)
  }
  return found
}
