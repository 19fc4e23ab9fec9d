import { parse, type MathNode } from 'mathjs/number'
import { latexToInfix } from './latex.ts'

/**
 * Decides whether two short answers are mathematically equal, in the notation of benchmarks such as
 * MATH-500. Numbers and fractions are compared exactly. Expressions are compared by their values at
 * fixed points (mathjs, in float64, so the work is bounded). Sets, tuples, intervals, unions and
 * lists are compared part by part. Anything else is compared as text, as are answers that are too
 * long or cannot be parsed.
 */

/** Answers longer than this many characters are compared as text. */
const MAX_MATH = 300
/** The largest power of ten that is expanded to digits. */
const MAX_EXPONENT = 300
const TOLERANCE = 1e-9

export type Value =
  | { kind: 'exact'; numerator: bigint; denominator: bigint }
  /** One value per sample point; a constant has the same value at each. */
  | { kind: 'expression'; values: readonly number[] }
  /** `open`, `close`: the brackets. The order matters only in a `tuple`. */
  | {
      kind: 'parts'
      shape: 'tuple' | 'set' | 'list' | 'union'
      open: string
      close: string
      parts: readonly Value[]
    }
  | { kind: 'text'; text: string }

export interface Meaning {
  value: Value
  /** The answer is written in percent: `value` is the number before the sign. */
  percent: boolean
}

/** Returns what an answer means. Pure; never throws. */
export function meaningOf(answer: string): Meaning {
  if (answer.length > MAX_MATH)
    return { value: { kind: 'text', text: plainText(answer) }, percent: false }
  const clean = withoutNotation(answer)
  const percent = /\\?%$/.test(clean)
  const bare = percent ? clean.replace(/\s*\\?%$/, '') : clean
  return { value: read(bare, 0) ?? { kind: 'text', text: plainText(bare) }, percent }
}

/**
 * Returns whether two answers are equal. 50% equals both 50 (the unit omitted) and 1/2; `vote`
 * picks one reading.
 */
export function equalAnswers(a: string, b: string): boolean {
  return sameMeaning(meaningOf(a), meaningOf(b))
}

export function sameMeaning(a: Meaning, b: Meaning): boolean {
  if (sameValue(a.value, b.value)) return true
  return (
    a.percent !== b.percent &&
    sameValue(a.percent ? hundredth(a.value) : a.value, b.percent ? hundredth(b.value) : b.value)
  )
}

/** Returns a percentage as a plain number. */
export function hundredth(value: Value): Value {
  if (value.kind === 'exact') return exact(value.numerator, value.denominator * 100n)
  if (value.kind === 'expression')
    return { kind: 'expression', values: value.values.map((v) => v / 100) }
  return value
}

export function sameValue(a: Value, b: Value): boolean {
  if (a.kind === 'exact' && b.kind === 'exact')
    return a.numerator === b.numerator && a.denominator === b.denominator
  if (a.kind === 'parts' && b.kind === 'parts') return sameParts(a, b)
  const left = numbers(a)
  const right = numbers(b)
  if (left !== null && right !== null)
    return POINTS.every(
      (_, i) =>
        close(at(left, i), at(right, i)) ||
        (i === POINTS.length - 1 && !Number.isFinite(at(left, i) - at(right, i))),
    )
  return a.kind === 'text' && b.kind === 'text' && a.text === b.text
}

type Parts = Extract<Value, { kind: 'parts' }>

function sameParts(a: Parts, b: Parts): boolean {
  if (
    a.shape !== b.shape ||
    a.open !== b.open ||
    a.close !== b.close ||
    a.parts.length !== b.parts.length
  )
    return false
  if (a.shape === 'tuple') return a.parts.every((part, i) => sameValue(part, b.parts[i]!))
  const rest = [...b.parts]
  return a.parts.every((part) => {
    const i = rest.findIndex((other) => sameValue(part, other))
    if (i >= 0) rest.splice(i, 1)
    return i >= 0
  })
}

function numbers(value: Value): readonly number[] | null {
  if (value.kind === 'expression') return value.values
  if (value.kind !== 'exact') return null
  const whole = value.numerator / value.denominator
  // Long division keeps the full precision of float64 even for very large integers.
  const scaled = ((value.numerator - whole * value.denominator) * 10n ** 18n) / value.denominator
  return [Number(whole) + Number(scaled) / 1e18]
}

const at = (values: readonly number[], i: number) => values[i] ?? values[0]!
const close = (a: number, b: number) =>
  a === b ||
  (Number.isFinite(a - b) && Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b)))

function exact(numerator: bigint, denominator: bigint): Value {
  if (denominator < 0n) [numerator, denominator] = [-numerator, -denominator]
  let [a, b] = [numerator < 0n ? -numerator : numerator, denominator]
  while (b !== 0n) [a, b] = [b, a % b]
  return a === 0n
    ? { kind: 'exact', numerator: 0n, denominator: 1n }
    : { kind: 'exact', numerator: numerator / a, denominator: denominator / a }
}

/** Returns an answer without notation that does not affect its value. */
function withoutNotation(answer: string): string {
  let text = answer
    .replace(/(\d)([\u00bc-\u00be\u2150-\u215e])/g, '$1 $2')
    .replace(/\u00b2/g, '^2')
    .replace(/\u00b3/g, '^3')
    .normalize('NFKC')
    .replace(/[\u2212\u2013]/g, '-')
    .replace(/\u00d7/g, '\\times ')
    .replace(/\u00f7/g, '\\div ')
    .replace(/[\u00b7\u22c5]/g, '\\cdot ')
    .replace(/\u03c0/g, '\\pi ')
    .replace(/\u221e/g, '\\infty ')
    .replace(/\u221a\s*(\w+|(?=[({]))/g, '\\sqrt{$1}')
    .replace(/\\sqrt\{\}/g, '\\sqrt')
    .replace(/\u222a/g, '\\cup ')
    .replace(/\u2044/g, '/')
  text = text
    .replace(/\\(?:left|right|displaystyle|mathstrut|limits|big|Big|bigg|Bigg)(?![a-zA-Z])/g, '')
    .replace(/(?<!\\)\\[!,;:> ]|~|\\q?quad(?![a-zA-Z])/g, ' ')
  text = text
    .replace(/\\[()[\]]/g, ' ')
    .replace(/\\?\$|[\u20ac\u00a3]/g, '')
    .replace(/\*\*/g, '')
    .replace(/(\d)\{,\}(?=\d{3})/g, '$1,')
  text = text.replace(/\^\s*(?:\{\s*\\circ\s*\}|\\circ|\\degree)|\\degree|\u00b0/g, '')
  text = text
    .trim()
    .replace(/[.,;]$/, '')
    .trim()
  // \text{ cm} after a number is a unit; around the whole answer it only sets a font.
  text = text
    .replace(
      /(?<=[\d}\s])\\(?:text|mathrm|mbox|textrm|operatorname)\s*\{[^{}]*\}(?:\s*\^\s*(?:\d|\{\d\}))?$/,
      '',
    )
    .trim()
  text = text
    .replace(
      /\\(?:text|mathrm|mbox|textbf|mathbf|textit|mathit|textrm|operatorname|rm)\s*\{([^{}]*)\}/g,
      '$1',
    )
    .trim()
  text = text.replace(/^[a-zA-Z]\w?(?:_\{?\w\}?|\([a-z]\))?\s*(?:=|\\in(?![a-zA-Z]))\s*(?=\S)/, '')
  return text.replace(UNITS, '$1').trim()
}

const UNITS =
  /^([-+]?(?:[\d.,/ ]*\d))\s*(?:(?:square|cubic|sq\.?)\s+)?(?:degrees?|radians?|dollars?|cents?|hours?|hrs?|minutes?|mins?|seconds?|secs?|days?|weeks?|months?|years?|(?:milli|centi|kilo)?met(?:er|re)s?|miles?|mph|inch(?:es)?|foot|feet|ft|yards?|units?|cm|mm|km|kg|grams?|lit(?:er|re)s?|(?:milli)?litres?|ml|percent(?=$)|points?|students?|people|ways?)(?:\s*\^\s*\{?[23]\}?)?$/i

function plainText(text: string): string {
  const flat = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/\s+/g, '')
    .replace(/_\{(\w)\}/g, '_$1')
    .replace(/\^\{(\w)\}/g, '^$1')
    .replace(/\\[dt]frac/g, '\\frac')
    .replace(/[.,;:!]+$/, '')
  return /^\([a-z]\)$/.test(flat) ? flat.slice(1, -1) : flat
}

function read(text: string, depth: number): Value | null {
  if (depth > 4 || text === '') return null
  return number(text) ?? parts(text, depth) ?? expression(text)
}

const DECIMAL = String.raw`(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+`
const PLAIN = new RegExp(
  String.raw`^([-+]?)\s*(${DECIMAL})(?:\s*(?:[eE]|(?:\\times|\\cdot|\*|x)\s*10\s*\^)\s*(?:\{?\s*([-+]?\d{1,4})\s*\}?))?$`,
)
const FRACTION = new RegExp(
  String.raw`^([-+]?)\s*(?:(\d+)\s+)?(?:(${DECIMAL})\s*/\s*([-+]?)(${DECIMAL}))$`,
)
const LATEX_FRACTION =
  /^([-+]?)\s*(\d*)\s*\\[dtc]?frac\s*(?:\{\s*([-+]?)(\d+)\s*\}|(\d))\s*(?:\{\s*([-+]?)(\d+)\s*\}|(\d))$/

function number(text: string): Value | null {
  const plain = PLAIN.exec(text)
  if (plain !== null) {
    const [n, d] = decimal(plain[2]!)
    const exponent = Number(plain[3] ?? 0)
    if (Math.abs(exponent) > MAX_EXPONENT) return null
    const signed = plain[1] === '-' ? -n : n
    return exponent < 0
      ? exact(signed, d * 10n ** BigInt(-exponent))
      : exact(signed * 10n ** BigInt(exponent), d)
  }
  const fraction = FRACTION.exec(text)
  if (fraction !== null)
    return ratio(
      fraction[1],
      fraction[2],
      decimal(fraction[3]!),
      decimal(fraction[5]!),
      fraction[4],
    )
  const latex = LATEX_FRACTION.exec(text)
  if (latex === null) return null
  const sign = (latex[3] === '-') === (latex[6] === '-') ? '' : '-'
  return ratio(
    latex[1],
    latex[2],
    [BigInt(latex[4] ?? latex[5]!), 1n],
    [BigInt(latex[7] ?? latex[8]!), 1n],
    sign,
  )
}

function ratio(
  sign: string | undefined,
  whole: string | undefined,
  [a, b]: [bigint, bigint],
  [c, d]: [bigint, bigint],
  inner: string | undefined,
): Value | null {
  if (c === 0n) return null
  const mixed = whole === undefined || whole === '' ? 0n : BigInt(whole)
  const numerator = mixed * b * c + (inner === '-' ? -a * d : a * d)
  return exact(sign === '-' ? -numerator : numerator, b * c)
}

function decimal(text: string): [bigint, bigint] {
  const [whole = '', fraction = ''] = text.replaceAll(',', '').split('.')
  return [BigInt(whole + fraction), 10n ** BigInt(fraction.length)]
}

/** Parses sets, tuples, intervals, unions and lists; returns null for any other text. */
function parts(text: string, depth: number): Value | null {
  const make = (
    shape: Parts['shape'],
    open: string,
    close: string,
    pieces: readonly string[],
  ): Value => ({
    kind: 'parts',
    shape,
    open,
    close,
    parts: pieces.map(
      (piece) => read(piece.trim(), depth + 1) ?? { kind: 'text', text: plainText(piece) },
    ),
  })
  const union = split(text, /\\cup(?![a-zA-Z])/y)
  if (union.length > 1) return make('union', '', '', union)
  const set = /^\\\{(.*)\\\}$/s.exec(text)
  if (set !== null) return make('set', '{', '}', split(set[1]!, /,/y))
  const matrix = /^\\begin\{([bpvB]?matrix)\}(.*)\\end\{\1\}$/s.exec(text)
  if (matrix !== null)
    return make(
      'tuple',
      '[',
      ']',
      split(matrix[2]!, /\\\\/y).flatMap((row) => [...split(row, /&/y), ';']),
    )
  const pieces = split(text, /,/y)
  if (pieces.length > 1) return make('list', '', '', pieces)
  if (!/^[([].*[)\]]$/s.test(text)) return null
  const inner = split(text.slice(1, -1), /,/y)
  return inner.length > 1 && balanced(text.slice(1, -1))
    ? make('tuple', text[0]!, text.at(-1)!, inner)
    : null
}

/** Splits at each separator that is not inside brackets. */
function split(text: string, separator: RegExp): string[] {
  const pieces: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    separator.lastIndex = i
    const hit = depth === 0 ? separator.exec(text) : null
    if (hit !== null) {
      pieces.push(text.slice(start, i))
      i += hit[0].length - 1
      start = i + 1
    } else if ('([{'.includes(text[i]!)) depth++
    else if (')]}'.includes(text[i]!)) depth--
  }
  return [...pieces, text.slice(start)]
}

function balanced(text: string): boolean {
  let depth = 0
  for (const c of text) {
    if ('([{'.includes(c)) depth++
    else if (')]}'.includes(c) && --depth < 0) return false
  }
  return depth === 0
}

/** Only these functions may be called, and only these kinds of nodes evaluated. */
const CALLED = new Set([
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
  'log',
  'exp',
  'sqrt',
  'abs',
  'cbrt',
  'nthRoot',
  'combinations',
])
const NODES = new Set([
  'ConstantNode',
  'OperatorNode',
  'ParenthesisNode',
  'SymbolNode',
  'FunctionNode',
])
const SYMBOLS = new Set(['pi', 'e', 'Infinity'])
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
function sample(name: string, point: number): number {
  const code = [...name].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 0)
  return Math.sign(point) * (1.5 + Math.sin(code * Math.abs(point)))
}

function expression(text: string): Value | null {
  try {
    const infix = latexToInfix(text)
    const node = parse(infix)
    const variables = new Set<string>()
    node.traverse((part) => check(part, variables))
    const code = node.compile()
    const values = POINTS.map((point) =>
      Number(code.evaluate(new Map([...variables].map((name) => [name, sample(name, point)])))),
    )
    // Undefined or overflowing values prove nothing. The last point is exempt: much is undefined
    // for negative numbers.
    const positive = values.slice(0, -1)
    if (
      positive.some(Number.isNaN) ||
      !(positive.every(Number.isFinite) || infix.includes('Infinity'))
    )
      return null
    return { kind: 'expression', values }
  } catch {
    return null // not a supported expression: compared as text
  }
}

function check(node: MathNode, variables: Set<string>): void {
  const { type, name = '', args = [] } = node as MathNode & { name?: string; args?: MathNode[] }
  if (!NODES.has(type)) throw new Error(type)
  if (type === 'FunctionNode' && !CALLED.has(name)) throw new Error(name)
  if (type === 'SymbolNode' && !CALLED.has(name) && !SYMBOLS.has(name)) {
    if (!name.endsWith('_')) throw new Error(name)
    variables.add(name)
  }
  // The running time of `combinations` grows with its arguments.
  if (name === 'combinations' && !args.every((arg) => Number(arg.toString()) <= 1000))
    throw new Error(name)
}
