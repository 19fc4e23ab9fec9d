import katex from 'katex'

/**
 * Limits in characters, so that no page takes seconds to render. Longer formulas, and all formulas
 * after a run's limit, stay text.
 */
const MAX_FORMULA = 2000
const MAX_SOURCE = 500_000

const OPENING = /\$\$?|\\\[|\\\(|\\boxed\{/g

interface Formula {
  start: number
  end: number
  source: string
  display: boolean
}

/**
 * Finds formulas: `$$..$$`, `\[..\]`, `\(..\)`, `$..$` on one line (no space inside the dollars, no
 * digit after them) and a bare `\boxed{..}`. Takes linear time.
 */
function* formulas(text: string): Generator<Formula> {
  for (let from = 0; ;) {
    OPENING.lastIndex = from
    const opening = OPENING.exec(text)
    if (opening === null) return
    const formula = formulaAt(text, opening.index, opening[0])
    if (formula !== undefined) yield formula
    from = formula?.end ?? opening.index + opening[0].length
  }
}

function formulaAt(text: string, start: number, opening: string): Formula | undefined {
  const rest = text.slice(start + opening.length, start + opening.length + MAX_FORMULA)
  const of = (length: number, closing: string, display: boolean): Formula | undefined => {
    if (length <= 0) return undefined
    const end = start + opening.length + length + closing.length
    return { start, end, display, source: rest.slice(0, length) }
  }
  switch (opening) {
    case '$$':
      return of(rest.indexOf('$$'), '$$', true)
    case '\\[':
      return of(rest.indexOf('\\]'), '\\]', true)
    case '\\(':
      return of(rest.indexOf('\\)'), '\\)', false)
    case '$': {
      const length = rest.search(/(?<!\\)[$\n]/)
      const inside = rest.slice(0, length)
      if (rest[length] !== '$' || inside !== inside.trim() || /\d/.test(rest[length + 1] ?? ''))
        return undefined
      return of(length, '$', false)
    }
    default: {
      const length = closingBrace(rest)
      const formula = of(length, '}', false)
      return formula && { ...formula, source: `\\boxed{${formula.source}}` }
    }
  }
}

/** Returns the index of the brace that closes one opened before the text, or -1. */
function closingBrace(text: string): number {
  let depth = 1
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '{') depth++
    else if (text[i] === '}' && --depth === 0) return i
  }
  return -1
}

/**
 * Converts text to HTML: escapes everything and renders formulas as MathML. A formula that KaTeX
 * cannot parse stays as written.
 */
export class FormulaWriter {
  #left = MAX_SOURCE

  /**
   * Returns the text as HTML. `mark` is the range [start, end) to highlight; a formula that
   * overlaps it is highlighted as a whole.
   */
  html(text: string, mark: readonly [number, number] = [0, 0]): string {
    let html = ''
    let done = 0
    for (const { start, end, source, display } of formulas(text)) {
      const math = this.#render(source, display)
      if (math === undefined) continue
      html += plain(text, done, start, mark)
      html += mark[0] < end && mark[1] > start ? `<mark>${math}</mark>` : math
      done = end
    }
    return html + plain(text, done, text.length, mark)
  }

  #render(source: string, displayMode: boolean): string | undefined {
    if (source.length > this.#left) return undefined
    this.#left -= source.length
    try {
      return katex.renderToString(source, {
        displayMode,
        output: 'mathml',
        throwOnError: true,
        trust: false,
        strict: 'ignore',
        maxExpand: 200,
        maxSize: 20,
      })
    } catch {
      return undefined
    }
  }
}

/** Returns [from, to) of the text as HTML, with its part of the mark. */
function plain(
  text: string,
  from: number,
  to: number,
  [start, end]: readonly [number, number],
): string {
  const [a, b] = [Math.min(Math.max(start, from), to), Math.min(Math.max(end, from), to)]
  const marked = a < b ? `<mark>${escapeHtml(text.slice(a, b))}</mark>` : ''
  return escapeHtml(text.slice(from, a)) + marked + escapeHtml(text.slice(Math.max(a, b), to))
}

/**
 * Escapes text for HTML content and for attributes in double quotes. Control characters that HTML
 * forbids become U+FFFD; encoding does the same to lone surrogates.
 */
export function escapeHtml(text: string): string {
  return text
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '\ufffd')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
}
