/** Thrown if an answer is not an expression; the caller then compares answers as text. */
export class Unreadable extends Error {}

/** An expression. A number is the exact quotient of two integers. */
export type Node =
  | { type: 'number'; numerator: bigint; denominator: bigint }
  | { type: 'variable'; name: string }
  | { type: 'constant'; name: ConstantName }
  | { type: 'call'; name: FunctionName; args: readonly Node[] }

/** `degree` is pi/180. */
type ConstantName = 'pi' | 'e' | 'i' | 'degree'
export type FunctionName =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'power'
  | 'negate'
  | 'factorial'
  | 'binomial'
  | 'root'
  | 'floor'
  | 'ceil'
  | NamedFunction

type NamedFunction = (typeof NAMED)[number]
const NAMED = [
  'sin',
  'cos',
  'tan',
  'sec',
  'csc',
  'cot',
  'asin',
  'acos',
  'atan',
  'sinh',
  'cosh',
  'tanh',
  'ln',
  'exp',
  'sqrt',
  'abs',
  'cbrt',
] as const

const FUNCTIONS = new Map<string, NamedFunction>([
  ...NAMED.map((name): [string, NamedFunction] => [name, name]),
  ['arcsin', 'asin'],
  ['arccos', 'acos'],
  ['arctan', 'atan'],
])
const CONSTANTS = new Map<string, ConstantName>([
  ['pi', 'pi'],
  ['e', 'e'],
  ['i', 'i'],
])
const OPERATORS = new Map<string, '*' | '/'>([
  ['cdot', '*'],
  ['times', '*'],
  ['ast', '*'],
  ['div', '/'],
])
const GREEK = new Set(
  'alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell'.split(
    ' ',
  ),
)
/** Letters that name a function if a bracket follows. */
const CALLED = /^[fghFGHP]$/
const CLOSING = new Set(['rfloor', 'rceil'])
const MAX_DEPTH = 32
const FRACTION_AHEAD = /^\s*\\[dtc]?frac\s*(?:\{\s*\d+\s*\}|\d)\s*(?:\{\s*\d+\s*\}|\d)/

const integer = (value: bigint): Node => ({
  type: 'number',
  numerator: value,
  denominator: 1n,
})
const call = (name: FunctionName, ...args: Node[]): Node => ({ type: 'call', name, args })

/**
 * Parses the LaTeX or plain notation of a short answer: decimals (also repeating), fractions, mixed
 * numbers, roots, powers, the usual functions and implied products. `text` must be at most a few
 * hundred characters and must not contain units, `\left` or spacing commands. Two numbers, or a
 * letter and a number behind it, are not a product. Errors: `Unreadable`.
 */
export function parseExpression(text: string): Node {
  const parser = new Parser(text)
  const node = parser.sum('')
  if (!parser.done) throw new Unreadable(text)
  return node
}

/** Returns the exact value of digits such as `1,234.5`; `repeating` digits follow without end. */
function decimal(digits: string, repeating = ''): { numerator: bigint; denominator: bigint } {
  const [whole = '', fraction = ''] = digits.replaceAll(',', '').split('.')
  const scale = 10n ** BigInt(fraction.length)
  const plain = BigInt(whole + fraction)
  if (repeating === '') return { numerator: plain, denominator: scale }
  const nines = 10n ** BigInt(repeating.length) - 1n
  return { numerator: plain * nines + BigInt(repeating), denominator: scale * nines }
}

class Parser {
  private at = 0
  private depth = 0
  constructor(private readonly text: string) {}

  get done(): boolean {
    this.blank()
    return this.at >= this.text.length
  }

  /** Parses terms up to the `closer`, without consuming it. */
  sum(closer: string): Node {
    if (++this.depth > MAX_DEPTH) throw new Unreadable(this.text)
    let node = this.term(closer)
    while (!this.done && '+-'.includes(this.text[this.at]!)) {
      const name = this.text[this.at++] === '+' ? 'add' : 'subtract'
      node = call(name, node, this.term(closer))
    }
    this.depth--
    return node
  }

  /** Parses factors; adjacent ones are multiplied. */
  private term(closer: string): Node {
    let node = this.signed(closer, true)
    for (;;) {
      this.blank()
      const operator = this.operator()
      if (operator !== null)
        node = call(operator === '*' ? 'multiply' : 'divide', node, this.signed(closer))
      else if (this.startsFactor(closer)) node = call('multiply', node, this.power(closer))
      else return node
    }
  }

  private startsFactor(closer: string): boolean {
    const c = this.text[this.at]
    return c !== undefined && !this.closes(closer) && /[a-zA-Z\\({[|]/.test(c)
  }

  private closes(closer: string): boolean {
    return closer !== '' && this.text.startsWith(closer, this.at)
  }

  private signed(closer: string, first = false): Node {
    this.blank()
    const c = this.text[this.at]
    if (c !== '-' && c !== '+') return this.power(closer, first)
    this.at++
    if (++this.depth > MAX_DEPTH) throw new Unreadable(this.text)
    const node = this.signed(closer, first)
    this.depth--
    return c === '-' ? call('negate', node) : node
  }

  private power(closer: string, first = false): Node {
    return this.scripts(this.factor(closer, first))
  }

  /** Parses the powers, factorials and degree signs after an operand. */
  private scripts(node: Node): Node {
    for (;;) {
      this.blank()
      const c = this.text[this.at]
      if (c === '!') {
        this.at++
        node = call('factorial', node)
      } else if (c === '^') {
        this.at++
        const degree = this.match(/\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-zA-Z]))/)
        node =
          degree === null
            ? call('power', node, this.script())
            : call('multiply', node, { type: 'constant', name: 'degree' })
      } else return node
    }
  }

  private blank(): void {
    while (this.at < this.text.length && /\s/.test(this.text[this.at]!)) this.at++
  }

  private operator(): '*' | '/' | null {
    const c = this.text[this.at]
    if (c === '*' || c === '/') {
      this.at++
      return c
    }
    if (c !== '\\') return null
    const command = /^\\([a-z]+)/i.exec(this.text.slice(this.at, this.at + 8))?.[1]
    const operator = command === undefined ? undefined : OPERATORS.get(command)
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
  private factor(closer: string, first = false): Node {
    this.blank()
    const number = this.number(first)
    if (number !== null) return number
    const c = this.text[this.at]
    if (c === '{' || c === '(' || c === '[') return this.group(c)
    if (c === '|' && closer !== '|') return call('abs', this.group('|'))
    if (c === '\\') {
      this.at++
      return this.command()
    }
    const word = this.match(/[a-zA-Z]+/)
    if (word === null) throw new Unreadable(this.text)
    return this.word(word)
  }

  /** Parses a number; if it begins a term, also a mixed one such as 1\frac{1}{2}. */
  private number(first: boolean): Node | null {
    const digits = this.match(/\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+(?:\.\d*)?|\.\d+/)
    if (digits === null) return null
    const value = this.fractional(digits)
    if (/^[\s]*[_\d]/.test(this.text.slice(this.at))) throw new Unreadable(this.text)
    if (!first || digits.includes('.') || !FRACTION_AHEAD.test(this.text.slice(this.at)))
      return value
    return call('add', value, this.scripts(this.factor('')))
  }

  /** Parses what follows digits: a repeating part or an exponent of ten. */
  private fractional(digits: string): Node {
    const repeating = digits.includes('.')
      ? this.match(/\\(?:overline|bar|dot)\s*\{\d+\}/)?.replace(/\D/g, '')
      : undefined
    const exponent = repeating === undefined ? this.match(/[eE][-+]?\d+/) : null
    const number: Node = { type: 'number', ...decimal(digits, repeating) }
    if (exponent === null) return number
    return call('multiply', number, call('power', integer(10n), this.exponent(exponent.slice(1))))
  }

  private exponent(text: string): Node {
    const size = integer(BigInt(text.replace(/^[-+]/, '')))
    return text.startsWith('-') ? call('negate', size) : size
  }

  private group(open: string): Node {
    this.at++
    return this.until({ '{': '}', '(': ')', '[': ']', '|': '|' }[open]!)
  }

  private until(close: string): Node {
    const inner = this.sum(close)
    this.blank()
    if (!this.closes(close)) throw new Unreadable(this.text)
    this.at += close.length
    return inner
  }

  /** Parses a command's argument: a group, one digit, one letter or one command. */
  private argument(): Node {
    this.blank()
    const digit = this.match(/\d/)
    if (digit !== null) return integer(BigInt(digit))
    if (this.match(/pi(?![a-zA-Z])/) !== null) return { type: 'constant', name: 'pi' }
    const letter = this.match(/[a-zA-Z]/)
    return letter === null ? this.factor('') : this.letter(letter)
  }

  /**
   * Parses what follows ^ or _: like `argument`, but takes a whole number without braces, since
   * 2^10 never means 2^{1}0.
   */
  private script(): Node {
    if (++this.depth > MAX_DEPTH) throw new Unreadable(this.text)
    this.blank()
    const number = this.match(/\d+(?:\.\d+)?/)
    const c = this.text[this.at]
    let node: Node
    if (number !== null) node = { type: 'number', ...decimal(number) }
    else if (c === '-' || c === '+') {
      this.at++
      const inner = this.script()
      node = c === '-' ? call('negate', inner) : inner
    } else node = this.argument()
    this.blank()
    // 2^3^2 is 2^(3^2).
    if (this.text[this.at] === '^') {
      this.at++
      node = call('power', node, this.script())
    }
    this.depth--
    return node
  }

  private command(): Node {
    const name = this.match(/[a-zA-Z]+/)
    if (name === null) throw new Unreadable(this.text)
    if (/^[dtc]?frac$/.test(name)) return call('divide', this.argument(), this.argument())
    if (/^[dt]?binom$/.test(name)) return call('binomial', this.argument(), this.argument())
    if (name === 'sqrt') {
      this.blank()
      if (this.text[this.at] !== '[') return call('sqrt', this.argument())
      const degree = this.group('[')
      return call('root', this.argument(), degree)
    }
    if (name === 'lfloor') return call('floor', this.until('\\rfloor'))
    if (name === 'lceil') return call('ceil', this.until('\\rceil'))
    if (name === 'log' || name === 'lg') return this.logarithm()
    if (/^(?:hat|vec|bar|tilde|dot|overline|mathbf|widehat)$/.test(name)) {
      const letter = this.match(/\s*\{\s*[a-zA-Z]\s*\}|\s*[a-zA-Z]/)
      if (letter === null) throw new Unreadable(this.text)
      return { type: 'variable', name: `\\${name} ${letter.replace(/[{}\s]/g, '')}` }
    }
    const known = FUNCTIONS.get(name)
    if (known !== undefined) return this.call(known)
    if (name === 'pi') return { type: 'constant', name: 'pi' }
    if (GREEK.has(name)) return this.variable(`\\${name}`)
    throw new Unreadable(this.text)
  }

  private logarithm(): Node {
    this.blank()
    let base = integer(10n)
    if (this.text[this.at] === '_') {
      this.at++
      base = this.script()
    }
    return call('divide', call('ln', this.operand()), call('ln', base))
  }

  /** Parses a function's argument, after an optional power: \sin^2 x. */
  private call(name: NamedFunction): Node {
    this.blank()
    if (this.text[this.at] !== '^') return call(name, this.operand())
    this.at++
    const inverse = this.match(/\s*(?:\{\s*-\s*1\s*\}|-1)/)
    if (inverse !== null) {
      if (name !== 'sin' && name !== 'cos' && name !== 'tan') throw new Unreadable(this.text)
      return call(`a${name}`, this.operand())
    }
    const power = this.script()
    return call('power', call(name, this.operand()), power)
  }

  /** Parses a function's argument without brackets: \sin 2x applies to all of 2x. */
  private operand(): Node {
    this.blank()
    const c = this.text[this.at]
    if (c === '(' || c === '{' || c === '[') return this.group(c)
    if (c === '|') return this.factor('')
    let node: Node | null = null
    while (!this.done && /[\w.\\]/.test(this.text[this.at]!)) {
      const name = /^\\?([a-zA-Z]+)/.exec(this.text.slice(this.at, this.at + 12))?.[1]
      if (name !== undefined && (OPERATORS.has(name) || FUNCTIONS.has(name) || CLOSING.has(name)))
        break
      const factor = this.power('')
      node = node === null ? factor : call('multiply', node, factor)
    }
    if (node === null) throw new Unreadable(this.text)
    return node
  }

  /**
   * Parses letters without a backslash: a known name, or up to three variables. Errors:
   * `Unreadable` for longer words.
   */
  private word(word: string): Node {
    const name = word.toLowerCase()
    if (name === 'log' || name === 'lg') return this.logarithm()
    const known = FUNCTIONS.get(name)
    if (known !== undefined) return this.call(known)
    if (name === 'pi') return { type: 'constant', name: 'pi' }
    // sinx is sin x.
    if (/^(?:sin|cos|tan|cot|sec|csc|ln|exp|sqrt)[a-z]$/.test(word)) {
      this.at--
      return this.call(FUNCTIONS.get(word.slice(0, -1))!)
    }
    if (word.length > 3) throw new Unreadable(this.text)
    const letters = [...word]
    const last = this.letter(letters.pop()!)
    return letters.reduceRight<Node>(
      (node, letter) => call('multiply', this.plain(letter), node),
      last,
    )
  }

  private plain(letter: string): Node {
    const constant = CONSTANTS.get(letter)
    return constant === undefined
      ? { type: 'variable', name: letter }
      : { type: 'constant', name: constant }
  }

  /** Parses a letter with its index. */
  private letter(letter: string): Node {
    if (/^\s*\d/.test(this.text.slice(this.at))) throw new Unreadable(this.text)
    if (CALLED.test(letter) && this.text[this.at] === '(') throw new Unreadable(this.text)
    const node = this.plain(letter)
    return node.type === 'variable' ? this.variable(node.name) : node
  }

  private variable(name: string): Node {
    const index = this.match(/\s*_\s*(?:\{\s*[a-zA-Z0-9]+\s*\}|[a-zA-Z0-9])/)
    return {
      type: 'variable',
      name: index === null ? name : `${name}_${index.replace(/[_{}\s]/g, '')}`,
    }
  }
}
