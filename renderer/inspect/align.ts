import { diffWordsWithSpace } from 'diff'

/** A stretch of one text against the reference: what both have, or what only one has. */
export interface Piece {
  text: string
  kind: 'same' | 'own'
}

/** One aligned row: what each text has there, the reference first. */
export interface AlignedRow {
  same: boolean
  texts: string[]
}

/** Longest cell of a row that differs, in characters: longer ones go on in the next row. */
const MAX_CELL = 2000
const PARTS = new RegExp(`[^]{1,${MAX_CELL}}`, 'gu')
const WORDS_MS = 30

/** Sentences and line ends, so that rows read well. */
export const sentences = (text: string): string[] =>
  text.match(/[^\n.!?。！？]*[.!?。！？]+\s*|[^\n.!?。！？]*\n+|[^\n.!?。！？]+$/g) ?? []

/** Aligns texts to the first, sentence by sentence. */
export function align(texts: readonly string[]): AlignedRow[] {
  const [reference = [], ...others] = texts.map(sentences)
  const matches = others.map((other) => matchesOf(reference, other))
  const rows: AlignedRow[] = []
  const taken = others.map(() => 0)
  let begin = 0
  /** What differs before the sentence `end` of the reference, which stands at `until` in the others. */
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
 * For each sentence of `a` where it stands in `b`, ascending; -1: nowhere. Sentences that each text has once, the most that
 * keep their order, and what is equal next to them: the time does not grow with how unlike the texts are.
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

/** Texts that stand there once, with where. */
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

/** The most of them whose `j` rises; their `i` does. */
function longestRise(pairs: readonly Pair[]): Pair[] {
  const ends: number[] = [] // of the rises of each length, the end that is lowest
  const before: (number | undefined)[] = []
  pairs.forEach(({ j }, at) => {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (pairs[ends[middle]!]!.j < j) low = middle + 1
      else high = middle
    }
    before[at] = ends[low - 1]
    ends[low] = at
  })
  const rise: Pair[] = []
  for (let at = ends.at(-1); at !== undefined; at = before[at]) rise.push(pairs[at]!)
  return rise.reverse()
}

/** Sentences joined to cells of a length that can be drawn. */
function cellsOf(list: readonly string[]): string[] {
  const cells: string[] = []
  for (const sentence of list) {
    if (cells.length > 0 && cells.at(-1)!.length + sentence.length <= MAX_CELL)
      cells.push(cells.pop()! + sentence)
    else cells.push(...(sentence.match(PARTS) ?? []))
  }
  return cells
}

/** The cells of a row, word by word where they differ. */
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
  // Beside several others, the reference differs from each in another way.
  return [
    others.length === 1 ? side(changes[0], 'added', base) : whole(base),
    ...others.map((own, o) => side(changes[o], 'removed', own)),
  ]
}
