import { MAX_FORMULA, plainSigns } from './formulas.ts'

/** A piece of prose that is written in LaTeX: words, or a formula between them. */
export interface Piece {
  text: string
  formula: boolean
}

const TEXT = /\\(?:text(?:bf|it|rm|sf|normal|up|tt)?|mbox|mathrm|textnormal)\s*\{/y
const SPACE = '(?:\\\\(?:[,;:! \\\\]|q?quad(?![a-z])|newline(?![a-z]))|[~\\s])+'
const [LEADING, TRAILING] = [new RegExp(`^${SPACE}`), new RegExp(`${SPACE}$`)]
/** What stays a text between words. */
const NEUTRAL = /^[\d\s.,;:!?()'’"–—-]*$/
const WORDS = /\p{L}{2,}[,;:]?\s+\p{L}{1,}|\p{Script=Han}{4}/u
const OPERATORS = /[\\^_{}=+<>|&*/]/

/**
 * Returns the index after the group that opens before `start`: after its closing brace, or the end
 * of the text if it does not close. `inner`: the content.
 */
function groupAt(text: string, start: number): { inner: string; end: number } {
  let depth = 1
  for (let i = start; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return { inner: text.slice(start, i), end: i + 1 }
  }
  return { inner: text.slice(start), end: text.length }
}

const plainWords = (inner: string): string => plainSigns(inner).replace(/\\[ ,;]/g, ' ')

/**
 * Returns the pieces of a formula that is prose, as in `\boxed{\text{The sum is even.}}`; null if it is
 * a formula. Prose wraps like a text; a formula does not.
 */
export function prosePieces(formula: string): Piece[] | null {
  if (formula.length > MAX_FORMULA) return null
  const box = /^\s*\\boxed\s*\{/.exec(formula)
  if (box !== null) {
    const { inner, end } = groupAt(formula, box[0].length)
    return /^\s*[.,;]?\s*$/.test(formula.slice(end)) ? prosePieces(inner) : null
  }
  const pieces = split(formula)
  if (pieces === null) return null
  if (pieces.some(({ text, formula }) => !formula && WORDS.test(text))) return pieces
  const words = formula.trim()
  return WORDS.test(words) && words.split(/\s+/).length > 2 && !OPERATORS.test(words)
    ? [{ text: words, formula: false }]
    : null
}

/** Returns the words and the formulas between them; null if a formula depends on words. */
function split(formula: string): Piece[] | null {
  const pieces: Piece[] = []
  let [from, depth] = [0, 0]
  const words = (text: string) => {
    const last = pieces.at(-1)
    if (last?.formula === false) last.text += text
    else if (text !== '') pieces.push({ text, formula: false })
  }
  /** Takes what stands between words, up to `end`. */
  const between = (end: number) => {
    const text = formula.slice(from, end)
    const inner = text.replace(LEADING, '').replace(TRAILING, '')
    if (LEADING.test(text)) words(' ')
    if (NEUTRAL.test(inner)) words(inner)
    else pieces.push({ text: inner, formula: true })
    if (inner !== '' && TRAILING.test(text)) words(' ')
  }
  for (let i = 0; i < formula.length;) {
    TEXT.lastIndex = i
    const text = depth === 0 ? TEXT.exec(formula) : null
    if (text !== null) {
      const { inner, end } = groupAt(formula, i + text[0].length)
      // A power or an index of words, or words between delimiters that belong together.
      if (/^\s*[\^_]/.test(formula.slice(end)) || /[\^_]\s*$/.test(formula.slice(from, i)))
        return null
      between(i)
      words(plainWords(inner))
      from = i = end
      continue
    }
    if (formula[i] === '{') depth++
    else if (formula[i] === '}') depth--
    i += formula[i] === '\\' ? 2 : 1
    if (depth < 0) return null
  }
  if (depth !== 0 || /\\(?:left|right|begin|end)\b/.test(formula)) return null
  between(formula.length)
  return pieces
}

/** Returns an answer as plain text: prose without LaTeX, a formula with its commonest commands written out. */
export function plainAnswer(answer: string): string {
  const pieces = prosePieces(answer)
  if (pieces === null) return plainFormula(answer)
  return pieces
    .map(({ text, formula }) => (formula ? plainFormula(text) : text))
    .join('')
    .replace(/\s+/g, ' ')
    .trim()
}

const plainFormula = (formula: string): string =>
  plainSigns(formula)
    .replace(/\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}/g, '$1/$2')
    .replace(/\\(?:text|mathrm|boxed)\{([^{}]*)\}/g, '$1')
    .replace(/\\[,;! ]/g, ' ')
