import { diffWordsWithSpace } from 'diff'
import { countLeading } from '../../engine/protocol/bisect.ts'
import type { Range } from '../../engine/protocol/markdown/blocks.ts'
import { sentencesOf, unitsOf, type Unit } from './units.ts'

/**
 * A row of texts side by side, one cell per text; null: it has nothing here. `same`: all cells are equal. `alike`: some
 * are equal or say nearly the same as the reference. `own`: what stands side by side has nothing to do with each other.
 */
export interface AlignedRow {
  kind: 'same' | 'alike' | 'own'
  cells: readonly (Cell | null)[]
}

/** `loose`: it has nothing to do with the cell of the reference. */
export type Cell = Unit & { loose: boolean }

/** Share of words that two units must have in common to stand side by side as two forms of one. */
const ALIKE = 0.4
/** Most pairs that are compared word by word in one stretch that differs; more stand in their order. */
const MOST_PAIRS = 120_000
const WORDS_MS = 30

/** Aligns texts with the first one, unit by unit. */
export function align(texts: readonly string[]): AlignedRow[] {
  const [reference = [], ...others] = texts.map(unitsOf)
  const matches = others.map((other) => matchesOf(reference, other))
  const rows: AlignedRow[] = []
  const taken = others.map(() => 0)
  let begin = 0
  /** Adds what is before unit `end` of the reference, and before `until` in the other texts. */
  const own = (end: number, until: readonly number[]) => {
    const columns = [
      reference.slice(begin, end),
      ...others.map((other, o) => other.slice(taken[o], until[o])),
    ]
    const most = Math.max(...columns.map(({ length }) => length))
    for (let i = 0; i < most; i++)
      rows.push({ kind: 'own', cells: columns.map((column) => cellOf(column[i], true)) })
    begin = end
    until.forEach((one, o) => (taken[o] = one))
  }
  for (let i = 0; i < reference.length; i++) {
    const at = matches.map((match) => match[i]!)
    if (at.every((one) => one < 0)) continue
    own(
      i,
      at.map((one, o) => (one < 0 ? taken[o]! : one)),
    )
    const cells = [reference[i], ...others.map((other, o) => other[at[o]!])].map((unit) =>
      cellOf(unit, false),
    )
    const same = cells.every((cell) => cell?.key === reference[i]!.key)
    rows.push({ kind: same ? 'same' : 'alike', cells })
    begin = i + 1
    at.forEach((one, o) => {
      if (one >= 0) taken[o] = one + 1
    })
  }
  own(
    reference.length,
    others.map(({ length }) => length),
  )
  return raised(rows)
}

const cellOf = (unit: Unit | undefined, loose: boolean): Cell | null =>
  unit === undefined ? null : { ...unit, loose }

/** Moves what a text has of its own up beside what it does not have, so that texts that part are read side by side. */
function raised(rows: readonly AlignedRow[]): AlignedRow[] {
  const columns = (rows[0]?.cells ?? []).map((_, column) => {
    const cells: (Cell | null)[] = rows.map(({ cells }) => cells[column]!)
    if (column === 0) return cells
    let free = 0
    cells.forEach((cell, i) => {
      if (cell === null) return
      if (cell.loose && free < i) {
        cells[free] = cell
        cells[i] = null
      }
      free = cell.loose ? free + 1 : i + 1
    })
    return cells
  })
  return rows.flatMap(({ kind }, i) => {
    const cells = columns.map((column) => column[i]!)
    return cells.every((cell) => cell === null) ? [] : [{ kind, cells }]
  })
}

/**
 * Returns the index of the row from which on the texts have nothing in common; null if at most one of them goes on
 * there.
 */
export function partsAt(rows: readonly AlignedRow[]): number | null {
  const at = rows.findLastIndex(({ kind }) => kind !== 'own') + 1
  return (rows[at]?.cells.filter((cell) => cell !== null).length ?? 0) > 1 ? at : null
}

/** Returns the index in `b` of each unit of `a`, ascending; -1 if it has none: equal ones, and between them alike ones. */
function matchesOf(a: readonly Unit[], b: readonly Unit[]): number[] {
  const match = equalOnes(
    a.map(({ key }) => key),
    b.map(({ key }) => key),
  )
  let [i, j] = [0, 0]
  for (let next = 0; next <= a.length; next++) {
    const at = next === a.length ? b.length : match[next]!
    if (at < 0) continue
    for (const [x, y] of alikeOnes(a.slice(i, next), b.slice(j, at))) match[i + x] = j + y
    i = next + 1
    j = at + 1
  }
  return match
}

/**
 * Returns the index in `b` of each text of `a`, ascending; -1 if it has none. Matches texts that occur once in each
 * list, as many as keep their order, and then equal neighbours, so the time does not grow with the difference.
 */
function equalOnes(a: readonly string[], b: readonly string[]): number[] {
  const match = a.map(() => -1)
  const places = once(b)
  const common = [...once(a)].flatMap(([text, i]) => {
    const j = places.get(text)
    return j === undefined ? [] : [{ i, j }]
  })
  let [i, j] = [0, 0]
  for (const next of [...longestRise(common), { i: a.length, j: b.length }]) {
    while (i < next.i && j < next.j && a[i] === b[j]) match[i++] = j++
    let { i: x, j: y } = next
    while (x > i && y > j && a[x - 1] === b[y - 1]) match[--x] = --y
    if (next.i < a.length) match[next.i] = next.j
    i = next.i + 1
    j = next.j + 1
  }
  return match
}

/** Returns the texts that occur exactly once, with their index. */
function once(list: readonly string[]): Map<string, number> {
  const places = new Map<string, number>()
  const again = new Set<string>()
  list.forEach((text, i) => (places.has(text) ? again.add(text) : places.set(text, i)))
  for (const text of again) places.delete(text)
  return places
}

interface Pair {
  i: number
  j: number
}

/** Returns the longest subsequence with rising `j`. The pairs come with rising `i`. */
function longestRise(pairs: readonly Pair[]): Pair[] {
  const ends: number[] = [] // the lowest end of the rising sequences of each length
  const before: (number | undefined)[] = []
  pairs.forEach(({ j }, at) => {
    const shorter = countLeading(ends, (end) => pairs[end]!.j < j)
    before[at] = ends[shorter - 1]
    ends[shorter] = at
  })
  const rise: Pair[] = []
  for (let at = ends.at(-1); at !== undefined; at = before[at]) rise.push(pairs[at]!)
  return rise.reverse()
}

/** Returns the pairs of units that say nearly the same, in order, with the most in common in all. */
function alikeOnes(a: readonly Unit[], b: readonly Unit[]): [number, number][] {
  if (a.length === 0 || b.length === 0 || a.length * b.length > MOST_PAIRS) return []
  const [left, right] = [a.map(wordsOf), b.map(wordsOf)]
  const likeness = left.map((one, i) =>
    right.map((other, j) => (a[i]!.kind === b[j]!.kind ? commonShare(one, other) : 0)),
  )
  // best[i][j]: the most that a from i and b from j can have in common.
  const best = Array.from({ length: a.length + 1 }, () => new Float64Array(b.length + 1))
  const gain = (i: number, j: number) => (likeness[i]![j]! >= ALIKE ? likeness[i]![j]! : -1)
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      best[i]![j] = Math.max(best[i + 1]![j]!, best[i]![j + 1]!, gain(i, j) + best[i + 1]![j + 1]!)
  const pairs: [number, number][] = []
  for (let [i, j] = [0, 0]; i < a.length && j < b.length;) {
    if (gain(i, j) > 0 && best[i]![j] === gain(i, j) + best[i + 1]![j + 1]!) pairs.push([i++, j++])
    else if (best[i]![j] === best[i + 1]![j]!) i++
    else j++
  }
  return pairs
}

const wordsOf = ({ key }: Unit): Set<string> =>
  new Set(key.toLowerCase().match(/\p{Script=Han}|[\p{L}\p{M}\d]+/gu) ?? [])

/** Returns the share of words that two sets have in common, 0..1. */
function commonShare(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  if (a.size === 0 || b.size === 0) return 0
  const [few, many] = a.size < b.size ? [a, b] : [b, a]
  let common = 0
  for (const word of few) if (many.has(word)) common++
  return (2 * common) / (a.size + b.size)
}

/**
 * Returns what the cells of a row have of their own, as ranges in their texts: sentences that the reference does not
 * have, or words of those that it has nearly so. Code is not marked inside. Of the reference, what no other cell has.
 */
export function marksOf({ kind, cells }: AlignedRow, texts: readonly string[]): Range[][] {
  if (kind !== 'alike') return cells.map(() => [])
  const own = cells.map((cell, column) =>
    cell === null ? '' : texts[column]!.slice(cell.start, cell.end),
  )
  const [base = '', ...others] = own
  const compared = others.map((other, o) =>
    cells[0] === null || (cells[o + 1]?.loose ?? true) || cells[0]!.kind !== cells[o + 1]!.kind
      ? null
      : compare(base, other, cells[0]!.kind === 'code' ? linesOf : sentencesOf),
  )
  const bases = compared.flatMap((one) => (one === null ? [] : [one.base]))
  return [
    bases.length === 0 ? [] : bases.reduce(overlap),
    ...compared.map((one) => one?.other ?? []),
  ]
}

/** Returns the lines of code, with their ends. */
const linesOf = (text: string): Range[] =>
  [...text.matchAll(/.*\n|.+$/g)].map(({ 0: line, index }) => [index, index + line.length])

function compare(
  base: string,
  other: string,
  partsOf: (text: string) => Range[],
): { base: Range[]; other: Range[] } {
  const [a, b] = [partsOf(base), partsOf(other)]
  const keyIn = (text: string) => (range: Range) =>
    text
      .slice(...range)
      .trim()
      .replace(/\s+/g, ' ')
  const match = equalOnes(a.map(keyIn(base)), b.map(keyIn(other)))
  const marks: { base: Range[]; other: Range[] } = { base: [], other: [] }
  let [i, j] = [0, 0]
  for (let next = 0; next <= a.length; next++) {
    const at = next === a.length ? b.length : match[next]!
    if (at < 0) continue
    const [left, right] = [stretch(a.slice(i, next)), stretch(b.slice(j, at))]
    if (left !== null && right !== null) words(base, left, other, right, marks)
    else {
      if (left !== null) marks.base.push(...trimmed(base, left))
      if (right !== null) marks.other.push(...trimmed(other, right))
    }
    i = next + 1
    j = at + 1
  }
  return { base: joined(marks.base, base), other: joined(marks.other, other) }
}

/** Joins ranges that only signs or spaces separate. */
function joined(ranges: readonly Range[], text: string): Range[] {
  const list: Range[] = []
  for (const range of ranges) {
    const last = list.at(-1)
    if (last !== undefined && /^[\s\p{P}]*$/u.test(text.slice(last[1], range[0])))
      list[list.length - 1] = [last[0], range[1]]
    else list.push(range)
  }
  return list
}

const stretch = (list: readonly Range[]): Range | null =>
  list.length === 0 ? null : [list[0]![0], list.at(-1)![1]]

/** Returns a range without the space around it; none if it is all space. */
function trimmed(text: string, [start, end]: Range): Range[] {
  const part = text.slice(start, end)
  const lead = part.length - part.trimStart().length
  return lead === part.length ? [] : [[start + lead, start + part.trimEnd().length]]
}

/** Marks the words that differ, or all of both stretches if they have too little in common to be read so. */
function words(
  base: string,
  left: Range,
  other: string,
  right: Range,
  marks: { base: Range[]; other: Range[] },
): void {
  const changes = diffWordsWithSpace(base.slice(...left), other.slice(...right), {
    timeout: WORDS_MS,
  })
  const kept = (changes ?? []).reduce(
    (sum, { value, added, removed }) => sum + (added || removed ? 0 : value.length),
    0,
  )
  if (2 * kept < Math.max(left[1] - left[0], right[1] - right[0])) {
    marks.base.push(...trimmed(base, left))
    marks.other.push(...trimmed(other, right))
    return
  }
  let [x, y] = [left[0], right[0]]
  for (const { value, added, removed } of changes!) {
    const place: Range[] = added ? marks.other : marks.base
    const at = added ? y : x
    if (added || removed) place.push(...trimmed(added ? other : base, [at, at + value.length]))
    if (!added) x += value.length
    if (!removed) y += value.length
  }
}

/** Returns what is in both lists of ranges. Both ascend and do not overlap themselves. */
function overlap(a: readonly Range[], b: readonly Range[]): Range[] {
  return a.flatMap(([from, to]) =>
    b.flatMap(([start, end]): Range[] => {
      const both: Range = [Math.max(from, start), Math.min(to, end)]
      return both[1] > both[0] ? [both] : []
    }),
  )
}
