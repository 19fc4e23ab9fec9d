import type { RunSettings } from '../protocol/request.ts'
import type { Prompt, PromptModel } from './prompt.ts'

/**
 * The words around the attempts that a summary reads, the same for both fusions: the prompt up to
 * the end of the user's words, a separator before each attempt (the first one also introduces
 * them), then the instruction, the end of the user's turn and the generation prompt. The prompt is
 * rendered by the model's own chat template (prompt.ts).
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
  plain: PromptModel['plain'],
  headings: readonly Heading[],
  instruction = INSTRUCTION,
): Pick<Frame, 'separators' | 'closing'> {
  return {
    separators: headings.map((heading, i) =>
      plain((i === 0 ? introduction(headings.length) : '') + separator(i, heading)),
    ),
    closing: plain(`\n\n${instruction}`),
  }
}

/** Returns the most tokens that the words around this many attempts have, without the prompt's own parts. */
export function wordsLength(
  plain: PromptModel['plain'],
  attempts: number,
  { instruction }: Pick<RunSettings, 'instruction'>,
): number {
  const headings = Array.from({ length: attempts }, () => ({ unfinished: true, shortened: true }))
  const { separators, closing } = frameWords(plain, headings, instruction)
  return [...separators, closing].reduce((sum, { length }) => sum + length, 0)
}

export function frameOf(
  plain: PromptModel['plain'],
  { before, user, after }: Prompt,
  headings: readonly Heading[],
  { instruction }: Pick<RunSettings, 'instruction'>,
): Frame {
  const { separators, closing } = frameWords(plain, headings, instruction)
  return { opening: [...before, ...user], separators, closing: [...closing, ...after] }
}

export const lengthOf = ({ opening, separators, closing }: Frame): number =>
  [opening, ...separators, closing].reduce((sum, { length }) => sum + length, 0)
