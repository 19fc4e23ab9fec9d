import {
  close,
  complexOf,
  DEGREE,
  exact,
  folded,
  product,
  quotient,
  sameExact,
  sampled,
  sum,
  times,
  valueAt,
  variablesOf,
  type Complex,
  type Exact,
  type Point,
} from './evaluate.ts'
import { parseExpression, Unreadable, type Node } from './latex.ts'
import { isBalanced, plainNotation, splitAt } from './notation.ts'
import { comparable, unitOf, type Unit } from './units.ts'

/**
 * Decides whether two short answers are mathematically equal, in the notation of benchmarks such as
 * MATH-500. Rational numbers are compared exactly. Other expressions are compared by their values
 * at fixed points, with 50 digits. Sets, tuples, intervals, unions and lists are compared part by
 * part, equations and inequalities by their solutions, choices by their letter. Anything else is
 * compared as text, as are answers that are too long, too expensive or cannot be parsed: a missed
 * equality costs less than a false one.
 */

/** Answers longer than this many characters are compared as text. */
const MAX_MATH = 300
const MAX_DEPTH = 4

export type Value =
  | ({ kind: 'exact' } & Exact)
  /** One value per sample point, null if undefined there; a constant has one value. */
  | { kind: 'expression'; values: readonly (Complex | null)[] }
  /** Where the expression with these values is zero, or (strictly) negative. */
  | { kind: 'relation'; relation: '=' | '<' | '<='; values: readonly (Complex | null)[] }
  /** `open`, `close`: the brackets. The order does not matter in a `set`, `list` or `union`. */
  | {
      kind: 'parts'
      shape: 'tuple' | 'row' | 'set' | 'list' | 'union'
      open: string
      close: string
      parts: readonly Meaning[]
    }
  | { kind: 'choice'; letter: string; content: Meaning | null }
  | { kind: 'text'; text: string }

export interface Meaning {
  /** How the answer can be read; usually one value. Answers are equal if some readings are. */
  readings: readonly Value[]
  /** The answer is written in percent: `readings` hold the number before the sign. */
  percent: boolean
  unit: Unit | null
  /** The name that the answer gives its value: `x` in x = 5. */
  name: string | null
}

/** Returns what an answer means. Pure; never throws. */
export function meaningOf(answer: string): Meaning {
  if (answer.length > MAX_MATH) return plain({ kind: 'text', text: plainText(answer) })
  return meaning(plainNotation(answer), 0)
}

/** Returns whether two answers are equal. 50% equals both 50 (the sign omitted) and 1/2. */
export function equalAnswers(a: string, b: string): boolean {
  return sameMeaning(meaningOf(a), meaningOf(b))
}

export function sameMeaning(a: Meaning, b: Meaning): boolean {
  if (sameAsWritten(a, b)) return true
  if (a.percent === b.percent) return false
  return a.percent ? sameAsWritten(asFraction(a), b) : sameAsWritten(a, asFraction(b))
}

/** Like `sameMeaning`, but 50% equals only 50. */
export function sameAsWritten(a: Meaning, b: Meaning): boolean {
  if (differsByName(a, b)) return false
  const factors = comparable(a.unit, b.unit)
  if (factors === null) return false
  const [left, right] = [a, b].map(({ readings, unit }, i) => {
    const plain = readings.flatMap((value) => scaled(value, factors[i]!) ?? [])
    // 60 degrees are 60 where no unit is given, and pi/3.
    const other = [b, a][i]!.unit
    return unit?.key === DEGREES && other === null ? [...plain, ...plain.flatMap(radians)] : plain
  })
  return left!.some((value) => right!.some((other) => sameValue(value, other)))
}

/** Returns a percentage as a fraction of one. */
export function asFraction(meaning: Meaning): Meaning {
  if (!meaning.percent) return meaning
  const hundredth = exact(1n, 100n)
  return {
    ...meaning,
    percent: false,
    readings: meaning.readings.flatMap((value) => scaled(value, hundredth) ?? []),
  }
}

const DEGREES = 'angle 1'

function radians(value: Value): Value[] {
  const values = valuesOf(value)
  if (values === null) return []
  return [{ kind: 'expression', values: values.map((v) => (v === null ? null : times(v, DEGREE))) }]
}

/** x = 5 is not y = 5, although both give the value 5. */
function differsByName(a: Meaning, b: Meaning): boolean {
  return a.name !== b.name && /^[xyz]$/.test(a.name ?? '') && /^[xyz]$/.test(b.name ?? '')
}

/** Returns a value times a factor; null if it is too large. */
function scaled(value: Value, factor: Exact): Value | null {
  if (factor.numerator === factor.denominator) return value
  try {
    if (value.kind === 'exact') return { kind: 'exact', ...product(value, factor) }
  } catch {
    return null
  }
  if (value.kind !== 'expression') return value
  const by = complexOf(factor)
  return { kind: 'expression', values: value.values.map((v) => (v === null ? null : times(v, by))) }
}

function sameValue(a: Value, b: Value): boolean {
  if (a.kind === 'exact' && b.kind === 'exact') return sameExact(a, b)
  if (a.kind === 'parts' && b.kind === 'parts') return sameParts(a, b)
  if (a.kind === 'relation' && b.kind === 'relation')
    return a.relation === b.relation && sameSolutions(a.values, b.values, a.relation)
  if (a.kind === 'choice' || b.kind === 'choice') return sameChoice(a, b)
  const left = valuesOf(a)
  const right = valuesOf(b)
  if (left !== null && right !== null) return sameValues(left, right)
  return a.kind === 'text' && b.kind === 'text' && a.text === b.text
}

function sameChoice(a: Value, b: Value): boolean {
  if (a.kind === 'choice' && b.kind === 'choice') {
    if (a.letter !== b.letter) return false
    return a.content === null || b.content === null || sameMeaning(a.content, b.content)
  }
  const [choice, other] = a.kind === 'choice' ? [a, b] : [b, a]
  return (
    choice.kind === 'choice' && choice.content !== null && sameMeaning(choice.content, plain(other))
  )
}

const plain = (value: Value): Meaning => ({
  readings: [value],
  percent: false,
  unit: null,
  name: null,
})

type Parts = Extract<Value, { kind: 'parts' }>

const ORDERED = new Set<Parts['shape']>(['tuple', 'row'])

function sameParts(a: Parts, b: Parts): boolean {
  if (a.parts.length !== b.parts.length) return false
  // The solutions "1, 2" are the set {1, 2}.
  const free = (parts: Parts) => parts.shape === 'list' || parts.shape === 'set'
  if (!(free(a) && free(b)) && (a.shape !== b.shape || a.open !== b.open || a.close !== b.close))
    return namesParts(a) && b.shape === 'tuple' && b.open === '('
      ? inOrder(a, b)
      : namesParts(b) && a.shape === 'tuple' && a.open === '(' && inOrder(a, b)
  if (ORDERED.has(a.shape)) return inOrder(a, b)
  if (namesParts(a) || namesParts(b)) return sameNamedParts(a, b)
  return pairsUp(a.parts, b.parts) || pairsUp(b.parts, a.parts)
}

/** Returns whether each part has an equal one of its own. */
function pairsUp(parts: readonly Meaning[], others: readonly Meaning[]): boolean {
  const rest = [...others]
  return parts.every((part) => {
    const i = rest.findIndex((other) => sameMeaning(part, other))
    if (i >= 0) rest.splice(i, 1)
    return i >= 0
  })
}

const inOrder = (a: Parts, b: Parts): boolean =>
  a.parts.every((part, i) => sameMeaning(part, b.parts[i]!))

/** Returns whether each part has a name of its own: x = 1, y = 2, but not x = 1, x = 2. */
function namesParts({ parts }: Parts): boolean {
  const names = parts.map(({ name }) => name?.replace(/_.*$/s, '') ?? null)
  return (
    parts.length > 1 && names.every((name) => name !== null) && new Set(names).size === names.length
  )
}

function sameNamedParts(a: Parts, b: Parts): boolean {
  if (!namesParts(a) || !namesParts(b)) return inOrder(a, b)
  return a.parts.every((part) => {
    const other = b.parts.find(({ name }) => name === part.name)
    return other !== undefined && sameMeaning(part, other)
  })
}

function valuesOf(value: Value): readonly (Complex | null)[] | null {
  if (value.kind === 'expression') return value.values
  return value.kind === 'exact' ? [complexOf(value)] : null
}

type Values = readonly (Complex | null)[]
/** A constant has one value for all points. */
const at = (values: Values, i: number): Complex | null =>
  values.length === 1 ? values[0]! : values[i]!

/** Undefined values prove nothing, but only at the last point, where variables are negative. */
const sameValues = (a: Values, b: Values): boolean =>
  (a.length === 1 && b.length === 1 ? [0] : POINTS.map((_, i) => i)).every((i) => {
    const [left, right] = [at(a, i), at(b, i)]
    if (left === null || right === null) return i === POINTS.length - 1
    return close(left, right)
  })

const isZero = ({ re, im }: Complex): boolean => re.isZero() && im.isZero()

/** Returns whether one function is a multiple of the other; for inequalities, a positive one. */
function sameSolutions(a: Values, b: Values, relation: '=' | '<' | '<='): boolean {
  let ratio: Complex | null = null
  for (const i of POINTS.keys()) {
    const [left, right] = [at(a, i), at(b, i)]
    if (left === null || right === null) {
      if (i === POINTS.length - 1) continue
      return false
    }
    const here = quotient(left, right)
    if (here === null && isZero(left)) continue
    if (here === null || (ratio !== null && !close(here, ratio))) return false
    ratio = here
  }
  return ratio === null || (!isZero(ratio) && (relation === '=' || ratio.re.gt(0)))
}

/** Reads an answer that `plainNotation` wrote. */
function meaning(text: string, depth: number): Meaning {
  if (depth > MAX_DEPTH) return plain({ kind: 'text', text: plainText(text) })
  const choice = depth === 0 ? choiceOf(text) : null
  if (choice !== null) return choice
  const compound = compoundOf(text)
  if (compound !== null) return compound
  const list = listOf(text, depth)
  if (list !== null) return alternatives(text, list) ?? plain(list)
  return relationOf(text, depth) ?? amount(text, depth)
}

/** Reads a value with its unit or its percent sign. */
function amount(text: string, depth: number): Meaning {
  const { bare, percent, unit } = measured(text)
  const readings = read(bare, depth)
  if (readings.length > 0 && (unit === null || readings[0]!.kind !== 'text' || isClock(bare)))
    return { readings, percent, unit, name: null }
  return plain({ kind: 'text', text: plainText(text) })
}

const isClock = (text: string) => /^\d{1,2}:\d{2}(?::\d{2})?$/.test(text)

const LETTER = String.raw`(?:\(\s*([A-Ja-j])\s*\)|\[([A-J])\]|([A-J])\s*[).:](?!\d))`
const CHOICE = new RegExp(
  String.raw`^(?:\\text\{)?(?:(?:option|choice|answer)\s+)?${LETTER}\}?(?:\s*(\S.*))?$`,
  's',
)
const BARE_CHOICE = /^(?:\\text\{\s*)?(?:(?:option|choice)\s+)?([A-Ja-j])\s*\}?$/i

function choiceOf(text: string): Meaning | null {
  const bare = BARE_CHOICE.exec(text)?.[1]
  if (bare !== undefined) {
    const letter = bare.toUpperCase()
    // e and i are numbers, too.
    return {
      ...plain({ kind: 'choice', letter, content: null }),
      readings: [
        { kind: 'choice', letter, content: null },
        ...(text === 'e' || text === 'i' ? read(text, 0) : []),
      ],
    }
  }
  const hit = CHOICE.exec(text)
  const letter = hit?.[1] ?? hit?.[2] ?? hit?.[3]
  if (letter === undefined) return null
  const content = hit![4]
  if (content !== undefined && /^(?:[-+*/^=!_),;&]|(?:and|or)\b)/.test(content)) return null
  return plain({
    kind: 'choice',
    letter: letter.toUpperCase(),
    content: content === undefined ? null : meaning(content, 1),
  })
}

/** 7/2 or 3.5 is one value. */
function alternatives(text: string, list: Value): Meaning | null {
  if (list.kind !== 'parts' || list.shape !== 'list' || !OR.test(text)) return null
  const [first, ...rest] = list.parts
  return rest.length > 0 && rest.every((part) => sameMeaning(part, first!)) ? first! : null
}

const SEPARATOR =
  /\s*[,;]?\s*(?:\\text\s*\{\s*(?:and|or)\s*\}|(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])|\\(?:lor|land|vee|wedge)(?![a-zA-Z]))\s*|\s*[,;]\s*/y
const OR = /\\text\s*\{\s*or\s*\}|(?<![a-zA-Z\\])or(?![a-zA-Z])|\\(?:lor|vee)(?![a-zA-Z])/
const UNION = /\\cup(?![a-zA-Z])/y

/** Reads unions, sets and the items of a list; returns null for any other text. */
function listOf(text: string, depth: number): Value | null {
  const union = splitAt(text, UNION)
  if (union.length > 1) return group('union', '', '', union, depth)
  const pieces = splitAt(text, SEPARATOR)
  if (pieces.length === 1) return plusMinus(text, depth)
  if (pieces.some((piece) => piece.trim() === '')) return null
  // A progression has an order.
  if (/\\ldots/.test(text)) return group('tuple', '', '', pieces, depth)
  const list = group('list', '', '', pieces, depth)
  const isInterval = ({ readings: [value] }: Meaning) =>
    value?.kind === 'parts' && value.shape === 'tuple' && value.open !== value.close
  return OR.test(text) && list.parts.every(isInterval) && /[<>]|\\[lg]e/.test(text)
    ? { ...list, shape: 'union' }
    : list
}

function plusMinus(text: string, depth: number): Value | null {
  if (!/\\pm(?![a-zA-Z])/.test(text) || !isBalanced(text) || /^\\\{/.test(text)) return null
  return group('list', '', '', [text], depth)
}

/** Returns the parts of a group; 3 \pm 1 is two. */
function group(
  shape: Parts['shape'],
  open: string,
  close: string,
  pieces: readonly string[],
  depth: number,
): Parts {
  const both = (piece: string) => {
    if (shape !== 'list' && shape !== 'set') return [piece]
    if (!/\\pm(?![a-zA-Z])/.test(piece)) return [piece]
    const [plus, minus] = [piece, piece].map((one, i) =>
      one
        .replace(/\\pm(?![a-zA-Z])/g, i === 0 ? '+' : '-')
        .replace(/\\mp(?![a-zA-Z])/g, i === 0 ? '-' : '+'),
    )
    return [plus!, minus!]
  }
  return {
    kind: 'parts',
    shape,
    open,
    close,
    parts: pieces.flatMap(both).map((piece) => meaning(piece.trim(), depth + 1)),
  }
}

const RELATION = /\\(?:le|ge|ne|approx|equiv|in)(?![a-zA-Z])|(?<![<>=])=(?!=)|<|>/y

/** Reads x = 5, y < 3, 1 < x < 3, x \in [0, 1) and equations; null if nothing is related. */
function relationOf(text: string, depth: number): Meaning | null {
  const pieces = splitAt(text, RELATION).map((piece) => piece.trim())
  if (pieces.length === 1 || pieces.some((piece) => piece === '')) return null
  const signs = relationsIn(text)
  if (signs.every((sign) => sign === '=' || sign === '\\approx' || sign === '\\in'))
    return equationOf(pieces, signs, depth)
  if (signs.every((sign) => /^(?:[<>]|\\[lg]e)$/.test(sign))) return inequalityOf(pieces, signs)
  if (signs.length === 1 && signs[0] === '\\equiv' && isName(pieces[0]!, false))
    return { ...amount(pieces[1]!, depth), name: pieces[0]! }
  return null
}

/** Returns the relations outside brackets, in order. */
function relationsIn(text: string): string[] {
  const signs: string[] = []
  let rest = text
  for (const piece of splitAt(text, RELATION).slice(0, -1)) {
    rest = rest.slice(piece.length)
    RELATION.lastIndex = 0
    const sign = RELATION.exec(rest)![0]
    signs.push(sign)
    rest = rest.slice(sign.length)
  }
  return signs
}

const SYMBOL = String.raw`(?:[a-zA-Z]|\\[a-zA-Z]+)`
const INDEX = String.raw`(?:\s*_\s*(?:\{[^{}]*\}|\w))?'*(?:\s*\^\s*\\prime)?`
const NAMES = [
  new RegExp(String.raw`^(?:${SYMBOL}|[A-Z][a-z]*)${INDEX}(?:\s*[([][^()[\]]*[)\]])?$`),
  /^\\text\s*\{[^{}]*\}(?:\s*_\s*(?:\{[^{}]*\}|\w))?$/,
  /^[a-zA-Z]{3,}(?:\s[a-zA-Z]+){0,6}$/,
  /^m?\s*\\(?:angle|measuredangle|triangle|overline|widehat|arc)\s*\{?\s*[A-Za-z]{1,4}\s*\}?$/,
  /^\\[dt]?frac\s*\{\s*d(?:\^\{?\d\}?)?\s*\w?\s*\}\s*\{\s*d\s*\w(?:\^\{?\d\}?)?\s*\}$/,
  /^d[a-z]\/d[a-z]$/,
  /^\(\s*[a-z](?:_\{?\w\}?)?(?:\s*,\s*[a-z](?:_\{?\w\}?)?)+\s*\)$/,
]
/** Sums and products of letters, which name a constant: AB = 12, m + n = 7. */
const LETTERS = /^[a-zA-Z](?:\s*[-+*]?\s*[a-zA-Z])*$/

const isName = (text: string, constant: boolean): boolean =>
  NAMES.some((name) => name.test(text)) || (constant && LETTERS.test(text))

function equationOf(pieces: readonly string[], signs: readonly string[], depth: number): Meaning {
  const last = pieces.at(-1)!
  const value = meaning(last, depth + 1)
  const constant = value.readings.some(({ kind }) => kind !== 'expression' && kind !== 'text')
  const named = isName(pieces[0]!, constant)
  if (signs.includes('\\in'))
    return named && signs.length === 1
      ? { ...value, name: pieces[0]! }
      : plain({ kind: 'text', text: plainText(pieces.join('=')) })
  const equations = pieces.slice(1).flatMap((right, i) => {
    const left = pieces[i]!
    return signs[i] === '=' ? relation(left, right, '=') : []
  })
  if (named) {
    const between = pieces.slice(1, -1).flatMap((piece) => constantsIn(piece, depth))
    const readings = [...value.readings, ...between, ...(pieces.length === 2 ? equations : [])]
    return { ...value, readings, name: pieces[0]!.replace(/\s/g, '') }
  }
  const constants = pieces.map((piece) => constantsIn(piece, depth))
  // 3 * 4 = 12 and \sqrt{7} \approx 2.646 give each of their constants.
  if (constants.every((list) => list.length > 0))
    return { ...value, readings: constants.flat().reverse() }
  if (pieces.length === 2 && equations.length > 0) return plain(equations[0]!)
  return plain({ kind: 'text', text: plainText(pieces.join('=')) })
}

const constantsIn = (piece: string, depth: number): readonly Value[] =>
  amount(piece, depth + 1).readings.filter(
    (value) => value.kind === 'exact' || (value.kind === 'expression' && value.values.length === 1),
  )

/** Returns `left` - `right` with its relation to 0; nothing if it has no variable. */
function relation(left: string, right: string, sign: '=' | '<' | '<='): Value[] {
  try {
    const node: Node = {
      type: 'call',
      name: 'subtract',
      args: [parseExpression(left), parseExpression(right)],
    }
    const values = valuesAt(folded(node), 'pi/180')
    return values === null || values.length === 1
      ? []
      : [{ kind: 'relation', relation: sign, values }]
  } catch {
    return []
  }
}

/** Reads inequalities: as an interval if one name lies between constants. */
function inequalityOf(pieces: readonly string[], signs: readonly string[]): Meaning | null {
  const upwards = signs.every((sign) => sign === '<' || sign === '\\le')
  const downwards = signs.every((sign) => sign === '>' || sign === '\\ge')
  if (!upwards && !downwards) return null
  const [ordered, strict] = upwards
    ? [[...pieces], signs.map((sign) => sign === '<')]
    : [[...pieces].reverse(), signs.map((sign) => sign === '>').reverse()]
  const place = ordered.findIndex((piece) => isName(piece, true))
  if (place >= 0 && ordered.length <= 3 && (ordered.length === 2 || place === 1)) {
    const bound = (piece: string | undefined, infinite: string) =>
      piece === undefined ? plain({ kind: 'text', text: infinite }) : amount(piece, 1)
    const [low, high] = [ordered[place - 1], ordered[place + 1]]
    const bounds = [bound(low, '-\u221e'), bound(high, '\u221e')]
    if (bounds.every(({ readings: [value] }) => isConstant(value)))
      return {
        ...plain({
          kind: 'parts',
          shape: 'tuple',
          open: low === undefined || strict[place - 1] === true ? '(' : '[',
          close: high === undefined || strict[place] === true ? ')' : ']',
          parts: bounds,
        }),
        name: ordered[place]!,
      }
  }
  if (ordered.length > 2) return null
  const [found] = relation(ordered[0]!, ordered[1]!, strict[0] === true ? '<' : '<=')
  return found === undefined ? null : plain(found)
}

const isConstant = (value: Value | undefined): boolean =>
  value !== undefined &&
  (value.kind === 'exact' ||
    (value.kind === 'expression' && value.values.length === 1) ||
    (value.kind === 'text' && /^-?\u221e$/.test(value.text)))

const PERCENT = /\s*(?:\\?%|(?:\\text\s*\{\s*)?(?<![a-zA-Z])per\s?cent(?:age points?)?\s*\}?)$/i
const CURRENCY =
  /^([-+]?)\s*(\\\$|[\u20ac\u00a3\u00a5\u20b9]|US\s?\\?\$|Rs\.?|USD|EUR|INR)\s*([-+]?)(?=\s*[\d.\\])/
const CENTS = /\s*(?:\u00a2|\u20ac|\u00a3|\u00a5|\u20b9|\\\$)$/
const MARKED =
  /^(.*?[\d}\s)a-zA-Z!|])\s*((?:(?:\\cdot|\s|\/)*\\text\s*\{[^{}]*\}(?:\s*\^\s*(?:\{-?\d\}|\d))?)+)$/s
const WRITTEN =
  /^(.*?(?:[\d})!]|\\pi\b|\\circ\s*))\s*((?:\s|\/|\^\s*(?:\{-?\d\}|\d)|[\p{L}\u00b5.'-])+)$/su

/** Takes the percent sign, the currency or the unit off a value. */
function measured(text: string): { bare: string; percent: boolean; unit: Unit | null } {
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
function compoundOf(text: string): Meaning | null {
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
    const [node] = read(hit[1]!, 1)
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

const NUMBER_WORDS = new Map(
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty'
    .split(' ')
    .map((word, i): [string, bigint] => [word, BigInt(i)]),
)
'thirty forty fifty sixty seventy eighty ninety hundred'
  .split(' ')
  .forEach((word, i) => NUMBER_WORDS.set(word, BigInt(10 * (i + 3))))

/** Returns the number that words name: twelve, twenty-one. */
function numberIn(text: string): bigint | null {
  const [tens, ones, ...more] = text.toLowerCase().split(/[\s-]+/)
  const first = NUMBER_WORDS.get(tens!)
  if (first === undefined || more.length > 0) return null
  if (ones === undefined) return first
  const second = NUMBER_WORDS.get(ones)
  return second !== undefined && second > 0n && second < 10n && first >= 20n && first < 100n
    ? first + second
    : null
}

const MATRIX = /^\\begin\{([bpvBV]?)(?:small)?(matrix|array)\}(?:\{[lcr|\s]*\})?(.*)\\end\{\w+\}$/s

/** Returns how a value without unit can be read; nothing if it is text. */
function read(text: string, depth: number): Value[] {
  if (text === '') return []
  const signed = text.replace(/\s/g, '')
  if (/^[-+]?\\infty$|^[-+]?(?:infinity|inf)$/i.test(signed))
    return [{ kind: 'text', text: signed.startsWith('-') ? '-\u221e' : '\u221e' }]
  if (/^(?:\\emptyset|\\\{\\\})$/.test(signed)) return [{ kind: 'text', text: '\u2205' }]
  const word = numberIn(text)
  if (word !== null) return [{ kind: 'exact', numerator: word, denominator: 1n }]
  // Scores, ranges and dates are not differences; times and ratios are not quotients.
  if (/^\d+(?:-\d+)+$/.test(signed) || /^\d+(?:\/\d+){2,}$/.test(signed))
    return [{ kind: 'text', text: signed }]
  if (/^\d+(?::\d+)+$/.test(signed))
    return [{ kind: 'text', text: signed.replace(/^0+(?=\d)/, '') }]
  const base = /^([0-9A-Fa-f]+)_\{?(\d+|[a-z]+)\}?$/.exec(signed)
  if (base !== null && /^\d/.test(signed))
    return [{ kind: 'text', text: `${base[1]!.toUpperCase()}_${base[2]}` }]
  const residue = /^(.+?)\s*\\pmod\{(\w+)\}$/s.exec(text)
  if (residue !== null) return [group('tuple', 'mod', 'mod', residue.slice(1), depth)]
  const parts = bracketed(text, depth)
  if (parts !== null) return [parts]
  return expression(text)
}

/** Reads sets, tuples, intervals and matrices; returns null for any other text. */
function bracketed(text: string, depth: number): Value | null {
  const bare = /^[([]\s*(\\begin.*\\end\{\w+\})\s*[)\]]$/s.exec(text)?.[1] ?? text
  const matrix = MATRIX.exec(bare)
  if (matrix !== null) {
    const fence = matrix[1]!.toLowerCase() === 'v' ? matrix[1]! : '['
    const rows = matrix[3]!.split('\\\\').map((row) => row.trim())
    if (rows.at(-1) === '') rows.pop()
    return {
      kind: 'parts',
      shape: 'tuple',
      open: fence,
      close: 'matrix',
      parts: rows.map((row) =>
        plain(group('row', fence, fence, splitAt(row, /(?<!\\)&/y), depth + 1)),
      ),
    }
  }
  const set = /^\\\{(.*)\\\}$/s.exec(text)?.[1] ?? /^\{(.*,.*)\}$/s.exec(text)?.[1]
  if (set !== undefined && isBalanced(set))
    return /\\ldots|\||:/.test(set) ? null : group('set', '{', '}', splitAt(set, /[,;]/y), depth)
  const angled = /^\\langle(?![a-zA-Z])(.*)\\rangle$/s.exec(text)?.[1]
  if (angled !== undefined) return group('tuple', '<', '>', splitAt(angled, /,/y), depth)
  const inner = /^[([](.*)[)\]]$/s.exec(text)?.[1]
  if (inner === undefined || !isBalanced(inner)) return null
  const pieces = splitAt(inner, /[,;]/y)
  return pieces.length > 1 ? group('tuple', text[0]!, text.at(-1)!, pieces, depth) : null
}

/**
 * The points at which expressions are compared. Every variable is negative at the last one, so |x|
 * differs from x.
 */
const POINTS = [0.7312, 1.2847, 2.1519, -0.9173]

/**
 * Returns the value of a variable at a point. Its magnitude is 0.5 to 2.5, where roots and
 * logarithms exist. Different names get different values that satisfy no simple relation (a + c
 * must not equal 2b by accident).
 */
function sample(name: string, point: number) {
  const code = [...name].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 0)
  return sampled(Math.sign(point) * (1.5 + Math.sin(code * Math.abs(point))))
}

/** Letters alone are words, but for products of x, y and z and the names of functions. */
const WORDS =
  /^(?![xyz\s]+$|pi$|(?:sin|cos|tan|ln|log)\s)[a-zA-Z]{2,}$|^[a-zA-Z]+(?:\s+[a-zA-Z]{2,})+$|^[a-zA-Z]{2,}(?:\s+[a-zA-Z]+)+$/

function expression(text: string): Value[] {
  if (WORDS.test(text) && !/^(?:sin|cos|tan|ln|log|sqrt)\s/.test(text)) return []
  try {
    const node = folded(parseExpression(text))
    if (node.type === 'number') {
      const { numerator, denominator } = node
      return [{ kind: 'exact', numerator, denominator }]
    }
    const degrees = /\\circ/.test(text)
    return (degrees ? (['pi/180', '1'] as const) : (['pi/180'] as const)).flatMap((degree) => {
      const values = valuesAt(node, degree)
      return values === null ? [] : [{ kind: 'expression' as const, values }]
    })
  } catch {
    return [] // not a supported expression: compared as text
  }
}

/** Returns the values of an expression at the points; null if it is undefined where it counts. */
function valuesAt(node: Node, degree: Point['degree']): Values | null {
  const names = [...variablesOf(node)]
  const points = names.length === 0 ? [1] : POINTS
  const values = points.map((point) => {
    const variables = new Map(names.map((name) => [name, sample(name, point)]))
    try {
      return valueAt(node, { variables, degree, complex: point > 0 })
    } catch (error) {
      if (error instanceof Unreadable) return null
      throw error
    }
  })
  return values.slice(0, 3).includes(null) ? null : values
}

function plainText(text: string): string {
  const flat = text
    .normalize('NFKC')
    .replace(/\\text\s*\{([^{}]*)\}/g, '$1')
    .replace(/^(?:the|an?)\s+/i, '')
    .replace(/_\{(\w+)\}/g, '_$1')
    .replace(/\^\{(\w)\}/g, '^$1')
    .replace(/\\[dt]frac/g, '\\frac')
    .replace(/[.,;:!]+$/, '')
  // An index is often left out: H_2O, H2O.
  const words = /^[\p{L}\p{N}\s_'.,-]*$/u.test(flat)
  return words
    ? flat
        .toLowerCase()
        .replace(/(?<=\p{L})_(?=\d)/gu, '')
        .replace(/\s+/g, '')
    : flat.replace(/\s+/g, '')
}
