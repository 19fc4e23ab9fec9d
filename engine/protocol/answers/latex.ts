/** Thrown if LaTeX cannot be parsed; the caller then compares answers as text. */
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
 * Converts the LaTeX of a short answer to infix text for mathjs: fractions, roots, powers, the
 * usual functions and implied products. `text` must be at most a few hundred characters and must
 * not contain units, `\left` or spacing commands. Letters alone are a word (no, on, Yes), except
 * known names and products of x, y and z. Errors: `Unreadable`.
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

  /** Parses up to one of the `closers`, without consuming it. Adjacent factors are multiplied. */
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

  /** Parses one operand. */
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

  /** Parses a command's argument: a group, one character or one command. */
  private argument(): string {
    this.blank()
    return this.match(/\d/) ?? this.script()
  }

  /**
   * Parses what follows ^ or _: like `argument`, but takes a whole number without braces, since
   * 2^10 never means 2^{1}0.
   */
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

  /** Parses a function's argument, after an optional power: \sin^2 x. */
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

  /** Parses a function's argument without brackets: \sin 2x applies to all of 2x. */
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

  /**
   * Parses letters without a backslash: a known name, or up to three variables. Errors:
   * `Unreadable` for longer words.
   */
  private word(word: string): string {
    const name = word.toLowerCase()
    if (name === 'log') return this.logarithm()
    if (CONSTANTS[name] !== undefined) return CONSTANTS[name]
    if (FUNCTIONS[name] !== undefined) return this.call(FUNCTIONS[name])
    if (word.length > 3) throw new Unreadable(this.text)
    return [...word].map((letter) => (letter === 'e' ? 'e' : `${letter}_`)).join('*')
  }
}

/**
 * Returns the whole number at the end of `out`, unless it is part of a product, power or decimal.
 */
function mixedWhole(out: string): string | null {
  return /(?:^|[-+(])(\d+)$/.exec(out)?.[1] ?? null
}
