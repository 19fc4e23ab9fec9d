/**
 * LaTeX of short answers as infix text for mathjs: fractions, roots, powers, the usual functions, implied products.
 * Throws `Unreadable` at whatever it does not know; the caller compares the text then.
 */
export class Unreadable extends Error {}

const FUNCTIONS: Record<string, string> = {
  sin: 'sin',
  cos: 'cos',
  tan: 'tan',
  sec: 'sec',
  csc: 'csc',
  cot: 'cot',
  arcsin: 'asin',
  arccos: 'acos',
  arctan: 'atan',
  sinh: 'sinh',
  cosh: 'cosh',
  tanh: 'tanh',
  ln: 'log',
  exp: 'exp',
  sqrt: 'sqrt',
  abs: 'abs',
  cbrt: 'cbrt',
}
const CONSTANTS: Record<string, string> = {
  pi: 'pi',
  infty: 'Infinity',
  infinity: 'Infinity',
  inf: 'Infinity',
}
const OPERATORS: Record<string, string> = { cdot: '*', times: '*', div: '/', ast: '*' }
const GREEK = new Set([
  'alpha',
  'beta',
  'gamma',
  'delta',
  'theta',
  'lambda',
  'mu',
  'phi',
  'varphi',
  'omega',
  'sigma',
  'rho',
  'tau',
  'epsilon',
])
const MAX_DEPTH = 32

/**
 * `text`: no longer than a few hundred characters, without units, `\left` and spacing commands. Letters alone are a word
 * (no, on, Yes), except for names and products of x, y and z.
 */
export function latexToInfix(text: string): string {
  if (/^(?![xyz]+$)[a-zA-Z]{2,}$/.test(text) && CONSTANTS[text.toLowerCase()] === undefined)
    throw new Unreadable(text)
  const parser = new Parser(text)
  const infix = parser.expression('')
  if (!parser.done) throw new Unreadable(text)
  return infix
}

class Parser {
  private at = 0
  private depth = 0
  constructor(private readonly text: string) {}

  get done(): boolean {
    this.blank()
    return this.at >= this.text.length
  }

  /** Up to one of the `closers`, which stays. Factors that stand side by side are multiplied. */
  expression(closers: string): string {
    if (++this.depth > MAX_DEPTH) throw new Unreadable(this.text)
    let out = ''
    let operand = false
    while (!this.done && !closers.includes(this.text[this.at]!)) {
      const operator = this.operator()
      if (operator !== null) {
        out += operator
        operand = operator === '!'
        continue
      }
      if (this.text[this.at] === '^') {
        this.at++
        if (!operand) throw new Unreadable(this.text)
        out += `^(${this.script()})`
        continue
      }
      const whole = out.length > 0 && operand ? mixedWhole(out) : null
      const start = this.at
      const factor = this.factor(closers)
      // 1\frac{1}{2} is a mixed number, 2\sqrt{3} a product.
      if (whole !== null && /^\\[dtc]?frac/.test(this.text.slice(start)))
        out = `${out.slice(0, out.length - whole.length)}(${whole}+${factor})`
      else out += operand ? `*${factor}` : factor
      operand = true
    }
    this.depth--
    if (out === '') throw new Unreadable(this.text)
    return out
  }

  private blank(): void {
    while (this.at < this.text.length && /\s/.test(this.text[this.at]!)) this.at++
  }

  private operator(): string | null {
    const c = this.text[this.at]!
    if ('+-*/!'.includes(c)) {
      this.at++
      return c
    }
    const command = /^\\([a-z]+)/i.exec(this.text.slice(this.at, this.at + 8))?.[1]
    const operator = command === undefined ? undefined : OPERATORS[command]
    if (operator === undefined) return null
    this.at += command!.length + 1
    return operator
  }

  private match(pattern: RegExp): string | null {
    const hit = new RegExp(pattern.source, 'y')
    hit.lastIndex = this.at
    const found = hit.exec(this.text)
    if (found === null) return null
    this.at = hit.lastIndex
    return found[0]
  }

  /** One operand. */
  private factor(closers: string): string {
    this.blank()
    const number = this.match(/\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+/)
    if (number !== null) return number.replaceAll(',', '')
    const c = this.text[this.at]!
    if (c === '{' || c === '(' || c === '[') return `(${this.group(c)})`
    if (c === '|' && !closers.includes('|')) return `abs(${this.group('|')})`
    if (c === '\\') {
      this.at++
      return this.command()
    }
    const word = this.match(/[a-zA-Z]+/)
    if (word === null) throw new Unreadable(this.text)
    return this.word(word)
  }

  private group(open: string): string {
    const close = { '{': '}', '(': ')', '[': ']', '|': '|' }[open]!
    this.at++
    const inner = this.expression(close)
    if (this.text[this.at] !== close) throw new Unreadable(this.text)
    this.at++
    return inner
  }

  /** What a command takes: a group, or one character or command. */
  private argument(): string {
    this.blank()
    return this.match(/\d/) ?? this.script()
  }

  /** What stands after ^ or _: as `argument`, but a whole number also without braces, since 2^10 is never meant as 2^{1}0. */
  private script(): string {
    this.blank()
    const number = this.match(/\d+(?:\.\d+)?/)
    if (number !== null) return number
    const c = this.text[this.at]
    if (c === undefined) throw new Unreadable(this.text)
    if (c === '{') return this.group('{')
    if (c === '-' || c === '+') {
      this.at++
      return c + this.factor('')
    }
    return this.factor('')
  }

  private command(): string {
    const name = this.match(/[a-zA-Z]+/)
    if (name === null) throw new Unreadable(this.text)
    if (/^[dtc]?frac$/.test(name)) return `((${this.argument()})/(${this.argument()}))`
    if (/^[dt]?binom$/.test(name)) return `combinations(${this.argument()},${this.argument()})`
    if (name === 'sqrt') {
      this.blank()
      if (this.text[this.at] === '[') {
        const degree = this.group('[')
        return `nthRoot(${this.argument()},${degree})`
      }
      return `sqrt(${this.argument()})`
    }
    if (name === 'log') return this.logarithm()
    if (CONSTANTS[name] !== undefined) return CONSTANTS[name]
    if (FUNCTIONS[name] !== undefined) return this.call(FUNCTIONS[name])
    if (GREEK.has(name)) return `${name}_`
    throw new Unreadable(this.text)
  }

  private logarithm(): string {
    this.blank()
    let base: string | null = null
    if (this.text[this.at] === '_') {
      this.at++
      base = this.script()
    }
    return `(log(${this.operand()})/log(${base ?? '10'}))`
  }

  /** A function's argument, with a power between: \sin^2 x. */
  private call(name: string): string {
    this.blank()
    let power = ''
    if (this.text[this.at] === '^') {
      this.at++
      power = this.script()
    }
    if (power === '-1' && /^(sin|cos|tan)$/.test(name)) return `a${name}(${this.operand()})`
    return power === '' ? `${name}(${this.operand()})` : `(${name}(${this.operand()})^(${power}))`
  }

  /** \sin 2x takes all of 2x. */
  private operand(): string {
    this.blank()
    const c = this.text[this.at]
    if (c === undefined) throw new Unreadable(this.text)
    if (c === '(' || c === '{' || c === '[') return this.group(c)
    let out = ''
    while (!this.done && /[\w.\\]/.test(this.text[this.at]!)) {
      const name = /^\\([a-zA-Z]+)/.exec(this.text.slice(this.at, this.at + 12))?.[1]
      if (name !== undefined && (OPERATORS[name] !== undefined || FUNCTIONS[name] !== undefined))
        break
      out += (out === '' ? '' : '*') + this.factor('')
      if (this.text[this.at] === '^') {
        this.at++
        out += `^(${this.script()})`
      }
    }
    if (out === '') throw new Unreadable(this.text)
    return out
  }

  /** Letters without a backslash: a known name, or one or two variables; longer words are no mathematics. */
  private word(word: string): string {
    const name = word.toLowerCase()
    if (name === 'log') return this.logarithm()
    if (CONSTANTS[name] !== undefined) return CONSTANTS[name]
    if (FUNCTIONS[name] !== undefined) return this.call(FUNCTIONS[name])
    if (word.length > 3) throw new Unreadable(this.text)
    return [...word].map((letter) => (letter === 'e' ? 'e' : `${letter}_`)).join('*')
  }
}

/** The whole number that `out` ends with, unless it is part of a product, power or decimal. */
function mixedWhole(out: string): string | null {
  return /(?:^|[-+(])(\d+)$/.exec(out)?.[1] ?? null
}
