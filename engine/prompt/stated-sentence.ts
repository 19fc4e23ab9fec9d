import { afterSpace, quoted, valueAt, type Span } from './stated-value.ts'

/** Finds the value that a sentence gives, wherever in the sentence it stands. */

const SENTENCE_END =
  /[.!?;\u3002\uff01\uff1b](?=\s|["'*)\]\u201d]*$|\*\*|$)|[\u3002\uff01\uff1f\uff0c]/

/** Returns where the sentence that begins at `from` ends, before its full stop. */
export function sentenceEnd(text: string, from: number, to: number): number {
  const stop = text.slice(from, to).search(SENTENCE_END)
  return stop < 0 ? to : from + stop
}

const NUMBER_START =
  /(?<![\w.,\\])[-+\u2212\u2013]?(?:\\?\$|[\u20ac\u00a3\u00a5\u20b9])?(?:\d|\.\d|\\[dt]?frac|\\sqrt)/g
const VERB =
  /(?:=|\u2248|\b(?:is|are|was|were|be|equals|makes?|made|gives?|gets?|yields|has|have|had|to|costs?|earns?|pays?|needs?|takes?|total(?:s|ling)?)\b)\s*(?:(?:exactly|about|approximately|only|also|therefore|then|now)\s+)?\W{0,3}$/i

/** Returns the value that a sentence gives: what is marked, or follows its last verb, or stands last. */
export function inSentence(text: string, start: number, limit: number): Span | null {
  const end = sentenceEnd(text, start, limit)
  const marked = markedIn(text, start, end)
  if (marked !== null) return marked
  const starts = numbersIn(text, start, end)
  const after = starts.filter(([from]) => VERB.test(text.slice(Math.max(start, from - 40), from)))
  return after.at(-1) ?? starts.at(-1) ?? null
}

/** Returns the last bold or formula part of a range that holds a number. */
export function markedIn(text: string, start: number, end: number): Span | null {
  let found: Span | null = null
  for (let i = start; i < end; i++) {
    if (!'*$\\'.includes(text[i]!)) continue
    const marked = quoted(text, i, end)
    if (marked === null) continue
    const inner = innermost(text, ...marked.inner)
    if (/\d|\\pi/.test(text.slice(...inner))) found = inner
    i = marked.end - 1
  }
  return found
}

/** Returns the numbers of a range, with their units. */
export function numbersIn(text: string, start: number, end: number): Span[] {
  const found: Span[] = []
  for (const match of text.slice(start, end).matchAll(NUMBER_START)) {
    const from = start + match.index
    if (found.length > 0 && from < found.at(-1)![1]) continue
    const value = valueAt(text, signedStart(text, from), end)
    if (value !== null) found.push(value)
  }
  return found
}

/** A minus after a number or a letter is a difference: 5 -3. */
const signedStart = (text: string, from: number): number =>
  /[-+\u2212\u2013]/.test(text[from]!) &&
  /(?:\d|[)\]}]|(?<![a-zA-Z])[a-zA-Z])\s?$/.test(text.slice(Math.max(0, from - 3), from))
    ? from + 1
    : from

/** Removes marks around marks: **$x=5$** is x=5. */
export function innermost(text: string, from: number, to: number): Span {
  from = afterSpace(text, from, to)
  while (to > from && /[\s.,;:]/.test(text[to - 1]!)) to--
  const marked = quoted(text, from, to)
  return marked !== null && marked.end === to ? innermost(text, ...marked.inner) : [from, to]
}
