/** Signs that have a LaTeX name. */
const SIGNS: Record<string, string> = {
  '\u00d7': '\\times ',
  '\u00f7': '\\div ',
  '\u00b7': '\\cdot ',
  '\u22c5': '\\cdot ',
  '\u2219': '\\cdot ',
  '\u03c0': '\\pi ',
  '\u221e': '\\infty ',
  '\u222a': '\\cup ',
  '\u2208': '\\in ',
  '\u2264': '\\le ',
  '\u2a7d': '\\le ',
  '\u2265': '\\ge ',
  '\u2a7e': '\\ge ',
  '\u2260': '\\ne ',
  '\u2248': '\\approx ',
  '\u2245': '\\approx ',
  '\u2261': '\\equiv ',
  '\u00b1': '\\pm ',
  '\u2213': '\\mp ',
  '\u2205': '\\emptyset ',
  '\u230a': '\\lfloor ',
  '\u230b': '\\rfloor ',
  '\u2308': '\\lceil ',
  '\u2309': '\\rceil ',
  '\u27e8': '\\langle ',
  '\u27e9': '\\rangle ',
  '\u2220': '\\angle ',
  '\u03b1': '\\alpha ',
  '\u03b2': '\\beta ',
  '\u03b3': '\\gamma ',
  '\u03b4': '\\delta ',
  '\u03b8': '\\theta ',
  '\u03bb': '\\lambda ',
  '\u03bc': '\\mu ',
  '\u03c3': '\\sigma ',
  '\u03c6': '\\phi ',
  '\u03c9': '\\omega ',
  '\u2044': '/',
  '\u2215': '/',
  '\u2212': '-',
  '\u2010': '-',
  '\u2011': '-',
  '\u2012': '-',
  '\u2013': '-',
  '\u2014': '-',
  '\u2026': '\\ldots ',
  '\u22ef': '\\ldots ',
  '\u00b0': '^\\circ ',
  '\u2018': "'",
  '\u2019': "'",
  '\u2032': "'",
}
const SIGN = new RegExp(`[${Object.keys(SIGNS).join('')}]`, 'g')
/** Brackets that have a name; the others of these commands are bars. */
const BRACKETS: Record<string, string> = {
  '\\lbrace': '\\{',
  '\\rbrace': '\\}',
  '\\lbrack': '[',
  '\\rbrack': ']',
}

const UPPER =
  '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207d\u207e\u207f\u2071'
const UPPER_PLAIN = '0123456789+-()ni'
const LOWER =
  '\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u208a\u208b\u208d\u208e\u2090\u2099\u1d62\u2096\u2093'
const LOWER_PLAIN = '0123456789+-()anikx'

const scripts = (run: string, from: string, to: string) =>
  [...run].map((c) => to[from.indexOf(c)]).join('')

const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g
const FONTS =
  /\\(?:textbf|textit|textrm|textnormal|textup|textsf|text|mathrm|mathbf|mathit|mathsf|mathtt|mbox|hbox|operatorname\*?|rm|bf|it)\s*\{/g
const SPACING = /(?<!\\)\\[!,;:> ]|~|\\q?quad(?![a-zA-Z])|\\thinspace(?![a-zA-Z])/g
const SIZES =
  /\\(?:left|right|middle|[bB]igg?[lrm]?|displaystyle|textstyle|mathstrut|limits|nolimits)(?![a-zA-Z])/g
const APPROXIMATELY =
  /^(?:\\(?:approx|simeq|sim|cong)(?![a-zA-Z])|\u2243|(?:about|approximately|roughly|around|exactly|approx\.?)\s)\s*/i
const PREFIX =
  /^(?:\\text\s*\{\s*)?(?:(?:so|thus|therefore|hence),?\s+)?(?:the\s+)?(?:final\s+|correct\s+)?(?:answer|result)\s*(?:is\s*:?|:|=)\s*\}?\s*/i

/**
 * Returns a short answer in one notation: LaTeX commands for signs, ^{} and _{} for raised and
 * lowered digits, `\text{}` for every upright font, no digit separators, no spacing commands and no
 * delimiters of a formula. A currency is written `\$`; otherwise the value is unchanged.
 */
export function plainNotation(answer: string): string {
  let text = answer
    .replace(INVISIBLE, '')
    .replace(new RegExp(`[${UPPER}]+`, 'g'), (run) => `^{${scripts(run, UPPER, UPPER_PLAIN)}}`)
    .replace(new RegExp(`[${LOWER}]+`, 'g'), (run) => `_{${scripts(run, LOWER, LOWER_PLAIN)}}`)
    .replace(/(\d)([\u00bc-\u00be\u2150-\u215e])/g, '$1 $2')
    .replace(/(\d)\u0305/g, '\\overline{$1}')
    .replace(/\u00ba/g, '\u00b0')
    .normalize('NFKC')
    .replace(/\.{3,}/g, '\\ldots ')
    .replace(/\u221a\s*(\d+(?:\.\d+)?|[a-zA-Z]\b|(?=[({]))/g, '\\sqrt{$1}')
    .replace(/\u221b\s*(\d+|[a-zA-Z]\b|(?=[({]))/g, '\\sqrt[3]{$1}')
    .replace(/(\\sqrt(?:\[3\])?)\{\}/g, '$1')
    .replace(SIGN, (sign) => SIGNS[sign]!)
  text = text
    .replace(SIZES, '')
    .replace(/\\\\\s*\[[^\]]*\]/g, '\\\\ ')
    .replace(FONTS, '\\text{')
    .replace(/\\text\{\s*(\\?[%$])\s*\}/g, '$1')
    .replace(/\\mathbb\s*\{?\s*([A-Z])\s*\}?/g, '\\mathbb{$1}')
    .replace(/\\(?:text)?color\s*\{[^{}]*\}/g, '')
    .replace(/\\(?:d?dots|cdots|dotsc)(?![a-zA-Z])/g, '\\ldots')
    .replace(
      /\\(?:lbrace|rbrace|lbrack|rbrack|lvert|rvert|vert|mid)(?![a-zA-Z])/g,
      (name) => BRACKETS[name] ?? '|',
    )
    .replace(/\\(?:varnothing|O)(?![a-zA-Z])/g, '\\emptyset')
    .replace(/\\(?:leqslant|leq|le)(?![a-zA-Z])|<=|=</g, '\\le ')
    .replace(/\\(?:geqslant|geq|ge)(?![a-zA-Z])|>=/g, '\\ge ')
    .replace(/\\lt(?![a-zA-Z])/g, '<')
    .replace(/\\gt(?![a-zA-Z])/g, '>')
    .replace(/\\neq(?![a-zA-Z])|!=/g, '\\ne ')
    .replace(/\\degree(?![a-zA-Z])/g, '^\\circ ')
    .replace(/\^\s*\{\s*(?:\^\s*)?\\circ\s*\}|\^\s*\\circ(?![a-zA-Z])/g, '^\\circ ')
    .replace(
      /\(?\s*\\?\bp?mod\s*(?:\{\s*(\w+)\s*\}|(\w+))\s*\)?$/,
      (_, braced?: string, bare?: string) => `\\pmod{${braced ?? bare}}`,
    )
  text = dollars(withoutSeparators(text))
    .replace(SPACING, ' ')
    .replace(/(?<!\\)\\[()[\]]/g, ' ')
    .replace(/\*\*|`/g, '')
    .replace(/\{([^{}]*)\\over(?![a-zA-Z])([^{}]*)\}/g, '\\frac{$1}{$2}')
    .replace(/^([^{}]*)\\over(?![a-zA-Z])([^{}]*)$/, '\\frac{$1}{$2}')
    .replace(/(\d)\s*[x*]\s*(?=10\s*\^)/g, '$1\\times ')
    .replace(/(\d)\s+(\d+)\s*\/\s*(\d+)(?=\D*$)/, '$1\\frac{$2}{$3}')
  text = trimmed(text)
  text = trimmed(text.replace(/\\boxed\s*\{([^{}]*)\}/g, '$1').replace(PREFIX, ''))
  text = trimmed(text.replace(APPROXIMATELY, ''))
  return trimmed(text.replace(/^\\text\{([^{}]*)\}$/, '$1').replace(/^(\d+)(?:st|nd|rd|th)$/, '$1'))
}

/** Removes what separates groups of digits: 12 500, 12{,}500, 12\,500, 12'500, 12_500. */
function withoutSeparators(text: string): string {
  return text
    .replace(
      /(?<=\d)\s*(?:\{,\}|,\s*\\[!,]|\\[!, ]|\\thinspace|~)\s*(?=\d{3}(?!\d))|(?<=\d)'(?=\d{3}(?!\d))/g,
      '',
    )
    .replace(/(?<![\w}.])\d{1,3}(?:_\d{3})+(?!\d)/g, (digits) => digits.replaceAll('_', ''))
    .replace(/(?<![\d.,^_]\s*)\d{1,3}(?:\s\d{3})+(?!\d|\s*\/)/g, (digits) =>
      digits.replace(/\s/g, ''),
    )
    .replace(/(?<![\d.,([{])\d{1,3}(?:,\d{3})+(?![\d,])/g, (digits) => digits.replaceAll(',', ''))
    .replace(/(?<![\d.,([{])\d{1,2}(?:,\d{2})+,\d{3}(?![\d,])/g, (digits) =>
      digits.replaceAll(',', ''),
    )
}

/** Removes the dollars around a formula, and writes the others `\$`. */
function dollars(text: string): string {
  const bare = text.match(/(?<!\\)\$/g)?.length ?? 0
  if (bare % 2 === 0) return text.replace(/(?<!\\)\$/g, '')
  return text.replace(/(?<!\\)\$(?=\s*[\d.])/, '\\$').replace(/(?<!\\)\$/g, '')
}

function trimmed(text: string): string {
  for (;;) {
    const next = text
      .trim()
      .replace(/(?<!\\)[.,;:\u3002]+$/, '')
      .replace(/^(?:["\u201c](.*)["\u201d]|'(.*)')$/s, '$1$2')
      .trim()
    const inner = /^\{(.*)\}$/s.exec(next)?.[1]
    const bare = inner !== undefined && !inner.includes(',') && isBalanced(inner) ? inner : next
    if (bare === text) return text
    text = bare
  }
}

/** Returns whether the brackets in a text pair up; the pairs may differ, as in [0, 1). */
export function isBalanced(text: string): boolean {
  let depth = 0
  for (const c of text) {
    if ('([{'.includes(c)) depth++
    else if (')]}'.includes(c) && --depth < 0) return false
  }
  return depth === 0
}

/** Splits at each separator that is not inside brackets; `separator` must be sticky. */
export function splitAt(text: string, separator: RegExp): string[] {
  const pieces: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    separator.lastIndex = i
    const hit = depth === 0 ? separator.exec(text) : null
    if (hit !== null && hit[0] !== '') {
      pieces.push(text.slice(start, i))
      i += hit[0].length - 1
      start = i + 1
    } else if ('([{'.includes(text[i]!)) depth++
    else if (')]}'.includes(text[i]!)) depth--
  }
  return [...pieces, text.slice(start)]
}
