import {
  instructionFor,
  languageOf,
  ownInstruction,
  type Language,
} from '../protocol/instruction.ts'
import { QuestionKind, type RunSettings } from '../protocol/request.ts'
import type { Prompt, PromptModel } from './prompt.ts'

/**
 * The words around the attempts that a summary reads, the same for both fusions: the prompt up to
 * the end of the user's words, a separator before each attempt (the first one also introduces
 * them), then the instruction, the end of the user's turn and the generation prompt. The prompt is
 * rendered by the model's own chat template (prompt.ts). `opening` ends with the first separator,
 * since words behind the user's may share a token with them; in `separators` it is empty.
 */
export interface Frame {
  opening: readonly number[]
  separators: readonly (readonly number[])[]
  closing: readonly number[]
}

/** What a separator says about its attempt. */
export interface Heading {
  /** The path was cut in its thought. */
  unfinished: boolean
  /** The beginning of the attempt is left out. */
  shortened: boolean
}

/** What a summary is asked to do, and how its attempts are introduced. */
export interface Asking {
  language: Language
  instruction: string
  /** How the answers that the attempts state are shared out; absent if nothing was counted. */
  counts?: string | undefined
}

/** Stands for the beginning of an attempt that is left out. */
const GAP = '[...]\n'

const WORDS = {
  en: {
    introduction: (attempts: number) =>
      attempts === 1
        ? 'Here is an attempt at this problem. It may contain mistakes.'
        : `Here are ${attempts} independent attempts at this problem. Each may contain mistakes.`,
    attempt: 'Attempt ',
    unfinished: ' (unfinished):',
    ends: ':',
  },
  zh: {
    introduction: (attempts: number) =>
      attempts === 1
        ? '下面是对这个问题的一次尝试，可能有错误。'
        : `下面是对这个问题的 ${attempts} 次独立尝试，每次都可能有错误。`,
    attempt: '尝试',
    unfinished: '（未完成）：',
    ends: '：',
  },
} as const satisfies Record<Language, unknown>

function separator(index: number, { unfinished, shortened }: Heading, language: Language): string {
  const { attempt, unfinished: open, ends } = WORDS[language]
  return `\n${attempt}${index + 1}${unfinished ? open : ends}\n${shortened ? GAP : ''}`
}

function separatorsOf(headings: readonly Heading[], language: Language): string[] {
  const introduction = `\n\n${WORDS[language].introduction(headings.length)}\n`
  return headings.map(
    (heading, i) => (i === 0 ? introduction : '') + separator(i, heading, language),
  )
}

const closingOf = ({ instruction, counts }: Omit<Asking, 'language'>): string =>
  `\n\n${counts === undefined ? '' : `${counts}\n\n`}${instruction}`

/**
 * Returns the most tokens that the words around this many attempts have, without the counts of
 * answers and the prompt's own parts.
 */
export function wordsLength(
  plain: PromptModel['plain'],
  attempts: number,
  { problem, settings }: { problem: string; settings: Pick<RunSettings, 'instruction' | 'schema'> },
): number {
  const headings = Array.from({ length: attempts }, () => ({ unfinished: true, shortened: true }))
  const own = ownInstruction(settings, problem)
  const instructions =
    own === undefined ? QuestionKind.options.map((kind) => instructionFor(kind, problem)) : [own]
  const length = (words: string) => plain(words, true).length
  return (
    separatorsOf(headings, languageOf(problem)).reduce((sum, words) => sum + length(words), 0) +
    Math.max(...instructions.map((instruction) => length(closingOf({ instruction }))))
  )
}

export function frameOf(
  plain: PromptModel['plain'],
  prompt: Prompt,
  headings: readonly Heading[],
  asking: Asking,
): Frame {
  const [first = '', ...rest] = separatorsOf(headings, asking.language)
  return {
    opening: prompt.opening(first),
    separators: [[], ...rest.map((words) => plain(words, true))],
    closing: prompt.closing(closingOf(asking)),
  }
}

export const lengthOf = ({ opening, separators, closing }: Frame): number =>
  [opening, ...separators, closing].reduce((sum, { length }) => sum + length, 0)
