import { Decimal as Library } from 'decimal.js'
import type { Exact } from './exact.ts'
import { Unreadable, type FunctionName, type Node } from './latex.ts'

/**
 * Computes the values of an expression that is not rational, with 50 digits and an exponent of up
 * to 15 digits (decimal.js), so that nothing small becomes 0. The work is bounded. Errors:
 * `Unreadable` if the value is too large, too expensive or undefined.
 */

const PRECISION = 50
const Decimal = Library.clone({ precision: PRECISION, defaults: true })
type Decimal = Library

/** Values that differ by less than this, relative to their size, are equal. */
const TOLERANCE = new Decimal(10).pow(-35)
/** The largest argument of a trigonometric or exponential function. */
const MAX_ARGUMENT = new Decimal(10).pow(9)

export interface Complex {
  re: Decimal
  im: Decimal
}

/** One value per sample point, null if undefined there; a constant has one value. */
export type Values = readonly (Complex | null)[]

export const complexOf = ({ numerator, denominator }: Exact): Complex =>
  real(new Decimal(numerator.toString()).div(denominator.toString()))

export const times = (a: Complex, b: Complex): Complex => ({
  re: a.re.mul(b.re).sub(a.im.mul(b.im)),
  im: a.re.mul(b.im).add(a.im.mul(b.re)),
})

/** Returns a / b; null if b is 0. */
export function quotient(a: Complex, b: Complex): Complex | null {
  if (b.im.isZero()) return b.re.isZero() ? null : { re: a.re.div(b.re), im: a.im.div(b.re) }
  const size = b.re.mul(b.re).add(b.im.mul(b.im))
  const top = times(a, { re: b.re, im: b.im.neg() })
  return { re: top.re.div(size), im: top.im.div(size) }
}

/** Returns whether two values agree in all digits but the last ones. */
export function close(a: Complex, b: Complex): boolean {
  if (a.re.eq(b.re) && a.im.eq(b.im)) return true
  const largest = Decimal.max(a.re.abs(), a.im.abs(), b.re.abs(), b.im.abs())
  const apart = Decimal.max(a.re.sub(b.re).abs(), a.im.sub(b.im).abs())
  return apart.lte(largest.mul(TOLERANCE))
}

/**
 * The points at which expressions are compared. Every variable is negative at the last one, so |x|
 * differs from x.
 */
export const POINTS = [0.7312, 1.2847, 2.1519, -0.9173]

/**
 * Returns the value of a variable at a point. Its magnitude is 0.5 to 2.5, where roots and
 * logarithms exist. Different names get different values that satisfy no simple relation (a + c
 * must not equal 2b by accident).
 */
function sample(name: string, point: number): Decimal {
  const code = [...name].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 0)
  return new Decimal(Math.sign(point) * (1.5 + Math.sin(code * Math.abs(point))))
}

/** Returns the values of an expression at the points; null if it is undefined where it counts. */
export function valuesAt(node: Node, degree: Point['degree']): Values | null {
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

/** Returns the names of the variables of an expression. */
function variablesOf(node: Node, found = new Set<string>()): Set<string> {
  if (node.type === 'variable') found.add(node.name)
  if (node.type === 'call') for (const arg of node.args) variablesOf(arg, found)
  return found
}

const ZERO = new Decimal(0)
const real = (re: Decimal): Complex => ({ re, im: ZERO })
const ONE = real(new Decimal(1))
const PI = Decimal.acos(-1)

/** The value of a degree. */
export const DEGREE = real(PI.div(180))

const CONSTANTS: Record<string, Complex> = {
  pi: real(PI),
  e: real(Decimal.exp(1)),
  i: { re: ZERO, im: new Decimal(1) },
}

interface Point {
  variables: ReadonlyMap<string, Decimal>
  /** The value of a degree. */
  degree: 'pi/180' | '1'
  /** Whether roots and logarithms of negative numbers are complex; otherwise undefined. */
  complex: boolean
}

/** Returns the value of a folded expression at a point. */
function valueAt(node: Node, point: Point): Complex {
  switch (node.type) {
    case 'number':
      return complexOf(node)
    case 'variable':
      return real(point.variables.get(node.name)!)
    case 'constant':
      if (node.name === 'degree') return point.degree === '1' ? ONE : DEGREE
      return CONSTANTS[node.name]!
    case 'call': {
      const args = node.args.map((arg) => valueAt(arg, point))
      const value = callAt(node.name, args, point)
      if (!value.re.isFinite() || !value.im.isFinite()) throw new Unreadable('not a number')
      return value
    }
  }
}

function callAt(name: FunctionName, args: readonly Complex[], point: Point): Complex {
  const [a, b] = args as [Complex, Complex]
  switch (name) {
    case 'add':
      return { re: a.re.add(b.re), im: a.im.add(b.im) }
    case 'subtract':
      return { re: a.re.sub(b.re), im: a.im.sub(b.im) }
    case 'multiply':
      return times(a, b)
    case 'divide':
      return defined(quotient(a, b))
    case 'negate':
      return { re: a.re.neg(), im: a.im.neg() }
    case 'power':
      return powerAt(a, b, point)
    case 'sqrt':
      return powerAt(a, real(new Decimal(0.5)), point)
    case 'cbrt':
      return rootAt(a, real(new Decimal(3)), point)
    case 'root':
      return rootAt(a, b, point)
    case 'abs':
      return real(sizeOf(a))
    case 'ln':
      return logarithm(a, point)
    case 'exp':
      return exponential(a)
    case 'sin':
    case 'cos':
      return wave(name, a)
    case 'tan':
      return defined(quotient(wave('sin', a), wave('cos', a)))
    case 'sec':
      return defined(quotient(ONE, wave('cos', a)))
    case 'csc':
      return defined(quotient(ONE, wave('sin', a)))
    case 'cot':
      return defined(quotient(wave('cos', a), wave('sin', a)))
    case 'asin':
    case 'acos':
    case 'atan':
      return real(bounded(realPart(a))[name]())
    case 'sinh':
      return real(sinh(realPart(a)))
    case 'cosh':
      return real(cosh(realPart(a)))
    case 'tanh':
      return real(sinh(realPart(a)).div(cosh(realPart(a))))
    case 'floor':
    case 'ceil':
      if (point.variables.size > 0) throw new Unreadable(name)
      return real(realPart(a)[name]())
    case 'factorial':
    case 'binomial':
      throw new Unreadable(name)
  }
}

function defined(value: Complex | null): Complex {
  if (value === null) throw new Unreadable('undefined')
  return value
}

function realPart({ re, im }: Complex): Decimal {
  if (!im.isZero()) throw new Unreadable('not real')
  return re
}

function bounded(value: Decimal): Decimal {
  if (value.abs().gt(MAX_ARGUMENT)) throw new Unreadable('too large')
  return value
}

const sizeOf = ({ re, im }: Complex): Decimal =>
  im.isZero() ? re.abs() : re.mul(re).add(im.mul(im)).sqrt()

function wave(name: 'sin' | 'cos', { re, im }: Complex): Complex {
  const [sin, cos] = [near(bounded(re).sin()), near(re.cos())]
  if (im.isZero()) return real(name === 'sin' ? sin : cos)
  return name === 'sin'
    ? { re: sin.mul(cosh(im)), im: cos.mul(sinh(im)) }
    : { re: cos.mul(cosh(im)), im: sin.mul(sinh(im)).neg() }
}

/** The library's own functions take minutes for large arguments. */
const sinh = (x: Decimal): Decimal => bounded(x).exp().sub(x.neg().exp()).div(2)
const cosh = (x: Decimal): Decimal => bounded(x).exp().add(x.neg().exp()).div(2)

/** Returns 0 for a sine that differs from 0 only by rounding. */
const near = (value: Decimal): Decimal =>
  value.abs().lt(new Decimal(10).pow(8 - PRECISION)) ? ZERO : value

function exponential({ re, im }: Complex): Complex {
  const size = bounded(re).exp()
  if (im.isZero()) return real(size)
  return { re: size.mul(near(bounded(im).cos())), im: size.mul(near(im.sin())) }
}

function logarithm(a: Complex, point: Point): Complex {
  if (a.im.isZero() && a.re.gt(0)) return real(a.re.ln())
  if (!point.complex) throw new Unreadable('undefined')
  const size = sizeOf(a)
  if (size.isZero()) throw new Unreadable('undefined')
  return { re: size.ln(), im: Decimal.atan2(a.im, a.re) }
}

function powerAt(a: Complex, b: Complex, point: Point): Complex {
  if (b.im.isZero() && b.re.isInteger()) return wholePower(a, b.re)
  if (a.im.isZero() && a.re.gt(0) && b.im.isZero()) return real(a.re.pow(b.re))
  if (a.im.isZero() && a.re.isZero()) {
    if (b.im.isZero() && b.re.gt(0)) return a
    throw new Unreadable('undefined')
  }
  return exponential(times(b, logarithm(a, point)))
}

function wholePower(a: Complex, exponent: Decimal): Complex {
  if (a.im.isZero()) {
    if (a.re.isZero() && exponent.lte(0)) throw new Unreadable('undefined')
    return real(a.re.pow(exponent))
  }
  if (exponent.abs().gt(1000)) return exponential(times(real(exponent), logarithm(a, COMPLEX)))
  let [value, square] = [ONE, a]
  for (let n = exponent.abs().toNumber(); n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) value = times(value, square)
    square = times(square, square)
  }
  return exponent.lt(0) ? defined(quotient(ONE, value)) : value
}

const COMPLEX: Point = { variables: new Map(), degree: '1', complex: true }

/** Returns a root; an odd root of a negative number is real. */
function rootAt(a: Complex, degree: Complex, point: Point): Complex {
  const n = realPart(degree)
  if (n.isZero()) throw new Unreadable('undefined')
  const one = real(new Decimal(1).div(n))
  if (a.im.isZero() && a.re.lt(0) && n.isInteger() && !n.mod(2).isZero())
    return real(a.re.neg().pow(one.re).neg())
  return powerAt(a, one, point)
}
