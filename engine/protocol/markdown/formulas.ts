/**
 * What is a formula, for the window and every export. A dollar is first of all money or a variable of a shell: what
 * could be either is shown as written.
 */

export interface Formula {
  /** Index after the closing delimiter. */
  end: number
  display: boolean
}

/** Longest formula in UTF-16 units, its delimiters included. Bounds the search for its end. */
export const MAX_FORMULA = 3000

/** A number, then a word that no operator precedes, or Han characters: a price in a sentence. */
const PRICE =
  /^\d.*(?:(?<![-+*=<>^]\s?)(?<=[\s/(,–—])(?:\p{L}{3,}|or|to|is|vs|at|in|on|if|by|of|as)(?!\p{L})|\p{Script=Han})/u
const FUNCTIONS =
  /(?<!\p{L})(?:sin|cos|tan|cot|sec|csc|ln|log|lg|exp|mod|gcd|lcm|max|min|lim|det|dim|deg)(?!\p{L})/gu
const WORDS = /^[\p{L}\s,.;:!?'’()-]*$/u
/** What may stand directly behind a formula in dollars: "$n$th", "two $x$s". */
const SUFFIX = /^(?:th|st|nd|rd|s|es)(?![A-Za-z0-9_])/
/** What no formula holds but code and Markdown do. */
const FOREIGN = /`|~~~|(?<!\\)#/
const BLANK_LINE = /\n[ \t>]*\n/

const isSpace = (char: string | undefined): boolean =>
  char === undefined || char === ' ' || char === '\t' || char === '\n' || char === '\r'

/** Returns the content without commands, their arguments, and names of functions: what may be prose. */
const bare = (content: string): string =>
  content.replace(/\\[A-Za-z]+(?:\{[^{}]*\})*|\\.|\{[^{}]*\}/g, ' ').replace(FUNCTIONS, ' ')

/** Returns whether a content is several words without any sign of mathematics. */
const isProse = (content: string): boolean =>
  /\S\s+\S/.test(content) && WORDS.test(content) && /\p{Ll}{2}/u.test(content)

/** Returns the formula that opens at `start`, or null. Takes time in proportion to its longest possible length. */
export function formulaAt(text: string, start: number): Formula | null {
  if (text[start] === '$') {
    if (text[start - 1] === '$' && text[start - 2] !== '\\') return null
    if (text[start + 1] !== '$') return inDollars(text, start)
    return text[start + 2] === '$' ? null : displayed(text, start, '$$')
  }
  if (text[start] !== '\\') return null
  switch (text[start + 1]) {
    case '(':
      return inParentheses(text, start)
    case '[':
      return displayed(text, start, '\\]')
    case 'b':
      return boxed(text, start)
    default:
      return null
  }
}

/** `$x$` on one line, without space inside the dollars and without a digit or a word behind them. */
function inDollars(text: string, start: number): Formula | null {
  const [before = '', next = ''] = [text[start - 1], text[start + 1]]
  if (isSpace(text[start + 1])) return null
  if (/[A-Za-z_]/.test(before) || (/\d/.test(before) && !/[A-Za-z\\]/.test(next))) return null
  const close = find(text, start + 1, '$', start)
  if (close < 0 || text[close + 1] === '$') return null
  const content = text.slice(start + 1, close)
  if (content.includes('\n') || FOREIGN.test(content) || isSpace(content.at(-1))) return null
  const after = text.slice(close + 1, close + 5)
  if (/^[A-Za-z0-9_{]/.test(after) && !SUFFIX.test(after)) return null
  const words = bare(content)
  return PRICE.test(words) || isProse(words) ? null : { end: close + 1, display: false }
}

/** `\(x\)`. */
function inParentheses(text: string, start: number): Formula | null {
  const close = find(text, start + 2, '\\)', start)
  if (close < 0) return null
  const content = text.slice(start + 2, close)
  return content.trim() === '' ||
    BLANK_LINE.test(content) ||
    FOREIGN.test(content) ||
    isProse(content)
    ? null
    : { end: close + 2, display: false }
}

/** `$$x$$` and `\[x\]`, which may have several lines. */
function displayed(text: string, start: number, closing: '$$' | '\\]'): Formula | null {
  const close = find(text, start + 2, closing, start)
  if (close < 0 || isEscape(text, start)) return null
  const content = text.slice(start + 2, close)
  if (content.trim() === '' || FOREIGN.test(content) || isProse(content)) return null
  if (closing === '$$') {
    // "rated $$ or $$$", "$$5 and $$6"
    const word = /^ /.test(content) && WORDS.test(content) && /\p{L}{2}/u.test(content)
    if (word || PRICE.test(content) || text[close + 2] === '$') return null
  }
  return { end: close + 2, display: true }
}

/** `\boxed{x}` without delimiters, as models write it too. */
function boxed(text: string, start: number): Formula | null {
  if (!text.startsWith('\\boxed{', start)) return null
  const most = Math.min(text.length, start + MAX_FORMULA)
  let depth = 0
  for (let i = start + 6; i < most; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0)
      return BLANK_LINE.test(text.slice(start, i)) ? null : { end: i + 1, display: false }
  }
  return null
}

/** Returns the index of the next `closing` that no backslash escapes, or -1. A dollar ends at the line's end. */
function find(text: string, from: number, closing: string, start: number): number {
  const most = Math.min(text.length, start + MAX_FORMULA)
  for (let i = from; i < most; i++) {
    if (text.startsWith(closing, i)) return i
    if (text[i] === '\\') i++
    else if (text[i] === '\n' && closing === '$') return -1
  }
  return -1
}

/**
 * Returns whether `\[` or `\(` at `start` only escapes a bracket, as in `\[1\]`, `\[sic\]`, `\[text\](address)` and
 * `\(see below\)`.
 */
function isEscape(text: string, start: number): boolean {
  const round = text[start + 1] === '('
  const close = find(text, start + 2, round ? '\\)' : '\\]', start)
  const content = text.slice(start + 2, close)
  if (text[start] !== '\\' || close < 0 || content.includes('\n')) return false
  if (isProse(content)) return true
  return !round && (text[close + 2] === '(' || /^(?:\d+|\p{Ll}{3,})$/u.test(content))
}

/**
 * Returns whether a backslash and a bracket that belong to no formula are shown as written: one half of LaTeX's
 * delimiters without the other. Otherwise they are an escaped bracket.
 */
export function isHalf(text: string, start: number): boolean {
  const bracket = text[start + 1]
  if (bracket === '[' || bracket === '(') return !isEscape(text, start)
  if (bracket !== ']' && bracket !== ')') return false
  const line = Math.max(text.lastIndexOf('\n', start) + 1, start - MAX_FORMULA)
  const opening = text.slice(line, start).lastIndexOf(bracket === ']' ? '\\[' : '\\(')
  return opening < 0 || !isEscape(text, line + opening)
}

/**
 * Returns the source of a formula without its delimiters, but with the punctuation behind a display formula. `\boxed`
 * stays, since it is part of the formula.
 */
export function contentOf(source: string): string {
  if (source.startsWith('\\boxed')) return source
  const length = source.startsWith('$') && !source.startsWith('$$') ? 1 : 2
  const trimmed = source.trimEnd()
  const mark = /[.,;:]$/.exec(trimmed)?.[0] ?? ''
  return trimmed.slice(length, trimmed.length - mark.length - length).trim() + mark
}

/** Returns whether an answer is written as a formula: with a command, a power, or an index of one letter. */
export const isFormula = (answer: string): boolean =>
  answer.length < 400 &&
  !/[$\n`]/.test(answer) &&
  /\\[a-zA-Z]+|\^|(?<![A-Za-z_])[A-Za-z]_(?:\{|[0-9A-Za-z](?![A-Za-z_]))/.test(answer)

/** Returns an answer as text: without the backslashes of LaTeX before signs, as in `\$10` and `5\%`. */
export const plainSigns = (answer: string): string => answer.replace(/\\([$%&#_])/g, '$1')
