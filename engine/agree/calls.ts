import {
  MAX_CALL_CHARS,
  MAX_CALLS,
  type CallSource,
  type ProgramLanguage,
} from '../protocol/agreement.ts'
import {
  argumentsAt,
  literalAt,
  writeLiteral,
  type Argument,
  type Literal,
  type Names,
} from '../protocol/answers/literals.ts'
import { familyOf } from './code.ts'

/**
 * Calls with literal arguments, harvested wherever they stand in a text. Nothing is evaluated: a
 * call is read and written again.
 */

export interface Call {
  /** Written in one way, so that equal calls are equal texts. */
  text: string
  from: CallSource
  /** The result that the question or the user states. */
  expected?: string
}

export interface Called {
  function: string
  language: ProgramLanguage
}

/** What the user adds: a call, and the result that it should have. */
export interface UserCall {
  call: string
  expected?: string | undefined
}

/** The most characters of a text that are searched, and of all texts that calls are read from. */
const MAX_TEXT = 1 << 18
const MAX_READ = 1 << 20

/**
 * Returns the different calls of a function in a text, in order. If the same call is stated to have
 * different results, it has no expected one.
 */
export function callsIn(text: string, called: Called, from: CallSource): Call[] {
  const states = from === 'question' || from === 'user'
  const source = text.slice(0, MAX_TEXT)
  const names = assignments(source)
  const calls = new Collected()
  let read = 0
  for (const start of occurrences(source, called.function)) {
    const open = start + called.function.length
    const found = argumentsAt(source.slice(open, open + MAX_CALL_CHARS), 0, names.before(start))
    read += found?.end ?? 64
    if (read > MAX_READ) break
    if (found === null) continue
    const expected = states ? statedResult(source, start, open + found.end, called) : null
    calls.add(written(found.args, called), from, expected)
  }
  if (states)
    for (const { args, expected } of exampleInputs(source, called))
      calls.add(written(args, called), from, expected)
  return calls.all()
}

/** Returns the call that a user typed, as it is written here; null if it is not one. */
export function readCall(text: string, called: Called): string | null {
  const [call] = callsIn(text, called, 'user')
  return call?.text ?? null
}

/**
 * Returns the calls to run, at most 40: the user's, those of the question and of the probe, then the
 * attempts' in turn. A call counts once, however it is written and wherever it stands.
 */
export function harvest(
  texts: {
    question: string
    attempts: readonly string[]
    probe?: string | undefined
    user?: readonly UserCall[] | undefined
  },
  called: Called,
): Call[] {
  const calls = new Collected()
  for (const { call, expected } of texts.user ?? []) {
    const text = readCall(call, called)
    if (text !== null) calls.add(text, 'user', expected ?? null)
  }
  const attempts = texts.attempts.map((text) => callsIn(text, called, 'attempt'))
  const longest = Math.max(0, ...attempts.map(({ length }) => length))
  const inTurn = Array.from({ length: longest }, (_, i) => attempts.flatMap((of) => of[i] ?? []))
  for (const { text, from, expected } of [
    ...callsIn(texts.question, called, 'question'),
    ...callsIn(texts.probe ?? '', called, 'probe'),
    ...inTurn.flat(),
  ])
    calls.add(text, from, expected ?? null)
  return calls.all().slice(0, MAX_CALLS)
}

/** Different calls in order. The first source of a call stands; so does what the user expects. */
class Collected {
  readonly #calls = new Map<string, Call & { doubted?: true }>()

  add(text: string, from: CallSource, expected: string | null): void {
    if (text.length > MAX_CALL_CHARS) return
    const known = this.#calls.get(text)
    if (known === undefined)
      this.#calls.set(text, { text, from, ...(expected !== null && { expected }) })
    else if (expected !== null && known.expected === undefined && known.doubted === undefined)
      known.expected = expected
    else if (expected !== null && known.expected !== expected && known.from !== 'user') {
      delete known.expected
      known.doubted = true
    }
  }

  all(): Call[] {
    return [...this.#calls.values()].map(({ doubted: _, ...call }) => call)
  }
}

function written(args: readonly Argument[], { function: name, language }: Called): string {
  const family = familyOf(language)
  const parts = args.map(({ name: keyword, value }) => {
    const text = writeLiteral(value, family)
    return keyword === null || family === 'javascript' ? text : `${keyword}=${text}`
  })
  return `${name}(${parts.join(', ')})`
}

/** Yields where a name stands as a word of its own before a parenthesis, not at its definition. */
function* occurrences(text: string, name: string): Generator<number> {
  for (let i = text.indexOf(name); i >= 0; i = text.indexOf(name, i + name.length)) {
    if (text[i + name.length] !== '(' || /[\w$]/.test(text[i - 1] ?? '')) continue
    if (/\b(?:def|function\*?|async)[ \t]+$/.test(text.slice(Math.max(0, i - 16), i))) continue
    yield i
  }
}

const ASSIGNMENT =
  /^[ \t]*(?:>>>[ \t]*)?(?:(?:const|let|var)[ \t]+)?([A-Za-z_$][\w$]{0,63})[ \t]*(?::[^=\n]{1,80})?=(?![=>])[ \t]*/gm

/** Literals that names are given in a text, for calls such as `f(items)` behind `items = [1, 2]`. */
function assignments(text: string): { before: (at: number) => Names } {
  const all = new Map<string, { at: number; value: Literal }[]>()
  let read = 0
  for (const match of text.matchAll(ASSIGNMENT)) {
    if (read > MAX_READ) break
    const from = match.index + match[0].length
    const rest = text.slice(from, from + MAX_CALL_CHARS)
    const found = literalAt(rest, 0)
    read += found?.end ?? 64
    if (found === null || !/^[ \t]*(?:;|#|\/\/|\r?\n|$)/.test(rest.slice(found.end))) continue
    const list = all.get(match[1]!) ?? []
    list.push({ at: from, value: found.value })
    all.set(match[1]!, list)
  }
  return {
    before: (at) => (name) => all.get(name)?.findLast((one) => one.at < at)?.value ?? null,
  }
}

/** What stands between a call and the result that a text states for it. */
const STATES =
  /^[`*)\s;]{0,6}?(?:={2,3}|-+>|=>|→|➞|⇒|=(?!=)|(?:should |must |will )?(?:return|give|yield|output|equal|produce)s?\b|(?:evaluates|is equal) to\b|is\b|(?:#|\/\/)\s*(?:(?:-+>|=>|returns?|outputs?:?|expected(?: output)?:?|==|prints?:?)\s*)?|\.to(?:Be|Equal|StrictEqual|BeCloseTo)\()[ \t]{0,4}[`*]{0,2}/i
const NEXT_LINE =
  /^[ \t]*(?:\n[ \t]*(?:#|\/\/)?[ \t]*(?:(?:expected )?output|returns?|=>|->)[ \t]*:?|\n)[ \t]*/i
/** What may follow a stated result. */
const END =
  /^[`*]{0,2}[)\]]?[`*]{0,2}(?:$|\s*\n|\s*[.,;:)](?:\s|$)|\s*(?:#|\/\/|\()|\s+(?:because|since|as|and|while|but|for)\b)/

/** Returns the result that a text states for the call in [start, end); null if it states none. */
function statedResult(text: string, start: number, end: number, called: Called): string | null {
  const rest = text.slice(end, end + MAX_CALL_CHARS)
  const line = text.slice(text.lastIndexOf('\n', start) + 1, start)
  if (/>>>\s*(?:print\()?$/.test(line)) {
    const shown = /^\)?[ \t]*\r?\n[ \t]*([^\n]*)/.exec(rest)?.[1]?.trim() ?? ''
    if (shown === '' || shown.startsWith('>>>') || shown.startsWith('```')) return null
    return literalText(shown, called) ?? shown
  }
  const asserts = /[eE]qual\s*\(\s*$/.test(line) ? /^\s*,\s*/.exec(rest) : null
  const stated = asserts ?? STATES.exec(rest)
  if (stated !== null && stated[0] !== '') return resultAt(rest, stated[0].length, called)
  const below = NEXT_LINE.exec(rest)
  return below !== null && below[0].trim() !== '' ? resultAt(rest, below[0].length, called) : null
}

function resultAt(text: string, at: number, { language }: Called): string | null {
  const found = literalAt(text, at)
  if (found === null || !END.test(text.slice(found.end, found.end + 80))) return null
  return writeLiteral(found.value, familyOf(language))
}

function literalText(text: string, { language }: Called): string | null {
  const found = literalAt(text, 0)
  return found === null || text.slice(found.end).trim() !== ''
    ? null
    : writeLiteral(found.value, familyOf(language))
}

const INPUT = /^\W{0,6}(?:sample |example )?input\W{0,6}\d{0,2}\W{0,4}?[:=]\W{0,2}?[ \t]*/gim
const OUTPUT =
  /^\s*\W{0,6}(?:(?:sample |example |expected )?(?:output|result)|returns?)\W{0,6}\d{0,2}\W{0,4}?[:=][*`]{0,2}[ \t]*/i

/** Reads examples such as "Input: nums = [2, 7], target = 9" with "Output: [0, 1]" below. */
function exampleInputs(
  text: string,
  called: Called,
): { args: Argument[]; expected: string | null }[] {
  return [...text.matchAll(INPUT)].slice(0, MAX_CALLS).flatMap((match) => {
    const from = match.index + match[0].length
    const [line] = /[^\n]*/.exec(text.slice(from, from + MAX_CALL_CHARS))!
    const inner = line!.replace(/^[`*\s]+|[`*\s.]+$/g, '')
    const found = argumentsAt(`(${inner})`, 0)
    if (inner === '' || found === null || found.end !== inner.length + 2) return []
    const rest = text.slice(from + line!.length, from + line!.length + MAX_CALL_CHARS)
    const output = OUTPUT.exec(rest)
    const expected = output === null ? null : resultAt(rest, output[0].length, called)
    return [{ args: found.args.map(({ value }) => ({ name: null, value })), expected }]
  })
}
