/**
 * Checks answers of the numbers game: use each given number once, with + - * /, to make the target.
 * An answer is one expression, `(20 - 18) * 13 + 40`, or its steps, `20 - 18 = 2, 2 * 13 = 26, 26 +
 * 40 = 66`. Arithmetic is exact (rationals of bigints). The grammar is strict: whole numbers, four
 * operators, parentheses, and LaTeX's `\times`, `\cdot`, `\div` and `\frac{}{}`. Anything else is
 * `unreadable`, including a leading sign and a trailing `= 66`. Nothing is evaluated as code.
 */

/** Longer answers are not read. */
const MAX_CHARS = 500
const MAX_DEPTH = 32
/** Maximum digits per number. */
const MAX_DIGITS = 9

export type CountdownVerdict =
  | 'correct'
  | 'unreadable'
  /** A number is missing, used twice, or was not given. */
  | 'wrong-numbers'
  /** A step's result is false, or something is divided by zero. */
  | 'wrong-arithmetic'
  /** The arithmetic is right, but the result is not the target. */
  | 'wrong-value'

interface Rational {
  readonly numerator: bigint
  /**
   * Not negative; 0 makes the value undefined. Fractions are not reduced, because equality is
   * tested by cross-multiplying.
   */
  readonly denominator: bigint
}

/** Checks an answer. Pure; never throws. `numbers` are whole numbers in any order. */
export function checkCountdown(
  answer: string,
  numbers: readonly number[],
  target: number,
): CountdownVerdict {
  if (answer.length > MAX_CHARS) return 'unreadable'
  return answer.includes('=')
    ? checkSteps(answer, numbers, target)
    : checkExpression(answer, numbers, target)
}

function checkExpression(
  text: string,
  numbers: readonly number[],
  target: number,
): CountdownVerdict {
  const reader = new Reader(text)
  const value = reader.whole()
  if (value === null) return 'unreadable'
  if (!sameNumbers(reader.used, numbers)) return 'wrong-numbers'
  if (value === 'undefined') return 'wrong-arithmetic'
  return value.numerator === BigInt(target) * value.denominator ? 'correct' : 'wrong-value'
}

/**
 * Checks an answer written as steps. Each step takes two of the available numbers and adds its
 * result to them; the last number left must be the target.
 */
function checkSteps(text: string, numbers: readonly number[], target: number): CountdownVerdict {
  const steps = text
    .replace(/\.\s*$/, '')
    .split(/[,;\n]/)
    .map(readStep)
  if (steps.some((step) => step === null)) return 'unreadable'
  const hand = [...numbers]
  for (const step of steps) {
    for (const operand of step!.operands) {
      const at = hand.indexOf(operand)
      if (at < 0) return 'wrong-numbers'
      hand.splice(at, 1)
    }
    if (
      step!.value === 'undefined' ||
      step!.value.numerator !== BigInt(step!.result) * step!.value.denominator
    )
      return 'wrong-arithmetic'
    hand.push(step!.result)
  }
  if (hand.length !== 1) return 'wrong-numbers'
  return hand[0] === target ? 'correct' : 'wrong-value'
}

function readStep(
  text: string,
): { operands: number[]; value: Rational | 'undefined'; result: number } | null {
  const [left = '', right = '', ...more] = text.split('=')
  const result = /^\s*(\d{1,9})\s*$/.exec(right)
  const reader = new Reader(left)
  const value = reader.whole()
  if (more.length > 0 || result === null || value === null || reader.used.length !== 2) return null
  return { operands: reader.used, value, result: Number(result[1]) }
}

function sameNumbers(used: readonly number[], given: readonly number[]): boolean {
  const order = (list: readonly number[]) => [...list].sort((a, b) => a - b).join()
  return order(used) === order(given)
}

const TOKEN =
  /\s*(?:(\d+)|\\(times|cdot|div|[dt]?frac)(?![a-zA-Z])|\\(?:left|right)(?=[()])([()])|([-+*/(){}\u00d7\u00f7\u00b7\u2212]))/y
const SAME: Record<string, string> = {
  times: '*',
  cdot: '*',
  div: '/',
  dfrac: 'frac',
  tfrac: 'frac',
  '\u00d7': '*',
  '\u00b7': '*',
  '\u00f7': '/',
  '\u2212': '-',
}

/**
 * Recursive descent parser: sum = product (+|- product)*, product = atom (*|/ atom)*, atom = number
 * | (sum) | \frac{sum}{sum}.
 */
class Reader {
  /** Numbers read so far, in order. */
  readonly used: number[] = []
  private readonly tokens: string[] | null
  private at = 0
  private depth = 0

  constructor(text: string) {
    this.tokens = tokenize(text)
  }

  /**
   * Reads the whole text. Returns null if it is not an expression, `undefined` if it divides by
   * zero.
   */
  whole(): Rational | 'undefined' | null {
    if (this.tokens === null) return null
    try {
      const value = this.sum()
      if (this.at < this.tokens.length) return null
      return value.denominator === 0n ? 'undefined' : value
    } catch (error) {
      if (error instanceof Unreadable) return null
      throw error
    }
  }

  private take(...options: string[]): string | null {
    const token = this.tokens![this.at]
    if (token === undefined || !options.includes(token)) return null
    this.at++
    return token
  }

  private expect(token: string): void {
    if (this.take(token) === null) throw new Unreadable()
  }

  private sum(): Rational {
    if (++this.depth > MAX_DEPTH) throw new Unreadable()
    let value = this.product()
    for (let op = this.take('+', '-'); op !== null; op = this.take('+', '-')) {
      const next = this.product()
      const right = next.numerator * value.denominator
      const left = value.numerator * next.denominator
      value = {
        numerator: op === '+' ? left + right : left - right,
        denominator: value.denominator * next.denominator,
      }
    }
    this.depth--
    return value
  }

  private product(): Rational {
    let value = this.atom()
    for (let op = this.take('*', '/'); op !== null; op = this.take('*', '/')) {
      const next = this.atom()
      value = op === '*' ? multiply(value, next) : divide(value, next)
    }
    return value
  }

  private atom(): Rational {
    if (this.take('frac') !== null) {
      const above = this.group('{', '}')
      return divide(above, this.group('{', '}'))
    }
    const token = this.tokens![this.at]
    if (token === '(') return this.group('(', ')')
    if (token === undefined || !/^\d/.test(token)) throw new Unreadable()
    this.at++
    this.used.push(Number(token))
    return { numerator: BigInt(token), denominator: 1n }
  }

  private group(open: string, close: string): Rational {
    this.expect(open)
    const value = this.sum()
    this.expect(close)
    return value
  }
}

class Unreadable extends Error {}

/**
 * Multiplies two rationals. A denominator of 0 stays 0 through every operation, so the whole
 * expression is undefined.
 */
const multiply = (a: Rational, b: Rational): Rational => ({
  numerator: a.numerator * b.numerator,
  denominator: a.denominator * b.denominator,
})

function divide(a: Rational, b: Rational): Rational {
  if (b.numerator === 0n || b.denominator === 0n) return { numerator: 0n, denominator: 0n }
  const sign = b.numerator < 0n ? -1n : 1n
  return {
    numerator: sign * a.numerator * b.denominator,
    denominator: sign * a.denominator * b.numerator,
  }
}

function tokenize(text: string): string[] | null {
  const tokens: string[] = []
  TOKEN.lastIndex = 0
  const end = text.trimEnd().length
  while (TOKEN.lastIndex < end) {
    const hit = TOKEN.exec(text)
    if (hit === null) return null
    const token = hit[1] ?? hit[2] ?? hit[3] ?? hit[4]!
    if (
      hit[1] !== undefined &&
      (token.length > MAX_DIGITS || (token.length > 1 && token.startsWith('0')))
    )
      return null
    tokens.push(SAME[token] ?? token)
  }
  return tokens
}
