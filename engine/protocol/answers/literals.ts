/**
 * Values as Python and JavaScript write them: arguments of a call, and results as a sandbox prints
 * them. One lenient grammar reads both languages; a value is written in either. Nothing is
 * evaluated.
 */

export type Literal =
  /** `digits`: of a whole number, without sign, base and leading zeros; null for other numbers. */
  | { kind: 'number'; negative: boolean; digits: string | null; value: number; big: boolean }
  | { kind: 'string' | 'bytes'; value: string }
  | { kind: 'word'; value: 'true' | 'false' | 'none' | 'undefined' }
  | { kind: 'list' | 'tuple' | 'set'; items: Literal[] }
  | { kind: 'dict'; entries: [key: Literal, value: Literal][] }

export type Notation = 'python' | 'javascript'

/** An argument of a call; `name` is that of a keyword argument. */
export interface Argument {
  name: string | null
  value: Literal
}

/** Returns the value that a name stands for; null if it does not stand for a literal. */
export type Names = (name: string) => Literal | null

const MAX_DEPTH = 64

/** Returns the literal at `start` and the index behind it; null if there is none. */
export function literalAt(
  text: string,
  start: number,
  names?: Names,
): { value: Literal; end: number } | null {
  return new Reader(text, start, names).alone()
}

/** Returns the literal that a text consists of; null if it is not a literal. */
export function readLiteral(text: string): Literal | null {
  const found = literalAt(text, 0)
  return found !== null && text.slice(found.end).trim() === '' ? found.value : null
}

/**
 * Returns the arguments between the parenthesis at `start` and the one that closes it, and the index
 * behind that; null if they are not all literals.
 */
export function argumentsAt(
  text: string,
  start: number,
  names?: Names,
): { args: Argument[]; end: number } | null {
  return new Reader(text, start, names).call()
}

const IDENTIFIER = /[\p{L}_$][\p{L}\p{N}_$]*(?:\.[\p{L}_$][\p{L}\p{N}_$]*)?/uy
const NUMBER =
  /0[xX][\da-fA-F_]+n?|0[oO][0-7_]+n?|0[bB][01_]+n?|(?:\d[\d_]*)?\.\d[\d_]*(?:[eE][-+]?\d+)?|\d[\d_]*(?:\.(?:[eE][-+]?\d+)?|[eE][-+]?\d+|n)?/y
const PREFIX = /(?:[rRuUbB]|[bB][rR]|[rR][bB])(?=['"])/y

/** A map, since a text may hold any name, such as `constructor`. */
const WORDS: ReadonlyMap<string, Literal> = new Map<string, Literal>([
  ['True', { kind: 'word', value: 'true' }],
  ['true', { kind: 'word', value: 'true' }],
  ['False', { kind: 'word', value: 'false' }],
  ['false', { kind: 'word', value: 'false' }],
  ['None', { kind: 'word', value: 'none' }],
  ['null', { kind: 'word', value: 'none' }],
  ['undefined', { kind: 'word', value: 'undefined' }],
  ...['inf', 'Infinity', 'math.inf'].map((name) => [name, fraction(Infinity)] as const),
  ...['nan', 'NaN', 'math.nan'].map((name) => [name, fraction(NaN)] as const),
])
const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
  '\n': '',
}

function fraction(value: number): Literal {
  return { kind: 'number', negative: false, digits: null, value, big: false }
}

/** Thrown inside the reader where the text is not a literal. */
const NOT_LITERAL = Symbol('not a literal')

class Reader {
  #depth = 0

  constructor(
    readonly text: string,
    private at: number,
    readonly names: Names = () => null,
  ) {}

  alone(): { value: Literal; end: number } | null {
    return this.#tried(() => {
      const value = this.#value()
      return { value, end: this.at }
    })
  }

  call(): { args: Argument[]; end: number } | null {
    return this.#tried(() => {
      this.#expect('(')
      const args = this.#list(')', () => this.#argument())
      return { args, end: this.at }
    })
  }

  #tried<T>(read: () => T): T | null {
    try {
      return read()
    } catch (error) {
      if (error === NOT_LITERAL) return null
      throw error
    }
  }

  #argument(): Argument {
    const start = this.at
    const name = this.#match(IDENTIFIER)
    if (name !== null) {
      this.#space()
      if (this.#next() === '=' && this.text[this.at + 1] !== '=' && !name.includes('.')) {
        this.at++
        return { name, value: this.#value() }
      }
      this.at = start
    }
    return { name: null, value: this.#value() }
  }

  #value(): Literal {
    if (++this.#depth > MAX_DEPTH) throw NOT_LITERAL
    this.#space()
    const value = this.#bare()
    this.#depth--
    return value
  }

  #bare(): Literal {
    const first = this.#next()
    if (first === '-' || first === '+') {
      this.at++
      const of = this.#value()
      if (of.kind !== 'number') throw NOT_LITERAL
      return first === '-' ? { ...of, negative: !of.negative, value: -of.value } : of
    }
    if (first === '[') return this.#items('list', ']')
    if (first === '(') return this.#parentheses()
    if (first === '{') return this.#braces()
    if (first === "'" || first === '"' || first === '`' || this.#looking(PREFIX))
      return this.#strings()
    const number = this.#match(NUMBER)
    if (number !== null) return this.#number(number)
    return this.#named()
  }

  #items(kind: 'list' | 'set', close: string): Literal {
    this.at++
    return { kind, items: this.#list(close, () => this.#value()) }
  }

  #parentheses(): Literal {
    this.at++
    let commas = 0
    const items = this.#list(
      ')',
      () => this.#value(),
      () => commas++,
    )
    return items.length === 1 && commas === 0 ? items[0]! : { kind: 'tuple', items }
  }

  #braces(): Literal {
    const start = this.at++
    this.#space()
    if (this.#next() === '}') {
      this.at++
      return { kind: 'dict', entries: [] }
    }
    const key = this.#key()
    this.#space()
    if (key !== null && this.#next() === ':') {
      this.at = start + 1
      const entries = this.#list('}', (): [Literal, Literal] => {
        const name = this.#key() ?? this.#fail()
        this.#space()
        this.#expect(':')
        return [name, this.#value()]
      })
      return { kind: 'dict', entries }
    }
    this.at = start
    return this.#items('set', '}')
  }

  /** Reads a key of a dictionary or object; an object's may stand without quotes. */
  #key(): Literal | null {
    this.#space()
    const start = this.at
    const name = this.#match(IDENTIFIER)
    if (name !== null) {
      this.#space()
      const isBare = this.#next() === ':' && !WORDS.has(name) && !name.includes('.')
      if (isBare) return { kind: 'string', value: name }
      this.at = start
    }
    return this.#value()
  }

  #strings(): Literal {
    let value = ''
    let kind: 'string' | 'bytes' = 'string'
    do {
      const prefix = this.#match(PREFIX) ?? ''
      if (/b/i.test(prefix)) kind = 'bytes'
      value += this.#string(/r/i.test(prefix))
      const end = this.at
      this.#space()
      if (this.#next() === "'" || this.#next() === '"' || this.#looking(PREFIX)) continue
      this.at = end
      return { kind, value }
    } while (this.at < this.text.length)
    throw NOT_LITERAL
  }

  #string(raw: boolean): string {
    const mark = this.#next()!
    const triple = mark !== '`' && this.text.startsWith(mark.repeat(3), this.at)
    const close = triple ? mark.repeat(3) : mark
    this.at += close.length
    let value = ''
    for (;;) {
      const char = this.text[this.at]
      if (char === undefined || (char === '\n' && !triple && mark !== '`')) throw NOT_LITERAL
      if (this.text.startsWith(close, this.at)) break
      if (mark === '`' && this.text.startsWith('${', this.at)) throw NOT_LITERAL
      this.at++
      value += char !== '\\' ? char : raw ? char + (this.text[this.at++] ?? '') : this.#escape()
    }
    this.at += close.length
    return value
  }

  #escape(): string {
    const coded = /x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{([\da-fA-F]{1,6})\}|U([\da-fA-F]{8})/y
    coded.lastIndex = this.at
    const match = coded.exec(this.text)
    if (match !== null) {
      this.at = coded.lastIndex
      const code = parseInt(
        match.slice(1).find((part) => part !== undefined)!,
        16,
      )
      if (code > 0x10ffff) throw NOT_LITERAL
      return String.fromCodePoint(code)
    }
    const octal = this.#match(/[0-7]{1,3}/y)
    if (octal !== null) return String.fromCharCode(parseInt(octal, 8))
    const char = this.text[this.at++] ?? this.#fail()
    // Neither language gives another letter a meaning of its own; Python keeps the backslash.
    return ESCAPES[char] ?? (/[A-Za-z]/.test(char) ? `\\${char}` : char)
  }

  #number(text: string): Literal {
    const after = this.text[this.at]
    // "3rd", "1j", "2.5.1": not numbers.
    if (after !== undefined && /[\p{L}\p{N}_]/u.test(after)) throw NOT_LITERAL
    const plain = text.replaceAll('_', '')
    const big = plain.endsWith('n')
    const body = big ? plain.slice(0, -1) : plain
    if (!/^(?:\d+|0[xob][\da-f]+)$/i.test(body)) return fraction(Number(body))
    const digits = /^\d+$/.test(body) ? body.replace(/^0+(?=\d)/, '') : BigInt(body).toString()
    return { kind: 'number', negative: false, digits, value: Number(digits), big }
  }

  /** Reads a word, a constructor such as `set()` or `float('inf')`, or a name that is known. */
  #named(): Literal {
    const isNew = this.#match(/new\s+/y) !== null
    const name = this.#match(IDENTIFIER) ?? this.#fail()
    const word = WORDS.get(name) ?? this.names(name)
    if (word !== null) return word
    const isSet = name === 'set' || name === 'frozenset' || (isNew && name === 'Set')
    if (this.#next() !== '(' || (name !== 'float' && !isSet)) throw NOT_LITERAL
    this.at++
    const [of, ...more] = this.#list(')', () => this.#value())
    if (more.length > 0) throw NOT_LITERAL
    if (isSet) return { kind: 'set', items: itemsOf(of) }
    if (of?.kind !== 'string') throw NOT_LITERAL
    const value = /^([-+]?)(inf|infinity|nan)$/i.exec(of.value.trim())
    if (value === null) throw NOT_LITERAL
    const negative = value[1] === '-'
    const size = /nan/i.test(value[2]!) ? NaN : Infinity
    return {
      kind: 'number',
      negative,
      digits: null,
      value: negative ? -size : size,
      big: false,
    }
  }

  #list<T>(close: string, item: () => T, onComma: () => void = () => {}): T[] {
    const items: T[] = []
    for (;;) {
      this.#space()
      if (this.#next() === close) break
      items.push(item())
      this.#space()
      if (this.#next() !== ',') break
      this.at++
      onComma()
    }
    this.#expect(close)
    return items
  }

  /** Skips white space and comments. */
  #space(): void {
    this.#match(/(?:\s|#[^\n]*\n|\/\/[^\n]*\n|\\\n)*/y)
  }

  #next(): string | undefined {
    return this.text[this.at]
  }

  #expect(char: string): void {
    if (this.text[this.at] !== char) throw NOT_LITERAL
    this.at++
  }

  #looking(pattern: RegExp): boolean {
    pattern.lastIndex = this.at
    return pattern.test(this.text)
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at
    const match = pattern.exec(this.text)?.[0]
    if (match === undefined) return null
    this.at += match.length
    return match
  }

  #fail(): never {
    throw NOT_LITERAL
  }
}

/** Returns the items that a set is made of. */
function itemsOf(value: Literal | undefined): Literal[] {
  if (value === undefined) return []
  if ('items' in value) return value.items
  throw NOT_LITERAL
}

/** Writes a value in the notation of a language; equal values of one language are written equally. */
export function writeLiteral(value: Literal, notation: Notation): string {
  const python = notation === 'python'
  const all = (items: readonly Literal[]) =>
    items.map((item) => writeLiteral(item, notation)).join(', ')
  switch (value.kind) {
    case 'number':
      return writeNumber(value, python)
    case 'string':
      return quoted(value.value)
    case 'bytes':
      return python ? `b${quoted(value.value)}` : quoted(value.value)
    case 'word':
      return python
        ? { true: 'True', false: 'False', none: 'None', undefined: 'None' }[value.value]
        : value.value === 'none'
          ? 'null'
          : value.value
    case 'list':
      return `[${all(value.items)}]`
    case 'tuple':
      if (!python) return `[${all(value.items)}]`
      return value.items.length === 1 ? `(${all(value.items)},)` : `(${all(value.items)})`
    case 'set':
      if (!python) return `new Set([${all(value.items)}])`
      return value.items.length === 0 ? 'set()' : `{${all(value.items)}}`
    case 'dict': {
      const entries = value.entries.map(
        ([key, of]) => `${writeKey(key, notation)}: ${writeLiteral(of, notation)}`,
      )
      return `{${entries.join(', ')}}`
    }
  }
}

/** In JavaScript, `'__proto__': value` would set the prototype of the object. */
const writeKey = (key: Literal, notation: Notation): string =>
  notation === 'javascript' && key.kind === 'string' && key.value === '__proto__'
    ? "['__proto__']"
    : writeLiteral(key, notation)

function writeNumber(
  { negative, digits, value, big }: Extract<Literal, { kind: 'number' }>,
  python: boolean,
): string {
  const sign = negative ? '-' : ''
  if (digits !== null) return `${sign}${digits}${big && !python ? 'n' : ''}`
  if (!Number.isFinite(value)) {
    const name = Number.isNaN(value) ? 'nan' : 'inf'
    return python ? `float('${sign}${name}')` : `${sign}${name === 'nan' ? 'NaN' : 'Infinity'}`
  }
  const text = String(Math.abs(value))
  return `${sign}${python && /^\d+$/.test(text) ? `${text}.0` : text}`
}

/** Returns a string in single quotes, with escapes that Python and JavaScript share. */
const quoted = (value: string): string =>
  `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`

/** The difference up to which numbers with a fraction are equal: relative above 1, absolute below. */
const TOLERANCE = 1e-9

/** Returns whether two numbers, at least one of which is not whole, are equal to 1e-9. */
export const near = (a: number, b: number): boolean =>
  Object.is(a, b) ||
  a === b ||
  (Number.isFinite(a) &&
    Number.isFinite(b) &&
    Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b)))

/**
 * Returns whether two values are equal: fractions to 1e-9, whole numbers exactly, lists and tuples in
 * order, sets and dictionaries in any order. A list does not equal a tuple, nor 1 True or 1n.
 */
export function sameLiteral(a: Literal, b: Literal): boolean {
  if (a.kind === 'number' && b.kind === 'number')
    return a.digits !== null && b.digits !== null
      ? a.digits === b.digits && a.big === b.big && (a.negative === b.negative || a.digits === '0')
      : near(a.value, b.value)
  if (a.kind !== b.kind) return false
  const all = (ours: readonly Literal[], theirs: readonly Literal[]) =>
    ours.length === theirs.length && ours.every((item, i) => sameLiteral(item, theirs[i]!))
  if (a.kind === 'dict' && b.kind === 'dict') {
    const [ours, theirs] = [a, b].map(({ entries }) => inOrder(entries, ([key]) => key))
    return all(ours!.flat(), theirs!.flat())
  }
  if (a.kind === 'set' && b.kind === 'set')
    return all(
      ...([a, b].map(({ items }) => inOrder(items, (item) => item)) as [Literal[], Literal[]]),
    )
  if ('items' in a && 'items' in b) return all(a.items, b.items)
  return 'value' in a && 'value' in b && a.value === b.value
}

/** Returns different items in an order that does not depend on the last digits of numbers. */
function inOrder<T>(items: readonly T[], keyOf: (item: T) => Literal): T[] {
  const named = new Map(items.map((item) => [writeLiteral(keyOf(item), 'python'), item]))
  const rank = ({ kind }: Literal) => (kind === 'number' ? 0 : 1)
  return [...named]
    .sort(([a, x], [b, y]) => {
      const [ours, theirs] = [keyOf(x), keyOf(y)]
      if (ours.kind === 'number' && theirs.kind === 'number') return ours.value - theirs.value
      return rank(ours) - rank(theirs) || (a < b ? -1 : a > b ? 1 : 0)
    })
    .map(([, item]) => item)
}

/** Returns the value with 1 for true and 0 for false, which are equal in Python. */
export function withNumbers(value: Literal): Literal {
  if (value.kind === 'word' && (value.value === 'true' || value.value === 'false'))
    return value.value === 'true' ? ONE : ZERO
  if (value.kind === 'dict')
    return {
      kind: 'dict',
      entries: value.entries.map(([key, of]) => [withNumbers(key), withNumbers(of)]),
    }
  return 'items' in value ? { ...value, items: value.items.map(withNumbers) } : value
}

const [ZERO, ONE] = [0, 1].map((value): Literal => ({
  ...{ kind: 'number', negative: false, big: false },
  ...{ digits: String(value), value },
})) as [Literal, Literal]
