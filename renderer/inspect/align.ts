import { diffArrays, diffWordsWithSpace } from 'diff'

/** A stretch of one text against the reference: what both have, or what only one has. */
export interface Piece {
  text: string
  kind: 'same' | 'own'
}

/** One aligned row: a cell for each text, the reference first. */
export interface AlignedRow {
  same: boolean
  cells: Piece[][]
}

const TIMEOUT_MS = 400
const MAX_WORDS = 4000

/** Sentences and line ends, so that rows read well. */
export const sentences = (text: string): string[] => text.match(/[^\n.!?。！？]*[.!?。！？]+\s*|[^\n.!?。！？]*\n+|[^\n.!?。！？]+$/g) ?? []

/**
 * Aligns texts to the first, sentence by sentence; where they differ, word by word. null: too different to be
 * aligned in reasonable time.
 */
export function align(texts: readonly string[]): AlignedRow[] | null {
  const [reference = [], ...others] = texts.map(sentences)
  // For each other text: whether sentence i of the reference is in it, and what it has of its own before i.
  const matches: boolean[][] = []
  const inserted: string[][] = []
  for (const other of others) {
    const changes = diffArrays(reference, other, { timeout: TIMEOUT_MS })
    if (changes === undefined) return null
    const match: boolean[] = []
    const own: string[] = Array.from({ length: reference.length + 1 }, () => '')
    for (const { value, added, removed } of changes) {
      if (added) own[match.length] += value.join('')
      else for (const _ of value) match.push(!removed)
    }
    matches.push(match)
    inserted.push(own)
  }
  const rows: AlignedRow[] = []
  for (let i = 0; i <= reference.length;) {
    // A run of sentences that all texts have, or one of what at least one lacks; insertions stand where the run begins.
    const shared = (at: number) => at < reference.length && matches.every((match) => match[at])
    const clean = (at: number) => inserted.every((own) => own[at] === '')
    if (i < reference.length && shared(i) && clean(i)) {
      rows.push({ same: true, cells: texts.map(() => [{ text: reference[i]!, kind: 'same' }]) })
      i++
      continue
    }
    let end = i
    while (end < reference.length && !shared(end)) end++
    const base = reference.slice(i, end).join('')
    const owns = others.map((_, o) => {
      let text = ''
      for (let k = i; k <= end; k++) {
        text += inserted[o]![k]
        if (k < end && matches[o]![k]) text += reference[k]
      }
      for (let k = i; k <= end; k++) inserted[o]![k] = ''
      return text
    })
    if (base !== '' || owns.some((own) => own !== '')) rows.push({ same: false, cells: words(base, owns) })
    if (end === reference.length) break
    i = end
  }
  return rows
}

function words(base: string, owns: readonly string[]): Piece[][] {
  const whole = (text: string): Piece[] => (text === '' ? [] : [{ text, kind: 'own' }])
  if (owns.length > 1 || base === '' || base.length + (owns[0]?.length ?? 0) > MAX_WORDS) return [whole(base), ...owns.map((own) => wordsOf(base, own) ?? whole(own))]
  const [own = ''] = owns
  const changes = diffWordsWithSpace(base, own)
  const side = (skip: 'added' | 'removed'): Piece[] => changes.filter((change) => !change[skip]).map(({ value, added, removed }) => ({ text: value, kind: added || removed ? 'own' : 'same' }))
  return [side('added'), side('removed')]
}

function wordsOf(base: string, own: string): Piece[] | null {
  if (base === '' || own === '' || base.length + own.length > MAX_WORDS) return null
  return diffWordsWithSpace(base, own).filter((change) => !change.removed).map(({ value, added }) => ({ text: value, kind: added ? 'own' : 'same' }))
}
