import { z } from 'zod'
import { readLiteral, sameLiteral, withNumbers, type Literal } from './answers/literals.ts'

/**
 * Programs that agree: candidate programs run on the same calls, and the one whose results agree
 * most with the others' is the answer (docs/method.md). This file holds what a transcript records of
 * that and the rule that chooses, so that the page can apply it again.
 */

export const ProgramLanguage = z.enum(['python', 'javascript', 'typescript'])
export type ProgramLanguage = z.infer<typeof ProgramLanguage>

/** A program and what it is run on: calls of its function, or standard inputs. */
export interface Job {
  language: ProgramLanguage
  program: string
  /**
   * Expressions, each evaluated behind a fresh run of the program's top level: `f([1, 2], k=3)`. The program's name is
   * not `__main__` then.
   */
  calls: readonly string[]
  /** Texts that the whole program reads from its standard input, each in a fresh run. */
  inputs?: readonly string[]
}

export const MAX_CALLS = 40
export const MAX_CALL_CHARS = 2_000
export const MAX_RESULT_CHARS = 400
export const MAX_PROGRAM_CHARS = 1 << 15

const result = z.string().max(MAX_RESULT_CHARS)

/**
 * What one call came to: its value as text to compare by, what it printed, the error that it ended
 * with, or what the interpreter lacks to run it.
 */
export const Outcome = z.union([
  z.strictObject({ value: result }),
  z.strictObject({ printed: result }),
  z.strictObject({ error: result }),
  z.strictObject({ abstained: result }),
])
export type Outcome = z.infer<typeof Outcome>

export const CallSource = z.enum(['user', 'question', 'probe', 'attempt'])
export type CallSource = z.infer<typeof CallSource>

export const CallRecord = z.looseObject({
  /** The call; for a program that reads standard input, the input. */
  text: z.string().max(MAX_CALL_CHARS),
  from: CallSource,
  /** The result that the question states or the user marked. */
  expected: z.string().max(MAX_CALL_CHARS).optional(),
  /** The different outcomes; equal values are one. */
  outcomes: z.array(Outcome),
  /** Per program, its position in `outcomes`; null if the program was not run. */
  cells: z.array(z.int().min(0).nullable()),
})
export type CallRecord = z.infer<typeof CallRecord>

export const ProgramRecord = z.looseObject({
  language: ProgramLanguage.nullable(),
  /** The program that ran; empty if the attempt holds none. */
  source: z.string().max(MAX_PROGRAM_CHARS),
  /** Why the program takes no part, or the first thing that the interpreter lacks for it. */
  abstained: z.string().max(MAX_RESULT_CHARS).nullable(),
  /** Decides between equals: the attempt's mean log-probability, if it is known. */
  score: z.number().nullable(),
  /** Number of (other program, call) pairs with an equal result. */
  agreement: z.int().min(0),
  /** Number of calls with a result. */
  ran: z.int().min(0),
  /** Number of calls with an expected result that it does not give. */
  missed: z.int().min(0),
})
export type ProgramRecord = z.infer<typeof ProgramRecord>

export const NO_WINNER = ['no-programs', 'one-program', 'no-calls', 'no-results'] as const

/** The record of one comparison. Programs are in the order of the attempts. */
export const Agreement = z.looseObject({
  /** The function that is called; null for programs that read standard input, or if there is none. */
  function: z.string().max(256).nullable(),
  calls: z.array(CallRecord).max(MAX_CALLS),
  programs: z.array(ProgramRecord),
  /** Index into `programs`. */
  winner: z.int().min(0).nullable(),
  /** Why there is no winner. */
  why: z.enum(NO_WINNER).nullable(),
})
export type Agreement = z.infer<typeof Agreement>

/**
 * Returns a text of at most `most` characters. A longer one keeps its beginning, its length and a
 * hash, so that texts that differ still do.
 */
export function bounded(text: string, most: number): string {
  if (text.length <= most) return text
  let hash = 0x811c9dc5 // FNV-1a
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  const tail = `… (${text.length} characters, ${(hash >>> 0).toString(16).padStart(8, '0')})`
  return text.slice(0, most - tail.length).replace(/[\ud800-\udbff]$/, '') + tail
}

/** Returns an outcome whose text is as long as a record may hold. */
export function boundedOutcome(outcome: Outcome): Outcome {
  const [[kind, text]] = Object.entries(outcome) as [[string, string]]
  return { [kind]: bounded(text, MAX_RESULT_CHARS) } as Outcome
}

/** Returns whether an outcome is a result, which can agree with others. */
export const isResult = (outcome: Outcome): outcome is { value: string } | { printed: string } =>
  'value' in outcome || 'printed' in outcome

/** Groups outcomes that are equal. Returns one of each group, and each outcome's position there. */
export function groupOutcomes(all: readonly (Outcome | null)[]): {
  outcomes: Outcome[]
  cells: (number | null)[]
} {
  const groups: { outcome: Outcome; meaning: Literal | null }[] = []
  const cells = all.map((outcome) => {
    if (outcome === null) return null
    const meaning = 'value' in outcome ? readLiteral(outcome.value) : null
    const found = groups.findIndex((group) => equalOutcomes(group, { outcome, meaning }))
    return found >= 0 ? found : groups.push({ outcome, meaning }) - 1
  })
  return { outcomes: groups.map(({ outcome }) => outcome), cells }
}

type Meant = { outcome: Outcome; meaning: Literal | null }

function equalOutcomes({ outcome: a, meaning }: Meant, { outcome: b, meaning: other }: Meant) {
  if ('value' in a && 'value' in b)
    return (
      a.value === b.value || (meaning !== null && other !== null && sameLiteral(meaning, other))
    )
  if ('printed' in a && 'printed' in b) return samePrinted(a.printed, b.printed)
  if ('error' in a && 'error' in b) return a.error === b.error
  return 'abstained' in a && 'abstained' in b && a.abstained === b.abstained
}

const FRACTION = /^[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?$/

/**
 * Returns whether two printed texts are equal, apart from white space at the ends of lines and of
 * the text; numbers with a fraction are equal to 1e-9.
 */
export function samePrinted(a: string, b: string): boolean {
  const [ours, theirs] = [a, b].map((text) => text.trimEnd().split(/[^\S\n]*\r?\n/))
  return (
    ours!.length === theirs!.length &&
    ours!.every((line, i) => {
      if (line === theirs![i]) return true
      const [words, others] = [line, theirs![i]!].map((one) => one.split(/(\s+)/))
      return (
        words!.length === others!.length &&
        words!.every((word, j) => {
          const other = others![j]!
          if (word === other) return true
          if (!FRACTION.test(word) || !FRACTION.test(other)) return false
          return sameLiteral(readLiteral(word)!, readLiteral(other)!)
        })
      )
    })
  )
}

/** A sandbox writes nine significant digits of a fraction. */
const WRITTEN = 1e-8

/** Returns whether an outcome is the expected result, which is a literal or printed text. */
export function meets(
  outcome: Outcome,
  expected: string,
  language: ProgramLanguage | null,
): boolean {
  if ('printed' in outcome) return samePrinted(outcome.printed, expected)
  if (!('value' in outcome)) return false
  if (outcome.value === expected) return true
  const meaning = (text: string) => {
    const literal = readLiteral(text)
    return literal !== null && language === 'python' ? withNumbers(literal) : literal
  }
  const [value, wanted] = [meaning(outcome.value), meaning(expected)]
  return value !== null && wanted !== null && sameLiteral(value, wanted, WRITTEN)
}

/**
 * Counts agreement and chooses the winner. Programs that miss fewer expected results come first,
 * then those with more agreement, then the higher score, then the lowest index. Errors and
 * abstentions agree with nothing; an error misses an expected result, an abstention does not. Without
 * at least two programs that have a result, nobody wins.
 */
export function choose(
  calls: readonly CallRecord[],
  programs: readonly ProgramRecord[],
): Pick<Agreement, 'programs' | 'winner' | 'why'> {
  const counted = programs.map((program, i): ProgramRecord => {
    let [agreement, ran, missed] = [0, 0, 0]
    for (const { outcomes, cells, expected } of calls) {
      const cell = cells[i]
      if (cell === null || cell === undefined) continue
      const outcome = outcomes[cell]!
      if ('abstained' in outcome) continue
      if (expected !== undefined && !meets(outcome, expected, program.language)) missed++
      if (!isResult(outcome)) continue
      ran++
      agreement += cells.filter((other) => other === cell).length - 1
    }
    return { ...program, agreement, ran, missed }
  })
  const ranked = counted
    .map((program, index) => ({ ...program, index }))
    .filter(({ ran }) => ran > 0)
    .sort(
      (a, b) =>
        a.missed - b.missed ||
        b.agreement - a.agreement ||
        (b.score ?? -Infinity) - (a.score ?? -Infinity) ||
        a.index - b.index,
    )
  const held = programs.filter(({ source }) => source !== '').length
  const why =
    held === 0
      ? 'no-programs'
      : held === 1
        ? 'one-program'
        : calls.length === 0
          ? 'no-calls'
          : ranked.length === 0
            ? 'no-results'
            : ranked.length === 1
              ? 'one-program'
              : null
  return { programs: counted, winner: why === null ? ranked[0]!.index : null, why }
}
