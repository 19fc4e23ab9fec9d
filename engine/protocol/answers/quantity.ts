import { exact, product, sum, type Exact } from './exact.ts'
import { expression } from './expression.ts'
import { plain, type Meaning } from './meaning.ts'
import { unitOf, type Unit } from './units.ts'

/** Separates values from their percent signs, currencies and units. */

const PERCENT = /\s*(?:\\?%|(?:\\text\s*\{\s*)?(?<![a-zA-Z])per\s?cent(?:age points?)?\s*\}?)$/i
const CURRENCY =
  /^([-+]?)\s*(\\\$|[\u20ac\u00a3\u00a5\u20b9]|US\s?\\?\$|Rs\.?|USD|EUR|INR)\s*([-+]?)(?=\s*[\d.\\])/
const CENTS = /\s*(?:\u00a2|\u20ac|\u00a3|\u00a5|\u20b9|\\\$)$/
const MARKED =
  /^(.*?[\d}\s)a-zA-Z!|])\s*((?:(?:\\cdot|\s|\/)*\\text\s*\{[^{}]*\}(?:\s*\^\s*(?:\{-?\d\}|\d))?)+)$/s
const WRITTEN =
  /^(.*?(?:[\d})!]|\\pi\b|\\circ\s*))\s*((?:\s|\/|\^\s*(?:\{-?\d\}|\d)|[\p{L}\u00b5.'-])+)$/su

/** Separates a value from its percent sign, currency or unit. */
export function measured(text: string): { bare: string; percent: boolean; unit: Unit | null } {
  let bare = text
  let unit: Unit | null = null
  const currency = CURRENCY.exec(bare)
  if (currency !== null) {
    unit = unitOf(currency[2]!.replace(/\\|\.|^US\s?/g, ''), true)
    bare = `${currency[1]}${currency[3]}${bare.slice(currency[0].length).trim()}`
  }
  if (PERCENT.test(bare)) return { bare: bare.replace(PERCENT, '').trim(), percent: true, unit }
  const sign = CENTS.exec(bare)
  if (sign !== null) {
    unit = unitOf(sign[0].trim().replace('\\', ''), true)
    bare = bare.slice(0, sign.index).trim()
  }
  const temperature = /^(.*\d)\s*\^\\circ\s*(?:\\text\s*\{\s*)?([CF])\s*\}?$/s.exec(bare)
  if (temperature !== null)
    return { bare: temperature[1]!, percent: false, unit: unitOf(`\u00b0${temperature[2]}`, true) }
  const degrees = /^(.*[\d})])\s*\^\\circ\s*$/s.exec(bare)
  if (degrees !== null && !/\\circ|[a-z]{3}/.test(degrees[1]!))
    return { bare: degrees[1]!, percent: false, unit: unitOf('\u00b0', true) }
  const peeled = withoutUnit(bare)
  if (peeled === null) return { bare: unwrapped(bare), percent: false, unit }
  return { bare: unwrapped(peeled.bare), percent: false, unit: unit ?? peeled.unit }
}

/** Scripts without spaces between words. */
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u

function withoutUnit(text: string): { bare: string; unit: Unit } | null {
  const marked = MARKED.exec(text)
  if (marked !== null && /\d|\\pi|\\sqrt|\\text|^-?[a-z]\s*$/.test(marked[1]!)) {
    const words = marked[2]!.replace(/\\text\s*\{([^{}]*)\}/g, ' $1 ').replace(/[()]/g, ' ')
    // 2\mathrm{e} and 2\mathrm{i} are numbers.
    const unit = /^\s*[ei]\s*$/.test(words) ? null : unitOf(words, true)
    if (unit !== null) return { bare: marked[1]!.trim(), unit }
  }
  const written = WRITTEN.exec(text)
  if (written === null || /^[\^.]/.test(written[2]!)) return null
  const [, bare = '', words = ''] = written
  const spaced = /^\s|\s$/.test(text.slice(bare.length, bare.length + 1))
  // 12m is a product, 12 m a length.
  if (!spaced && /^[a-zA-Z](?![a-zA-Z])/.test(words)) return null
  const unit = unitOf(words.replace(/-/g, ' '), false)
  if (unit === null || (!spaced && unit.key === null && !UNSPACED.test(words))) return null
  return { bare: bare.trim(), unit }
}

const unwrapped = (text: string): string => text.replace(/\\text\s*\{([^{}]*)\}/g, '$1').trim()

const QUANTITY =
  /\s*(\d+(?:\.\d+)?)\s*(?:\\text\s*\{\s*([a-zA-Z.]+)\s*\}|([a-zA-Z]+)\.?)(?:\s*(?:,|and|\\text\s*\{\s*and\s*\})\s*)?/y

/** Reads amounts in units of one dimension, each smaller than the one before: 5 h 14 min. */
export function compoundOf(text: string): Meaning | null {
  let total: Exact | null = null
  let last: Unit | null = null
  let count = 0
  QUANTITY.lastIndex = 0
  for (let end = 0; end < text.length; end = QUANTITY.lastIndex) {
    const hit = QUANTITY.exec(text)
    if (hit === null) return null
    const unit = unitOf(hit[2] ?? hit[3]!, true)
    if (unit === null || unit.key === null) return null
    if (last !== null && (unit.key !== last.key || !isSmaller(unit, last))) return null
    const [node] = expression(hit[1]!)
    if (node?.kind !== 'exact') return null
    const part = product(node, unit.factor)
    total = total === null ? part : sum(total, part)
    last = unit
    count++
  }
  if (total === null || count < 2) return null
  const { key } = last!
  const unit: Unit = { key, head: key, factor: exact(1n, 1n), compound: true }
  return { ...plain({ kind: 'exact', ...total }), unit }
}

const isSmaller = ({ factor: a }: Unit, { factor: b }: Unit): boolean =>
  a.numerator * b.denominator < b.numerator * a.denominator
