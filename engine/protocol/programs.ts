import { z } from 'zod'
import { MAX_SEGMENTS } from './limits.ts'
import type { ReasonCode } from './wording.ts'

/**
 * What a transcript records of programs that were compared by what they return (agreement.ts has the
 * rule).
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

/** What Braid says of a program: a code (`REASONS` in wording.ts), and what it is about. */
export const Reason = z.strictObject({
  code: z.string().max(64),
  name: z.string().max(200).optional(),
})
export type Reason = z.infer<typeof Reason>

export const because = (code: ReasonCode, name?: string): Reason => ({
  code,
  ...(name !== undefined && { name: name.slice(0, 200) }),
})

const result = z.string().max(MAX_RESULT_CHARS)

/**
 * What one call came to: its value as text to compare by; what it printed, or what it made of its
 * arguments, if it returned nothing; the error that it ended with, or the limit that it broke; or why
 * nothing can be said of it: what the interpreter lacks, or a value that cannot be compared.
 */
export const Outcome = z.union([
  z.strictObject({ value: result }),
  z.strictObject({ printed: result }),
  z.strictObject({ changed: result }),
  z.strictObject({ error: z.union([result, Reason]) }),
  z.strictObject({ abstained: Reason }),
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
  outcomes: z.array(Outcome).max(MAX_SEGMENTS),
  /** Per program, its position in `outcomes`; null if the program was not run. */
  cells: z.array(z.int().min(0).nullable()).max(MAX_SEGMENTS),
})
export type CallRecord = z.infer<typeof CallRecord>

export const ProgramRecord = z.looseObject({
  language: ProgramLanguage.nullable(),
  /** The program that ran; empty if the attempt holds none. */
  source: z.string().max(MAX_PROGRAM_CHARS),
  /** Why the program takes no part, or the first thing that the interpreter lacks for it. */
  abstained: Reason.nullable(),
  /** Decides between equals: the attempt's mean log-probability, if it is known. */
  score: z.number().nullable(),
  /** Whether the program may be cut off: the text ends in it. Decides between equals, before the score. */
  cut: z.boolean().optional(),
  /** Number of (other program, call) pairs with an equal result. */
  agreement: z.int().min(0),
  /** Number of calls with a result. */
  ran: z.int().min(0),
  /** Number of calls with an expected result that it does not give. */
  missed: z.int().min(0),
})
export type ProgramRecord = z.infer<typeof ProgramRecord>

/** `failed`: the programs could not be run. */
export const NO_WINNER = ['no-programs', 'one-program', 'no-calls', 'no-results', 'failed'] as const
export type NoWinner = (typeof NO_WINNER)[number]

/** The record of one comparison. Programs are in the order of the attempts. */
export const Agreement = z.looseObject({
  /** The function that is called; null for programs that read standard input, or if there is none. */
  function: z.string().max(256).nullable(),
  calls: z.array(CallRecord).max(MAX_CALLS),
  programs: z.array(ProgramRecord).max(MAX_SEGMENTS),
  /** Index into `programs`. */
  winner: z.int().min(0).nullable(),
  /** Why there is no winner. */
  why: z.enum(NO_WINNER).nullable(),
})
export type Agreement = z.infer<typeof Agreement>
