import { Unreadable, type FunctionName, type Node } from './latex.ts'

/**
 * Computes with rational numbers, exactly. The work is bounded. Errors: `Unreadable` if a value is
 * too large, too expensive or undefined.
 */

/** The most bits of a numerator or a denominator. */
const MAX_BITS = 50_000
const MAX_FACTORIAL = 3000

/** A quotient of two integers; the denominator is positive. */
export interface Exact {
  numerator: bigint
  denominator: bigint
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

export const inverse = ({ numerator, denominator }: Exact): Exact => exact(denominator, numerator)

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
