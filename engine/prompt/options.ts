import { equalAnswers } from '../protocol/answers/equality.ts'
import type { Answer } from '../protocol/events.ts'
import { anyOf } from './any-of.ts'

/** An option of a question of multiple choice, such as "C) Nitrogen". */
export interface Option {
  letter: string
  text: string
}

/** The letters that options have. */
export const LETTERS = 'ABCDEFGHIJ'
const AT_LINE = /^[ \t]*(?:[-*][ \t]+)?\(?([A-J])[).:][ \t]+(?=\S)/dgm
const IN_LINE = /(?<=^|\s)\(([A-J])\)[ \t]*(?=\S)/dgm

/**
 * Returns the options that a question names, from A on without a gap: at the beginnings of lines
 * ("A) Oxygen"), or in brackets anywhere ("(A) 12 (B) 15"). Empty if it names fewer than two.
 */
export function optionsIn(question: string): Option[] {
  for (const pattern of [AT_LINE, IN_LINE]) {
    const marks = [...question.matchAll(pattern)]
    const first = marks.findLastIndex(([, letter]) => letter === 'A')
    const run = first < 0 ? [] : marks.slice(first)
    const gap = run.findIndex(([, letter], i) => letter !== LETTERS[i])
    if (gap >= 0) run.length = gap
    if (run.length < 2) continue
    return run.map(({ 1: letter, indices }, i) => {
      const rest = question.slice(indices![0]![1], run[i + 1]?.index)
      return { letter: letter!, text: rest.split('\n', 1)[0]!.replace(/[\s,;.]+$/, '') }
    })
  }
  return []
}

/** A longer text of an option is left out of its name: the letter is enough to count. */
const MAX_NAMED = 100

/** Returns an option as an answer names it: "(C) Nitrogen". */
export const nameOf = ({ letter, text }: Option): string =>
  text === '' || text.length > MAX_NAMED ? `(${letter})` : `(${letter}) ${text}`

/**
 * Returns the answer of a text to a question with these options. A letter gets the text that it stands for, so
 * that it is equal to an answer that gives only the text. Where `found` is not an option, or only how the
 * text ends, one that the text names in words is its answer.
 */
export function chosenOption(
  found: Answer | null,
  text: string,
  options: readonly Option[],
): Answer | null {
  if (options.length === 0) return found
  if (found === null) return named(text, options)
  // A number that an option gives stays as it is: it equals the option's name, and "A) 2 + 2" may be a part of the question.
  const one = options.find(
    ({ letter, text: words }) =>
      equalAnswers(found.text, `(${letter}) ${words}`) &&
      (inWords(words) || equalAnswers(found.text, `(${letter})`)),
  )
  if (one !== undefined) return { ...found, text: nameOf(one), kind: 'choice' }
  return (found.kind === 'final-line' ? named(text, options) : null) ?? found
}

const SENTENCE = /[^.!?。！？\n]+(?:[.!?。！？](?!\s|$)[^.!?。！？\n]*)*/g
const DENIES =
  /\b(?:not|no|never|neither|nor|none|cannot|except|unlike|wrong|incorrect|rather|instead)\b|n['’]t\b|不|非|没/iu

/**
 * Finds the option that the last sentence of a text names: the only one in a text of one sentence ("Nitrogen
 * makes up most of it."), else one that the sentence ends with. A sentence that denies something names none.
 */
function named(text: string, options: readonly Option[]): Answer | null {
  const sentences = [...text.matchAll(SENTENCE)].filter(([sentence]) => /[\p{L}\d]/u.test(sentence))
  const last = sentences.at(-1)
  if (last === undefined || DENIES.test(last[0])) return null
  const hits = options.flatMap((option) => {
    const span = lastMention(last[0], option.text)
    return span === null ? [] : [{ option, span }]
  })
  // "Liquid oxygen" mentions "oxygen", too.
  const whole = hits.filter(({ span: [start, end] }) =>
    hits.every(({ span: [from, to] }) => to - from <= end - start || from > start || to < end),
  )
  const only = whole[0]
  if (only === undefined || whole.length > 1) return null
  const [start, end] = only.span
  if (sentences.length > 1 && /[\p{L}\d]/u.test(last[0].slice(end))) return null
  return { text: nameOf(only.option), span: [last.index + start, last.index + end], kind: 'choice' }
}

const inWords = (option: string) => /\p{L}{2}/u.test(option)

/** Returns where a sentence last mentions an option as whole words; a number alone is not a mention. */
function lastMention(sentence: string, option: string): [number, number] | null {
  if (!inWords(option)) return null
  const words = anyOf([option])
  const pattern = new RegExp(
    /\p{Script=Han}/u.test(option) ? words : String.raw`(?<![\p{L}\d])${words}(?![\p{L}\d])`,
    'giu',
  )
  const hit = [...sentence.matchAll(pattern)].at(-1)
  return hit === undefined ? null : [hit.index, hit.index + hit[0].length]
}
