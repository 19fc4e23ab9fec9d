import type { Answer } from '../protocol/events.ts'

/**
 * Finds the value that a piece of a sentence begins with: "12 apples, because ..." begins with "12
 * apples". Values are numbers, formulas, lists of them, and choices such as "(B) 12". Everything
 * reads one line of text, so the work is bounded by its length.
 */

/** A range [start, end) of the text. */
export type Span = readonly [start: number, end: number]

/** Returns where the spaces at `from` end. */
export function afterSpace(text: string, from: number, to: number): number {
  while (from < to && /\s/.test(text[from]!)) from++
  return from
}

/** Returns a range without the spaces around it as an answer; null if nothing is left. */
export function answer(
  text: string,
  start: number,
  end: number,
  kind: Answer['kind'],
): Answer | null {
  start = afterSpace(text, start, end)
  while (end > start && /\s/.test(text[end - 1]!)) end--
  return start < end ? { text: text.slice(start, end), span: [start, end], kind } : null
}

const FUNCTION =
  '(?:sqrt|pi|sin|cos|tan|cot|log|ln|exp|arcsin|arccos|arctan|mod|infinity)(?![a-zA-Z])'
const CURRENCY = String.raw`(?:US\s?)?(?:\\?\$|[\u20ac\u00a3\u00a5\u20b9])|Rs\.?\s?(?=\d)`
const SIGNS = String.raw`[-+*/^=<>|%!_'~\u00b0\u00b1\u00d7\u00f7\u00b7\u2212\u2013\u2014\u2032\u2044\u2260\u2264\u2265\u2248\u2261\u221a\u221b\u221e\u2208\u2229\u222a\u2205\u2026\u00a2\u20ac\u00a3\u00a5\u230a\u230b\u2308\u2309\u2070-\u209c\u00b2\u00b3\u00b9\u00bc-\u00be\u2150-\u215e]`
/** Parts of a formula, without spaces and brackets. */
const TOKEN = new RegExp(
  [
    String.raw`\\(?:text|mathrm|mbox|textbf|operatorname)\s?\{[^{}]*\}`,
    String.raw`\\begin\{(\w+)\}.*?\\end\{\1\}`,
    String.raw`\\[a-zA-Z]+`,
    String.raw`\\[{}%$!,;:|#]`,
    CURRENCY,
    String.raw`\d+(?:[.,'\u2019_]\d+)*(?:[eE][-+]?\d{1,4})?`,
    String.raw`\.\d+`,
    String.raw`(?<=\d):(?=\d)`,
    FUNCTION,
    String.raw`[a-zA-Z](?![a-zA-Z])`,
    String.raw`(?<=[\d)}])[a-zA-Z]{2,3}(?![a-zA-Z])`,
    String.raw`[a-zA-Z]{2,3}(?=\s?[=^_]|\()`,
    String.raw`[\p{Script=Greek}\u{1d434}-\u{1d467}]`,
    SIGNS,
  ].join('|'),
  'yu',
)
/** What a formula goes on with after a comma or a word such as "and". */
const GOES_ON = String.raw`(?=[-+\u2212\u2013]?\s?(?:\\?\$)?[\d.\\({[\u221a\u00b1\u03c0]|[a-zA-Z](?:_\w)?\s?=|${FUNCTION})`
const JOINT = new RegExp(
  String.raw`\s?[,;]?\s+(?:and|or|&)\s+${GOES_ON}|[,;]\s?(?:and\s+|or\s+)?${GOES_ON}|\s+(?:out of|to|by|of)\s+(?=\d)`,
  'yu',
)
const STOP =
  /^(?:because|since|as|so|which|that|and|or|but|nor|in|at|on|for|from|with|when|where|if|while|by|to|than|then|thus|hence|therefore|is|are|was|were|not|after|before|every|each|altogether|left|remaining|remain|total|overall|out|option|choice|we|he|she|it|they|you|i|the|these|this|those|a|an|my|our|his|her|their|more|less|have|has|had|will|would|also|now|too|again|here|there|see|per\b.*day\b.*|plus|minus|times|about|above|below|of|using|giving|making|leaving|only|exactly|correct|right|approximately)$/i
const UNIT =
  /\s?(?:[\p{L}\u00b0\u00b5][\p{L}.'\u2019-]*(?:\s?\^\s?[23](?!\d)|[\u00b2\u00b3])?(?:\s?\/\s?\p{L}+(?:\^[23]|[\u00b2\u00b3])?)?)/uy
const MAX_UNIT_WORDS = 5

const CLOSE: Record<string, string> = { '(': ')', '[': ']', '{': '}' }

/** Returns where the formula that begins at `from` ends; `from` if none does. */
export function formulaEnd(text: string, from: number, to: number): number {
  const open: string[] = []
  let end = from // behind the last complete part outside brackets
  let i = from
  while (i < to) {
    const c = text[i]!
    if (/\s/.test(c)) {
      i++
      continue
    }
    if (CLOSE[c] !== undefined) {
      // A remark in brackets is not a part of the formula.
      if (open.length === 0 && i > from && isRemark(text, i)) break
      open.push(c)
      i++
      continue
    }
    if (c === ')' || c === ']' || c === '}') {
      if (open.length === 0) break
      open.pop()
      i++
      if (open.length === 0) end = i
      continue
    }
    if (open.length > 0 && (c === ',' || c === ';' || c === ':' || c === '&')) {
      i++
      continue
    }
    if (open.length === 0 && end > from) {
      const joint = sticky(JOINT, text, end)
      if (joint !== null && end + joint.length >= i && end + joint.length <= to) {
        const start = end + joint.length
        const next = formulaEnd(text, start, to)
        return isItem(text, start, next, to) ? next : end
      }
    }
    const token = sticky(TOKEN, text, i)
    if (token === null || i + token.length > to) break
    if (/^[a-zA-Z]$/.test(token) && open.length === 0 && isWord(text, i, from)) break
    i += token.length
    if (open.length === 0) end = i
  }
  return trimmedEnd(text, from, end)
}

/** "12, 3 of them" is not a list of two. */
const isItem = (text: string, start: number, end: number, to: number): boolean =>
  end > start && !/^\s(?:of|more|times|are|is|were)\b/.test(text.slice(end, Math.min(to, end + 8)))

/** Returns whether a single letter is a word: "a circle", "I think". */
function isWord(text: string, at: number, from: number): boolean {
  const after = /^\s+([a-zA-Z]{2,})/.exec(text.slice(at + 1, at + 40))?.[1]
  const letter = text[at]!
  if (at === from) return after !== undefined && !/^(?:and|or|mod)$/.test(after)
  return /[aAI]/.test(letter) && /\s/.test(text[at - 1]!) && after !== undefined
}

const isRemark = (text: string, at: number): boolean =>
  /^\(\s*(?!sqrt|pi\b|sin|cos|tan|log|ln|exp)[a-zA-Z]{2,}/.test(text.slice(at, at + 16)) &&
  /\s/.test(text[at - 1]!)

function trimmedEnd(text: string, from: number, end: number): number {
  while (end > from && /[\s=+*/<>~^_'|-]/.test(text[end - 1]!)) {
    // A bar or a prime may close what it belongs to.
    if (/['|]/.test(text[end - 1]!) && text.slice(from, end - 1).includes(text[end - 1]!)) break
    end--
  }
  return end
}

export function sticky(pattern: RegExp, text: string, at: number): string | null {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0] ?? null
}

/** Returns whether a formula holds a value: a digit, a variable, a constant or a bracket. */
export const isValue = (formula: string): boolean =>
  /[\d\p{L}\u221e\u2205\u00bc-\u00be\u2150-\u215e]/u.test(formula) && !/^[\\$]+$/.test(formula)

/** Returns whether a formula is a number, without variables. */
export function isNumeric(formula: string): boolean {
  const letters = formula
    .replace(/\\(?:text|mathrm|mbox|textbf)\s?\{[^{}]*\}/g, '')
    .replace(
      /\\?(?:[dtc]?frac|sqrt|pi|times|cdot|div|left|right|overline|circ|degree|log|ln|sin|cos|tan|binom|pm|approx|infty|boxed)(?![a-zA-Z])/g,
      '',
    )
    .replace(/(?<=\d)[eE](?=[-+]?\d)|Rs\.?|US(?=\s?\\?\$)/g, '')
  return (
    /\d|\u03c0|pi|[\u00bc-\u00be\u2150-\u215e]|\\infty|\u221e/.test(formula) &&
    !/[\p{L}]/u.test(letters.replace(/\u03c0/g, ''))
  )
}

/** Returns where the unit behind a number ends: "5 apples", "60 miles per hour". */
export function unitEnd(text: string, from: number, to: number): number {
  let end = from
  for (let words = 0; words <= MAX_UNIT_WORDS; words++) {
    const word = sticky(UNIT, text, end)
    if (word === null || end + word.length > to) return end
    const bare = word.trim()
    if (STOP.test(bare.replace(/[.,]+$/, '')) || /^(?:[a-z]+ing|[a-z]+ed)$/.test(bare)) return end
    end += word.replace(/[.'\u2019-]+$/, '').length
    if (/[.]$/.test(word) && !/\.\w+\.$/.test(word)) return end
  }
  return from // a sentence, not a unit
}

/** Returns the formula, with its unit, that begins at `from`; null if none does. */
export function valueAt(text: string, from: number, to: number): Span | null {
  const end = formulaEnd(text, from, to)
  const formula = text.slice(from, end)
  if (end === from || !isValue(formula) || /^[=<>]/.test(formula)) return null
  if (!/[\d})%\u00b0\u03c0\u00b2\u00b3]$|pi$/.test(formula)) return [from, end]
  const close = unitEnd(text, end, to)
  const further = LARGER.test(text.slice(end, close)) ? furtherUnit(text, close, to) : null
  return [from, further ?? close]
}

/** Units that are often followed by a smaller one. */
const LARGER =
  /^\s?(?:years?|months?|weeks?|days?|hours?|hrs?|h|minutes?|mins?|feet|foot|ft|yards?|miles?|km|m|pounds?|lbs?|kg|dollars?|degrees?)$/i

/** Returns the end of a smaller unit behind a unit: "5 hours and 14 minutes". */
function furtherUnit(text: string, from: number, to: number): number | null {
  const joint = sticky(/,?\s+(?:and\s+)?(?=\d)/y, text, from)
  const digits = joint === null ? null : sticky(/\d+(?:\.\d+)?/y, text, from + joint.length)
  if (joint === null || digits === null) return null
  const start = from + joint.length + digits.length
  const end = unitEnd(text, start, to)
  return end > start ? end : null
}

const PAIRS: readonly (readonly [open: string, close: string])[] = [
  ['**', '**'],
  ['$$', '$$'],
  ['$', '$'],
  ['\\(', '\\)'],
  ['\\[', '\\]'],
  ['"', '"'],
  ['\u201c', '\u201d'],
  ['`', '`'],
  ["'", "'"],
  ['*', '*'],
  ['__', '__'],
]

/** Returns what stands between the marks that begin at `from`, and where the marks end. */
export function quoted(
  text: string,
  from: number,
  to: number,
): { inner: Span; end: number } | null {
  for (const [open, close] of PAIRS) {
    if (!text.startsWith(open, from)) continue
    const start = from + open.length
    const at = text.indexOf(close, start)
    if (at < 0 || at + close.length > to || at === start) continue
    const inner = text.slice(start, at)
    if (open === '$' && isMoney(inner)) continue
    if ((open === '*' || open === '**') && /^\s/.test(inner)) continue
    return { inner: [start, at], end: at + close.length }
  }
  return null
}

/** The dollars of "$18 and not $20" do not mark a formula. */
const isMoney = (inner: string): boolean =>
  /^\d/.test(inner) && /[a-zA-Z]{2,}\s|\s$/.test(inner.replace(/\\[a-zA-Z]+(?:\{[^{}]*\})?/g, ''))
