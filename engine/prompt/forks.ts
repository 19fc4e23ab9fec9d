import { FORK_FORMS, forkFormOf, type ForkForm, type ForkMarks } from '../protocol/forks.ts'
import type { PromptTokenizer } from './tokenizer.ts'

/** Ids of the marks by which a model forks its own text (protocol/forks.ts). */
export interface Forks {
  form: ForkForm
  /** undefined: its text begins with no mark. */
  start: number | undefined
  fork: number
  open: number
  close: number
  join: number
}

/** Returns the marks among a vocabulary's special tokens; null if not all of a form are there. */
export function findForks(byText: ReadonlyMap<string, number>): Forks | null {
  const form = forkFormOf((text) => byText.has(text))
  if (form === undefined) return null
  const { start, fork, open, close, join } = FORK_FORMS[form]
  const id = (text: string) => byText.get(text)!
  return {
    form,
    start: byText.get(start),
    fork: id(fork),
    open: id(open),
    close: id(close),
    join: id(join),
  }
}

type Plain = Pick<PromptTokenizer, 'plain'>

/** Returns a model's marks as a run's events hold them: with the words that are forced beside them. */
export const forkMarks = (
  { form, start, fork, close, join }: Forks,
  { plain }: Plain,
): ForkMarks => ({
  form,
  start: start === undefined ? [] : [start],
  fork,
  close,
  join: [join, ...plain('\n', true)],
})

/** Returns what a child begins with: `\n<Path>\n1:` for the entry 1. */
export const childTokens = (entry: string, { open }: Forks, { plain }: Plain): number[] => [
  ...plain('\n', true),
  open,
  ...plain(`\n${entry}:`, true),
]
