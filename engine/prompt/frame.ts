import type { RunSettings } from '../protocol/request.ts'
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

const INSTRUCTION =
  'Compare the attempts, decide which reasoning is right, and give the final answer in \\boxed{}.'
/** Stands for the beginning of an attempt that is left out. */
const GAP = '[...]\n'

const introduction = (attempts: number): string =>
  attempts === 1
    ? '\n\nHere is an attempt at this problem. It may contain mistakes.\n'
    : `\n\nHere are ${attempts} independent attempts at this problem. Each may contain mistakes.\n`

function separator(index: number, { unfinished, shortened }: Heading): string {
  const note = unfinished ? ' (unfinished)' : ''
  return `\nAttempt ${index + 1}${note}:\n${shortened ? GAP : ''}`
}

/** Returns the words of a frame around these attempts, without the prompt's own parts. */
function frameWords(
  headings: readonly Heading[],
  instruction = INSTRUCTION,
): { separators: string[]; closing: string } {
  return {
    separators: headings.map(
      (heading, i) => (i === 0 ? introduction(headings.length) : '') + separator(i, heading),
    ),
    closing: `\n\n${instruction}`,
  }
}

/** Returns the most tokens that the words around this many attempts have, without the prompt's own parts. */
export function wordsLength(
  plain: PromptModel['plain'],
  attempts: number,
  { instruction }: Pick<RunSettings, 'instruction'>,
): number {
  const headings = Array.from({ length: attempts }, () => ({ unfinished: true, shortened: true }))
  const { separators, closing } = frameWords(headings, instruction)
  return [...separators, closing].reduce((sum, words) => sum + plain(words, true).length, 0)
}

export function frameOf(
  plain: PromptModel['plain'],
  prompt: Prompt,
  headings: readonly Heading[],
  { instruction }: Pick<RunSettings, 'instruction'>,
): Frame {
  const { separators, closing } = frameWords(headings, instruction)
  const [first = '', ...rest] = separators
  return {
    opening: prompt.opening(first),
    separators: [[], ...rest.map((words) => plain(words, true))],
    closing: prompt.closing(closing),
  }
}

export const lengthOf = ({ opening, separators, closing }: Frame): number =>
  [opening, ...separators, closing].reduce((sum, { length }) => sum + length, 0)
