import { formulaAt } from '../../engine/protocol/markdown/formulas.ts'
import { wholeBlocksOf, type Block, type Range } from '../../engine/protocol/markdown/blocks.ts'

/** A part of a text that is aligned and drawn as a whole: a paragraph, an item of a list, a block of code. */
export interface Unit extends Block {
  /** Its text as it is compared: without space around it and with single spaces. */
  readonly key: string
}

/** An item that is not inside of another one. */
const ITEM = /^ ?(?:[-*+]|\d{1,9}[.)])\s/
const HEADING = /^ {0,3}#{1,6}\s/
const FENCE = /^\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)*(`{3,}|~{3,})/

const keyOf = (text: string): string => text.trim().replace(/\s+/g, ' ')

/** Splits a text into units, without gap or overlap. The same rules as for drawing say what is code and a formula. */
export function unitsOf(text: string): Unit[] {
  return wholeBlocksOf(text)
    .flatMap((block) => (block.kind === 'code' ? [block] : pieces(text, block)))
    .map((block) => ({ ...block, key: keyOf(text.slice(block.start, block.end)) }))
}

/** Cuts a block before each item of a list, and around headings, but not inside code or a formula. */
function pieces(text: string, block: Block): Block[] {
  const cuts = [block.start]
  let fence: string | null = null
  let math: '\\]' | '$$' | null = null
  let [at, heading] = [block.start, false]
  while (at < block.end) {
    const newline = text.indexOf('\n', at)
    const end = newline < 0 || newline >= block.end ? block.end : newline + 1
    const line = text.slice(at, end)
    const own =
      block.indent > 0 ? line.slice(Math.min(block.indent, /^ */.exec(line)![0].length)) : line
    const mark = FENCE.exec(line)?.[1] ?? null
    if (fence !== null) {
      if (line.trim().startsWith(fence)) fence = null
    } else if (math !== null) {
      if (line.includes(math)) math = null
    } else {
      const after = heading && own.trim() !== ''
      if (at > block.start && (after || ITEM.test(own) || HEADING.test(own))) cuts.push(at)
      heading = HEADING.test(own) || (heading && !after)
      fence = mark
      const opening = line.trim()
      if (opening.startsWith('$$') && !opening.slice(2).includes('$$')) math = '$$'
      else if (opening.startsWith('\\[') && !opening.includes('\\]')) math = '\\]'
    }
    at = end
  }
  return cuts.map((start, i) => {
    const end = cuts[i + 1] ?? block.end
    return { ...block, start, end, fence: start }
  })
}

/** What ends a sentence, with what closes behind it. */
const END = /[.!?…]+["'”’»)\]*_`]*(?=\s|$)|[。！？]+["'”’»）】*_`]*/y
/** Abbreviations that a capital letter or a number may follow. */
const SHORT =
  /(?:^|[\s("'*_])(?:e\.g|i\.e|cf|vs|viz|ca|approx|resp|fig|figs|eq|eqs|eqn|sec|ch|vol|no|nos|p|pp|ex|def|thm|lem|prop|cor|dr|mr|mrs|ms|prof|st|jr|sr|inc|ltd|al|\p{L}(?:\.\p{L})+)$/iu
const NUMBER = /(?:^|\n)\s*(?:[-*+>]\s+)*(?:\*\*)?\d{1,9}$/

/**
 * Returns the sentences of a text as ranges without gap or overlap. A number of a list, a decimal or an abbreviation
 * ends none, nor does a point in code or in a formula. A formula on lines of its own is one.
 */
export function sentencesOf(text: string): Range[] {
  const ranges: Range[] = []
  let from = 0
  const cut = (end: number) => {
    // Space belongs to the sentence before it.
    while (end < text.length && /\s/.test(text[end]!)) end++
    if (end > from) ranges.push([from, end])
    from = Math.max(from, end)
    return from
  }
  for (let i = 0; i < text.length;) {
    const char = text[i]!
    if (char === '$' || char === '\\') {
      const formula = formulaAt(text, i)
      if (formula !== null) {
        if (formula.display && text.slice(from, i).trim() !== '') cut(i)
        i = formula.display ? cut(formula.end) : formula.end
      } else i += char === '\\' ? 2 : 1
    } else if (char === '`') {
      const run = /^`+/.exec(text.slice(i, i + 8))![0]
      const close = text.indexOf(run, i + run.length)
      i = close < 0 ? i + run.length : close + run.length
    } else if (char === '\n') i = cut(i + 1)
    else {
      END.lastIndex = i
      const end = END.exec(text)?.[0]
      if (end === undefined) i++
      else i = endsHere(text, from, i, i + end.length) ? cut(i + end.length) : i + end.length
    }
  }
  if (from < text.length) ranges.push([from, text.length])
  return ranges
}

/** Returns whether the mark at [at, end) ends the sentence that begins at `from`. */
function endsHere(text: string, from: number, at: number, end: number): boolean {
  if (text[at] !== '.') return true
  const before = text.slice(Math.max(from, at - 24), at)
  const next = /\S/.exec(text.slice(end, end + 40))?.[0] ?? ''
  if (/\p{Ll}/u.test(next)) return false
  return !SHORT.test(before) && !NUMBER.test(text.slice(Math.max(0, from - 1), at))
}
