import { Decimal as Library } from 'decimal.js'
import { Unreadable, type FunctionName, type Node } from './latex.ts'

/**
 * Computes the value of an expression: exactly if it is rational, and otherwise with 50 digits and
 * an exponent of up to 15 digits (decimal.js), so that nothing small becomes 0. The work is
 * bounded. Errors: `Unreadable` if the value is too large, too expensive or undefined.
 */

const PRECISION = 50
const Decimal = Library.clone({ precision: PRECISION, defaults: true })
type Decimal = Library

/** Values that differ by less than this, relative to their size, are equal. */
const TOLERANCE = new Decimal(10).pow(-35)
/** The most bits of a numerator or a denominator. */
const MAX_BITS = 50_000
const MAX_FACTORIAL = 3000
/** The largest argument of a trigonometric or exponential function. */
const MAX_ARGUMENT = new Decimal(10).pow(9)

/** A quotient of two integers; the denominator is positive. */
export interface Exact {
  numerator: bigint
  denominator: bigint
}

export interface Complex {
  re: Decimal
  im: Decimal
}

/** Returns the quotient of two integers. Errors: `Unreadable` if it is undefined or too long. */
export function exact(numerator: bigint, denominator: bigint): Exact {
  if (denominator === 0n) throw new Unreadable('division by zero')
  if (denominator < 0n) [numerator, denominator] = [-numerator, -denominator]
  const bits = Math.max(bitsOf(numerator), bitsOf(denominator))
  if (bits > MAX_BITS) throw new Unreadable('too many digits')
  if (denominator === 1n || bits > 2000) return { numerator, denominator } // reducing is slow
  let [a, b] = [numerator < 0n ? -numerator : numerator, denominator]
  while (b !== 0n) [a, b] = [b, a % b]
  return { numerator: numerator / a, denominator: denominator / a }
}

export const sameExact = (a: Exact, b: Exact): boolean =>
  a.numerator * b.denominator === b.numerator * a.denominator

export const product = (a: Exact, b: Exact): Exact =>
  exact(a.numerator * b.numerator, a.denominator * b.denominator)

export const sum = (a: Exact, b: Exact): Exact =>
  exact(a.numerator * b.denominator + b.numerator * a.denominator, a.denominator * b.denominator)

export const negative = ({ numerator, denominator }: Exact): Exact => ({
  numerator: -numerator,
  denominator,
})

const inverse = ({ numerator, denominator }: Exact): Exact => exact(denominator, numerator)

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

export const difference = (a: Complex, b: Complex): Complex => ({
  re: a.re.sub(b.re),
  im: a.im.sub(b.im),
})

/** Returns whether two values agree in all digits but the last ones. */
export function close(a: Complex, b: Complex): boolean {
  if (a.re.eq(b.re) && a.im.eq(b.im)) return true
  const largest = Decimal.max(a.re.abs(), a.im.abs(), b.re.abs(), b.im.abs())
  const apart = Decimal.max(a.re.sub(b.re).abs(), a.im.sub(b.im).abs())
  return apart.lte(largest.mul(TOLERANCE))
}

/** Returns the names of the variables of an expression. */
export function variablesOf(node: Node, found = new Set<string>()): Set<string> {
  if (node.type === 'variable') found.add(node.name)
  if (node.type === 'call') for (const arg of node.args) variablesOf(arg, found)
  return found
}

/** Replaces every part of an expression that is known to be rational by its exact value. */
export function folded(node: Node): Node {
  if (node.type === 'number') return { type: 'number', ...exact(node.numerator, node.denominator) }
  if (node.type !== 'call') return node
  const args = node.args.map(folded)
  const numbers = args.flatMap((arg) => (arg.type === 'number' ? [arg] : []))
  const value = numbers.length === args.length ? exactCall(node.name, numbers) : null
  return value === null ? { ...node, args } : { type: 'number', ...value }
}

function exactCall(name: FunctionName, [a, b]: readonly Exact[]): Exact | null {
  switch (name) {
    case 'add':
      return sum(a!, b!)
    case 'subtract':
      return sum(a!, negative(b!))
    case 'multiply':
      return product(a!, b!)
    case 'divide':
      return product(a!, inverse(b!))
    case 'negate':
      return negative(a!)
    case 'abs':
      return a!.numerator < 0n ? negative(a!) : a!
    case 'power':
      return b!.denominator === 1n
        ? power(a!, b!.numerator)
        : b!.denominator === 2n && b!.numerator > 0n
          ? then(root(a!, 2n), (value) => power(value, b!.numerator))
          : null
    case 'factorial':
      return factorial(a!)
    case 'binomial':
      return binomial(a!, b!)
    case 'sqrt':
      return root(a!, 2n)
    case 'cbrt':
      return root(a!, 3n)
    case 'root':
      return b!.denominator === 1n && b!.numerator >= 2n && b!.numerator <= 64n
        ? root(a!, b!.numerator)
        : null
    case 'floor':
      return { numerator: floor(a!), denominator: 1n }
    case 'ceil':
      return { numerator: -floor(negative(a!)), denominator: 1n }
    default:
      return null
  }
}

const then = <T extends object | bigint, U>(value: T | null, next: (value: T) => U): U | null =>
  value === null ? null : next(value)

const bitsOf = (value: bigint): number => value.toString(16).length * 4

function floor({ numerator, denominator }: Exact): bigint {
  const whole = numerator / denominator
  return numerator < 0n && whole * denominator !== numerator ? whole - 1n : whole
}

function power(base: Exact, exponent: bigint): Exact {
  if (exponent < 0n) return power(inverse(base), -exponent)
  const { numerator, denominator } = base
  if (denominator === 1n && (numerator === 1n || numerator === 0n || numerator === -1n))
    return exponent === 0n || (numerator === -1n && exponent % 2n === 0n)
      ? { numerator: 1n, denominator: 1n }
      : base
  const bits = Math.max(bitsOf(numerator), bitsOf(denominator)) - 3
  if (exponent > BigInt(MAX_BITS) || bits * Number(exponent) > MAX_BITS * 2)
    throw new Unreadable('too many digits')
  return exact(numerator ** exponent, denominator ** exponent)
}

function factorial({ numerator, denominator }: Exact): Exact {
  if (denominator !== 1n || numerator < 0n || numerator > BigInt(MAX_FACTORIAL))
    throw new Unreadable('factorial')
  let value = 1n
  for (let i = 2n; i <= numerator; i++) value *= i
  return { numerator: value, denominator: 1n }
}

function binomial(n: Exact, k: Exact): Exact {
  if (n.denominator !== 1n || k.denominator !== 1n) throw new Unreadable('binomial')
  if (k.numerator < 0n || n.numerator < 0n) throw new Unreadable('binomial')
  if (k.numerator > n.numerator) return { numerator: 0n, denominator: 1n }
  const [size, picked] = [n.numerator, least(k.numerator, n.numerator - k.numerator)]
  if (picked > 1000n || bitsOf(size) * Number(picked) > MAX_BITS) throw new Unreadable('binomial')
  let value = 1n
  for (let i = 1n; i <= picked; i++) value = (value * (size - picked + i)) / i
  return { numerator: value, denominator: 1n }
}

const least = (a: bigint, b: bigint) => (a < b ? a : b)

/** Returns the real root of a rational number if it is rational. */
function root(of: Exact, degree: bigint): Exact | null {
  if (of.numerator < 0n) {
    if (degree % 2n === 0n) return null
    return then(root(negative(of), degree), negative)
  }
  const numerator = integerRoot(of.numerator, degree)
  const denominator = integerRoot(of.denominator, degree)
  return numerator === null || denominator === null ? null : { numerator, denominator }
}

function integerRoot(value: bigint, degree: bigint): bigint | null {
  if (value < 2n) return value
  // Newton's method from above.
  let guess = 1n << BigInt(Math.ceil(bitsOf(value) / Number(degree)) + 1)
  for (;;) {
    const next = ((degree - 1n) * guess + value / guess ** (degree - 1n)) / degree
    if (next >= guess) return guess ** degree === value ? guess : null
    guess = next
  }
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

export interface Point {
  variables: ReadonlyMap<string, Decimal>
  /** The value of a degree. */
  degree: 'pi/180' | '1'
  /** Whether roots and logarithms of negative numbers are complex; otherwise undefined. */
  complex: boolean
}

/** Returns the value of a variable, which must be 0.5 to 2.5 in size. */
export const sampled = (value: number): Decimal => new Decimal(value)

/** Returns the value of a folded expression at a point. */
export function valueAt(node: Node, point: Point): Complex {
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
      return difference(a, b)
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

/** Returns 0 for a sine that is 0 but for rounding. */
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
