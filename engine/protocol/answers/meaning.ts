import {
  close,
  complexOf,
  DEGREE,
  POINTS,
  quotient,
  times,
  type Complex,
  type Values,
} from './evaluate.ts'
import { exact, product, sameExact, type Exact } from './exact.ts'
import { comparable, type Unit } from './units.ts'

/** What an answer means, and when two answers mean the same. */

/** How an expression compares with 0. */
export type Relation = '=' | '<' | '<='

export type Value =
  | ({ kind: 'exact' } & Exact)
  | { kind: 'expression'; values: Values }
  /** Where the expression with these values is zero, or (strictly) negative. */
  | { kind: 'relation'; relation: Relation; values: Values }
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
export type Parts = Extract<Value, { kind: 'parts' }>

export interface Meaning {
  /** How the answer can be read; usually one value. Answers are equal if some readings are. */
  readings: readonly Value[]
  /** The answer is written in percent: `readings` hold the number before the sign. */
  percent: boolean
  unit: Unit | null
  /** The name that the answer gives its value: `x` in x = 5. */
  name: string | null
}

/** Returns what a value without percent sign, unit and name means. */
export const plain = (value: Value): Meaning => ({
  readings: [value],
  percent: false,
  unit: null,
  name: null,
})

/** Returns whether two meanings are equal. 50% equals both 50 (the sign omitted) and 1/2. */
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

function valuesOf(value: Value): Values | null {
  if (value.kind === 'expression') return value.values
  return value.kind === 'exact' ? [complexOf(value)] : null
}

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
function sameSolutions(a: Values, b: Values, relation: Relation): boolean {
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
