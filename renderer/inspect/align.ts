import { diffWordsWithSpace } from 'diff'
import { countLeading } from '../../engine/protocol/bisect.ts'

/** A piece of a text compared with the reference: in both texts, or in only one. */
export interface Piece {
  text: string
  kind: 'same' | 'own'
}

/** An aligned row: the piece of each text, the reference first. */
export interface AlignedRow {
  same: boolean
  texts: string[]
}

/** Longest cell of a row that differs, in characters. A longer one continues in the next row. */
const MAX_CELL = 2000
const PARTS = new RegExp(`[^]{1,${MAX_CELL}}`, 'gu')
const WORDS_MS = 30

/** Splits a text at sentences and line ends, so that rows are readable. */
export const sentences = (text: string): string[] =>
  text.match(/[^\n.!?。！？]*[.!?。！？]+\s*|[^\n.!?。！？]*\n+|[^\n.!?。！？]+$/g) ?? []

/** Aligns texts with the first one, sentence by sentence. */
export function align(texts: readonly string[]): AlignedRow[] {
  const [reference = [], ...others] = texts.map(sentences)
  const matches = others.map((other) => matchesOf(reference, other))
  const rows: AlignedRow[] = []
  const taken = others.map(() => 0)
  let begin = 0
  /** Adds the rows that differ before sentence `end` of the reference, which is at `until` in the other texts. */
  const differ = (end: number, until: readonly number[]) => {
    const cells = [
      reference.slice(begin, end),
      ...others.map((other, o) => other.slice(taken[o], until[o])),
    ].map(cellsOf)
    const most = Math.max(...cells.map((list) => list.length))
    for (let i = 0; i < most; i++)
      rows.push({ same: false, texts: cells.map((list) => list[i] ?? '') })
  }
  for (let i = 0; i < reference.length; i++) {
    const at = matches.map((match) => match[i]!)
    if (at.includes(-1)) continue
    differ(i, at)
    rows.push({ same: true, texts: texts.map(() => reference[i]!) })
    begin = i + 1
    at.forEach((one, o) => (taken[o] = one + 1))
  }
  differ(
    reference.length,
    others.map((other) => other.length),
  )
  return rows
}

/**
 * Returns the index in `b` of each sentence of `a`, ascending; -1 if it has none. Matches sentences that occur once in each
 * text, as many as keep their order, and then equal neighbours, so the time does not grow with the difference of the texts.
 */
function matchesOf(a: readonly string[], b: readonly string[]): number[] {
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

/** Joins sentences to cells short enough to draw. */
function cellsOf(list: readonly string[]): string[] {
  const cells: string[] = []
  for (const sentence of list) {
    if (cells.length > 0 && cells.at(-1)!.length + sentence.length <= MAX_CELL)
      cells.push(cells.pop()! + sentence)
    else cells.push(...(sentence.match(PARTS) ?? []))
  }
  return cells
}

/** Returns the cells of a row, compared word by word where they differ. */
export function piecesOf({ same, texts: [base = '', ...others] }: AlignedRow): Piece[][] {
  const whole = (text: string, kind: Piece['kind'] = 'own'): Piece[] =>
    text === '' ? [] : [{ text, kind }]
  if (same) return [base, ...others].map((text) => whole(text, 'same'))
  const changes = others.map((own) =>
    base === '' || own === '' ? undefined : diffWordsWithSpace(base, own, { timeout: WORDS_MS }),
  )
  const side = (list: (typeof changes)[number], skip: 'added' | 'removed', text: string): Piece[] =>
    list
      ?.filter((change) => !change[skip])
      .map(({ value, added, removed }) => ({
        text: value,
        kind: added || removed ? 'own' : 'same',
      })) ?? whole(text)
  // With several other texts, the reference differs from each in a different way.
  return [
    others.length === 1 ? side(changes[0], 'added', base) : whole(base),
    ...others.map((own, o) => side(changes[o], 'removed', own)),
  ]
}
