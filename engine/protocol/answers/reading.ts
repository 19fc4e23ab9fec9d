import { expression, relation } from './expression.ts'
import { plain, sameMeaning, type Meaning, type Parts, type Value } from './meaning.ts'
import { isBalanced, plainNotation, splitAt } from './notation.ts'
import { compoundOf, measured } from './quantity.ts'
import { isName, numberIn, plainText } from './words.ts'

/** Answers longer than this many characters are compared as text. */
const MAX_MATH = 300
const MAX_DEPTH = 4

/** Returns what an answer means. Pure; never throws. */
export function meaningOf(answer: string): Meaning {
  if (answer.length > MAX_MATH) return plain({ kind: 'text', text: plainText(answer) })
  return meaning(plainNotation(answer), 0)
}

/** Reads an answer that `plainNotation` wrote. */
function meaning(text: string, depth: number): Meaning {
  if (depth > MAX_DEPTH) return plain({ kind: 'text', text: plainText(text) })
  const choice = depth === 0 ? choiceOf(text) : null
  if (choice !== null) return choice
  const compound = compoundOf(text)
  if (compound !== null) return compound
  const list = listOf(text, depth)
  if (list !== null) return alternatives(text, list) ?? plain(list)
  return relationOf(text, depth) ?? amount(text, depth)
}

/** Reads a value with its unit or its percent sign. */
function amount(text: string, depth: number): Meaning {
  const { bare, percent, unit } = measured(text)
  const readings = read(bare, depth)
  if (readings.length > 0 && (unit === null || readings[0]!.kind !== 'text' || isClock(bare)))
    return { readings, percent, unit, name: null }
  return plain({ kind: 'text', text: plainText(text) })
}

const isClock = (text: string) => /^\d{1,2}:\d{2}(?::\d{2})?$/.test(text)

const LETTER = String.raw`(?:\(\s*([A-Ja-j])\s*\)|\[([A-J])\]|([A-J])\s*[).:](?!\d))`
const CHOICE = new RegExp(
  String.raw`^(?:\\text\{)?(?:(?:option|choice|answer)\s+)?${LETTER}\}?(?:\s*(\S.*))?$`,
  's',
)
const BARE_CHOICE = /^(?:\\text\{\s*)?(?:(?:option|choice)\s+)?([A-Ja-j])\s*\}?$/i

function choiceOf(text: string): Meaning | null {
  const bare = BARE_CHOICE.exec(text)?.[1]
  if (bare !== undefined) {
    const letter = bare.toUpperCase()
    // e and i are numbers, too.
    return {
      ...plain({ kind: 'choice', letter, content: null }),
      readings: [
        { kind: 'choice', letter, content: null },
        ...(text === 'e' || text === 'i' ? read(text, 0) : []),
      ],
    }
  }
  const hit = CHOICE.exec(text)
  const letter = hit?.[1] ?? hit?.[2] ?? hit?.[3]
  if (letter === undefined) return null
  const content = hit![4]
  if (content !== undefined && /^(?:[-+*/^=!_),;&]|(?:and|or)\b)/.test(content)) return null
  return plain({
    kind: 'choice',
    letter: letter.toUpperCase(),
    content: content === undefined ? null : meaning(content, 1),
  })
}

/** 7/2 or 3.5 is one value. */
function alternatives(text: string, list: Value): Meaning | null {
  if (list.kind !== 'parts' || list.shape !== 'list' || !OR.test(text)) return null
  const [first, ...rest] = list.parts
  return rest.length > 0 && rest.every((part) => sameMeaning(part, first!)) ? first! : null
}

const SEPARATOR =
  /\s*[,;]?\s*(?:\\text\s*\{\s*(?:and|or)\s*\}|(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z])|\\(?:lor|land|vee|wedge)(?![a-zA-Z]))\s*|\s*[,;]\s*/y
const OR = /\\text\s*\{\s*or\s*\}|(?<![a-zA-Z\\])or(?![a-zA-Z])|\\(?:lor|vee)(?![a-zA-Z])/
const UNION = /\\cup(?![a-zA-Z])/y

/** Reads unions, sets and the items of a list; returns null for any other text. */
function listOf(text: string, depth: number): Value | null {
  const union = splitAt(text, UNION)
  if (union.length > 1) return group('union', '', '', union, depth)
  const pieces = splitAt(text, SEPARATOR)
  if (pieces.length === 1) return plusMinus(text, depth)
  if (pieces.some((piece) => piece.trim() === '')) return null
  // A progression has an order.
  if (/\\ldots/.test(text)) return group('tuple', '', '', pieces, depth)
  const list = group('list', '', '', pieces, depth)
  const isInterval = ({ readings: [value] }: Meaning) =>
    value?.kind === 'parts' && value.shape === 'tuple' && value.open !== value.close
  return OR.test(text) && list.parts.every(isInterval) && /[<>]|\\[lg]e/.test(text)
    ? { ...list, shape: 'union' }
    : list
}

function plusMinus(text: string, depth: number): Value | null {
  if (!/\\pm(?![a-zA-Z])/.test(text) || !isBalanced(text) || /^\\\{/.test(text)) return null
  return group('list', '', '', [text], depth)
}

/** Returns the parts of a group; 3 \pm 1 is two. */
function group(
  shape: Parts['shape'],
  open: string,
  close: string,
  pieces: readonly string[],
  depth: number,
): Parts {
  const both = (piece: string) => {
    if (shape !== 'list' && shape !== 'set') return [piece]
    if (!/\\pm(?![a-zA-Z])/.test(piece)) return [piece]
    const [plus, minus] = [piece, piece].map((one, i) =>
      one
        .replace(/\\pm(?![a-zA-Z])/g, i === 0 ? '+' : '-')
        .replace(/\\mp(?![a-zA-Z])/g, i === 0 ? '-' : '+'),
    )
    return [plus!, minus!]
  }
  return {
    kind: 'parts',
    shape,
    open,
    close,
    parts: pieces.flatMap(both).map((piece) => meaning(piece.trim(), depth + 1)),
  }
}

const RELATION = /\\(?:le|ge|ne|approx|equiv|in)(?![a-zA-Z])|(?<![<>=])=(?!=)|<|>/y

/** Reads x = 5, y < 3, 1 < x < 3, x \in [0, 1) and equations; null if nothing is related. */
function relationOf(text: string, depth: number): Meaning | null {
  const pieces = splitAt(text, RELATION).map((piece) => piece.trim())
  if (pieces.length === 1 || pieces.some((piece) => piece === '')) return null
  const signs = relationsIn(text)
  if (signs.every((sign) => sign === '=' || sign === '\\approx' || sign === '\\in'))
    return equationOf(pieces, signs, depth)
  if (signs.every((sign) => /^(?:[<>]|\\[lg]e)$/.test(sign))) return inequalityOf(pieces, signs)
  if (signs.length === 1 && signs[0] === '\\equiv' && isName(pieces[0]!, false))
    return { ...amount(pieces[1]!, depth), name: pieces[0]! }
  return null
}

/** Returns the relations outside brackets, in order. */
function relationsIn(text: string): string[] {
  const signs: string[] = []
  let rest = text
  for (const piece of splitAt(text, RELATION).slice(0, -1)) {
    rest = rest.slice(piece.length)
    RELATION.lastIndex = 0
    const sign = RELATION.exec(rest)![0]
    signs.push(sign)
    rest = rest.slice(sign.length)
  }
  return signs
}

function equationOf(pieces: readonly string[], signs: readonly string[], depth: number): Meaning {
  const last = pieces.at(-1)!
  const value = meaning(last, depth + 1)
  const constant = value.readings.some(({ kind }) => kind !== 'expression' && kind !== 'text')
  const named = isName(pieces[0]!, constant)
  if (signs.includes('\\in'))
    return named && signs.length === 1
      ? { ...value, name: pieces[0]! }
      : plain({ kind: 'text', text: plainText(pieces.join('=')) })
  const equations = pieces.slice(1).flatMap((right, i) => {
    const left = pieces[i]!
    return signs[i] === '=' ? relation(left, right, '=') : []
  })
  if (named) {
    const between = pieces.slice(1, -1).flatMap((piece) => constantsIn(piece, depth))
    const readings = [...value.readings, ...between, ...(pieces.length === 2 ? equations : [])]
    return { ...value, readings, name: pieces[0]!.replace(/\s/g, '') }
  }
  const constants = pieces.map((piece) => constantsIn(piece, depth))
  // 3 * 4 = 12 and \sqrt{7} \approx 2.646 give each of their constants.
  if (constants.every((list) => list.length > 0))
    return { ...value, readings: constants.flat().reverse() }
  if (pieces.length === 2 && equations.length > 0) return plain(equations[0]!)
  return plain({ kind: 'text', text: plainText(pieces.join('=')) })
}

const constantsIn = (piece: string, depth: number): readonly Value[] =>
  amount(piece, depth + 1).readings.filter(
    (value) => value.kind === 'exact' || (value.kind === 'expression' && value.values.length === 1),
  )

/** Reads inequalities: as an interval if one name lies between constants. */
function inequalityOf(pieces: readonly string[], signs: readonly string[]): Meaning | null {
  const upwards = signs.every((sign) => sign === '<' || sign === '\\le')
  const downwards = signs.every((sign) => sign === '>' || sign === '\\ge')
  if (!upwards && !downwards) return null
  const [ordered, strict] = upwards
    ? [[...pieces], signs.map((sign) => sign === '<')]
    : [[...pieces].reverse(), signs.map((sign) => sign === '>').reverse()]
  const place = ordered.findIndex((piece) => isName(piece, true))
  if (place >= 0 && ordered.length <= 3 && (ordered.length === 2 || place === 1)) {
    const bound = (piece: string | undefined, infinite: string) =>
      piece === undefined ? plain({ kind: 'text', text: infinite }) : amount(piece, 1)
    const [low, high] = [ordered[place - 1], ordered[place + 1]]
    const bounds = [bound(low, '-\u221e'), bound(high, '\u221e')]
    if (bounds.every(({ readings: [value] }) => isConstant(value)))
      return {
        ...plain({
          kind: 'parts',
          shape: 'tuple',
          open: low === undefined || strict[place - 1] === true ? '(' : '[',
          close: high === undefined || strict[place] === true ? ')' : ']',
          parts: bounds,
        }),
        name: ordered[place]!,
      }
  }
  if (ordered.length > 2) return null
  const [found] = relation(ordered[0]!, ordered[1]!, strict[0] === true ? '<' : '<=')
  return found === undefined ? null : plain(found)
}

const isConstant = (value: Value | undefined): boolean =>
  value !== undefined &&
  (value.kind === 'exact' ||
    (value.kind === 'expression' && value.values.length === 1) ||
    (value.kind === 'text' && /^-?\u221e$/.test(value.text)))

const MATRIX = /^\\begin\{([bpvBV]?)(?:small)?(matrix|array)\}(?:\{[lcr|\s]*\})?(.*)\\end\{\w+\}$/s

/** Returns how a value without unit can be read; nothing if it is text. */
function read(text: string, depth: number): Value[] {
  if (text === '') return []
  const signed = text.replace(/\s/g, '')
  if (/^[-+]?\\infty$|^[-+]?(?:infinity|inf)$/i.test(signed))
    return [{ kind: 'text', text: signed.startsWith('-') ? '-\u221e' : '\u221e' }]
  if (/^(?:\\emptyset|\\\{\\\})$/.test(signed)) return [{ kind: 'text', text: '\u2205' }]
  const word = numberIn(text)
  if (word !== null) return [{ kind: 'exact', numerator: word, denominator: 1n }]
  // Scores, ranges and dates are not differences; times and ratios are not quotients.
  if (/^\d+(?:-\d+)+$/.test(signed) || /^\d+(?:\/\d+){2,}$/.test(signed))
    return [{ kind: 'text', text: signed }]
  if (/^\d+(?::\d+)+$/.test(signed))
    return [{ kind: 'text', text: signed.replace(/^0+(?=\d)/, '') }]
  const base = /^([0-9A-Fa-f]+)_\{?(\d+|[a-z]+)\}?$/.exec(signed)
  if (base !== null && /^\d/.test(signed))
    return [{ kind: 'text', text: `${base[1]!.toUpperCase()}_${base[2]}` }]
  const residue = /^(.+?)\s*\\pmod\{(\w+)\}$/s.exec(text)
  if (residue !== null) return [group('tuple', 'mod', 'mod', residue.slice(1), depth)]
  const parts = bracketed(text, depth)
  if (parts !== null) return [parts]
  return expression(text)
}

/** Reads sets, tuples, intervals and matrices; returns null for any other text. */
function bracketed(text: string, depth: number): Value | null {
  const bare = /^[([]\s*(\\begin.*\\end\{\w+\})\s*[)\]]$/s.exec(text)?.[1] ?? text
  const matrix = MATRIX.exec(bare)
  if (matrix !== null) {
    const fence = matrix[1]!.toLowerCase() === 'v' ? matrix[1]! : '['
    const rows = matrix[3]!.split('\\\\').map((row) => row.trim())
    if (rows.at(-1) === '') rows.pop()
    return {
      kind: 'parts',
      shape: 'tuple',
      open: fence,
      close: 'matrix',
      parts: rows.map((row) =>
        plain(group('row', fence, fence, splitAt(row, /(?<!\\)&/y), depth + 1)),
      ),
    }
  }
  const set = /^\\\{(.*)\\\}$/s.exec(text)?.[1] ?? /^\{(.*,.*)\}$/s.exec(text)?.[1]
  if (set !== undefined && isBalanced(set))
    return /\\ldots|\||:/.test(set) ? null : group('set', '{', '}', splitAt(set, /[,;]/y), depth)
  const angled = /^\\langle(?![a-zA-Z])(.*)\\rangle$/s.exec(text)?.[1]
  if (angled !== undefined) return group('tuple', '<', '>', splitAt(angled, /,/y), depth)
  const inner = /^[([](.*)[)\]]$/s.exec(text)?.[1]
  if (inner === undefined || !isBalanced(inner)) return null
  const pieces = splitAt(inner, /[,;]/y)
  return pieces.length > 1 ? group('tuple', text[0]!, text.at(-1)!, pieces, depth) : null
}
