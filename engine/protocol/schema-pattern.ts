/**
 * Regular expressions of JSON schemas (`pattern`), for llama.cpp's converter. It copies classes and
 * characters as they are, so a `.` would match the quote that ends a string; and it takes a pattern
 * that it does not know for any string.
 */

const MAX_GROUPS = 16
/**
 * Places where a text can go on in more than one way. llama.cpp tries all combinations for every token
 * that it offers, so that they multiply.
 */
const MAX_CHOICES = 6
/** The most often that a part may be repeated, by a number; llama.cpp has a limit of 2000. */
export const MAX_REPEATS = 1900
/** What a JSON string does not hold as such. */
const NOT_IN_STRING = '"\\\\\\x7F\\x00-\\x1F'
const CLASSES: Record<string, string> = { d: '0-9', w: 'A-Za-z0-9_', s: ' ' }

const NOTHING = { size: 0, choices: 0 }

export class PatternError extends Error {}

/** Returns the pattern for the converter, and how many states it has. Throws `PatternError`. */
export function readPattern(pattern: string): { text: string; size: number } {
  if (!/^\^[^]*\$$/.test(pattern)) throw new PatternError("must begin with '^' and end with '$'")
  const inner = pattern.slice(1, -1)
  const open: { size: number; choices: number }[] = []
  let group = { size: 0, choices: 0 }
  let [out, last, i] = ['', NOTHING, 0]
  const choose = () => {
    if (++group.choices > MAX_CHOICES)
      throw new PatternError(`can have '|', '?', '*', '+' and '{' ${MAX_CHOICES} times at most`)
  }
  const add = (text: string, size = 1, choices = 0) => {
    out += text
    group.size += size
    group.choices += choices
    last = { size, choices }
  }
  while (i < inner.length) {
    const rest = inner.slice(i)
    const char = String.fromCodePoint(rest.codePointAt(0)!)
    i += char.length
    if (char === '(') {
      if (open.length === MAX_GROUPS) throw new PatternError('has too many groups in groups')
      if (rest.startsWith('(?')) {
        if (!rest.startsWith('(?:')) throw new PatternError(`cannot have '${rest.slice(0, 3)}'`)
        i += 2
      }
      out += '('
      open.push(group)
      group = { size: 0, choices: 0 }
      last = NOTHING
    } else if (char === ')') {
      const { size, choices } = group
      const outer = open.pop()
      if (outer === undefined) throw new PatternError("has a ')' too many")
      group = outer
      add(')', Math.max(1, size), choices)
    } else if (char === '|') {
      out += '|'
      choose()
      last = NOTHING
    } else if ('*+?{'.includes(char)) {
      const [all, least, , most] = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(rest) ?? []
      if (last.size === 0 || (char === '{' && all === undefined))
        throw new PatternError(`has nothing that '${rest.slice(0, 8)}' could repeat`)
      if (last.choices > 0 && char !== '?')
        throw new PatternError(`cannot repeat what has choices, by '${all ?? char}'`)
      if (all === undefined || most !== undefined) choose()
      const times = char === '+' ? 2 : Math.max(Number(least ?? 1), Number(most ?? 1))
      if (times > MAX_REPEATS) throw new PatternError(`can repeat ${MAX_REPEATS} times at most`)
      if (Number(most || MAX_REPEATS) < Number(least ?? 0))
        throw new PatternError(`cannot have '${all}'`)
      out += all ?? char
      i += (all?.length ?? 1) - 1
      group.size += last.size * (times - 1)
      last = NOTHING
    } else if (char === '[') {
      const found = /^\[(\^?)((?:[^\\\]]|\\.)+)\]/u.exec(rest)
      if (found === null) throw new PatternError("has a '[' without an end")
      i += found[0].length - 1
      add(classOf(found[1] === '^', found[2]!))
    } else if (char === '.') add(`[^${NOT_IN_STRING}]`)
    else if (char === '\\') {
      const next = rest[1] ?? ''
      i++
      add(next in CLASSES ? `[${CLASSES[next]}]` : literal(escaped(next)))
    } else if ('^$]}'.includes(char)) throw new PatternError(`cannot have '${char}' inside`)
    else add(literal(char))
  }
  if (open.length > 0) throw new PatternError("has a '(' without an end")
  return { text: `^${out}$`, size: group.size }
}

function classOf(negated: boolean, content: string): string {
  const text = content.replace(/\\(.)|[^]/gu, (whole, next: string | undefined) => {
    if (next === undefined) return whole === '"' ? code(whole) : whole
    return CLASSES[next] ?? code(escaped(next))
  })
  if (!negated && /\\x(?:22|5C)/.test(text))
    throw new PatternError('cannot match a quote or a backslash')
  return negated ? `[^${NOT_IN_STRING}${text}]` : `[${text}]`
}

/** Returns what an escape stands for. */
function escaped(char: string): string {
  if (!/^[!-/:-@[-`{-~]$/.test(char)) throw new PatternError(`cannot have '\\${char}'`)
  return char
}

function literal(char: string): string {
  if (char === '"' || char === '\\' || char < ' ' || char === '\x7f')
    throw new PatternError('cannot match a quote, a backslash or a control character')
  return '^$.[]()|{}*+?'.includes(char) ? `\\${char}` : char
}

const code = (char: string): string =>
  `\\x${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
