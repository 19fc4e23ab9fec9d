import { codeIn } from '../../engine/protocol/question.ts'
import type { QuestionKind } from '../../engine/protocol/request.ts'
import type { SegmentId } from '../../engine/protocol/segments.ts'
import { sentencesOf as rangesOf } from '../inspect/units.ts'

/** Where paths agree in content: sentences, or lines of code, that several of them have. */

/** What at least two paths say, as the first of them words it. */
export interface Point {
  text: string
  paths: SegmentId[]
}

export interface Agreement {
  /** What the most paths say comes first. */
  points: Point[]
  /** For each path, how many of its sentences no other path has, of how many. */
  own: { path: SegmentId; count: number; of: number }[]
}

/** Share of words that two sentences need in common. */
const ALIKE = 0.5
/** Fewest words of a sentence that says something of its own. */
const WORDS = 4
const CODE_WORDS = 2
/** The most sentences that are compared per path. */
const MOST = 400

interface Sentence {
  text: string
  words: ReadonlySet<string>
}

/** Returns what these texts have in common; a sentence belongs to the point that it is most like. */
export function agreementOf(
  texts: readonly { path: SegmentId; text: string }[],
  kind: QuestionKind,
): Agreement {
  const points: (Point & { words: ReadonlySet<string> })[] = []
  /** By word: the points that have it. */
  const having = new Map<string, number[]>()
  const counts = texts.map(({ path, text }) => {
    const said = sentencesOf(text, kind)
    const mine: number[] = []
    for (const sentence of said) {
      let index = nearest(sentence, points, having)
      if (index < 0) {
        index = points.length
        points.push({ text: sentence.text, words: sentence.words, paths: [] })
        for (const word of sentence.words) {
          const known = having.get(word)
          if (known === undefined) having.set(word, [index])
          else known.push(index)
        }
      }
      const { paths } = points[index]!
      if (!paths.includes(path)) paths.push(path)
      mine.push(index)
    }
    return { path, mine }
  })
  return {
    points: points
      .filter(({ paths }) => paths.length > 1)
      .sort((a, b) => b.paths.length - a.paths.length)
      .map(({ text, paths }) => ({ text, paths })),
    own: counts.map(({ path, mine }) => ({
      path,
      count: mine.filter((index) => points[index]!.paths.length === 1).length,
      of: mine.length,
    })),
  }
}

function sentencesOf(text: string, kind: QuestionKind): Sentence[] {
  const { blocks } = kind === 'code' ? codeIn(text) : { blocks: [] }
  const code = blocks.length > 0
  const parts = code
    ? blocks.flatMap((block) => block.split('\n'))
    : rangesOf(text).map((range) => text.slice(...range))
  return parts.slice(0, MOST).flatMap((part) => {
    const line = part.replace(/\s+/g, ' ').trim()
    const clean = code ? line : line.replace(/^(?:[-*•>#]+|\d{1,2}[.)])\s+/, '')
    const words = new Set(wordsOf(clean))
    return words.size < (code ? CODE_WORDS : WORDS) ? [] : [{ text: clean, words }]
  })
}

/** Returns words in lower case; Han, kana and the like count each character. */
const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .match(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{N}_]+/gu) ?? []

/** Returns the index of the point that a sentence is most like; -1 if it is like none. */
function nearest(
  { words }: Sentence,
  points: readonly { words: ReadonlySet<string> }[],
  having: ReadonlyMap<string, readonly number[]>,
): number {
  const shared = new Map<number, number>()
  for (const word of words)
    for (const index of having.get(word) ?? []) shared.set(index, (shared.get(index) ?? 0) + 1)
  let [best, alike] = [-1, ALIKE]
  for (const [index, common] of shared) {
    const share = common / (words.size + points[index]!.words.size - common)
    if (share > alike || (share === alike && best < 0)) [best, alike] = [index, share]
  }
  return best
}
