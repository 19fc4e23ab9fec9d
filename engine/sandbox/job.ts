import { z } from 'zod'
import { Reason } from '../protocol/agreement.ts'

export type { Job, ProgramLanguage as Language } from '../protocol/agreement.ts'

/**
 * What one call or input led to: the value or what was printed, as text that is equal where the results are; or why
 * there is none. `error`: the program failed or broke a limit. `abstained`: it needs something that the sandbox does
 * not have, which says nothing about the program. A call that returns nothing and prints counts as `printed`.
 */
export const Outcome = z.union([
  z.strictObject({ value: z.string() }),
  z.strictObject({ printed: z.string() }),
  z.strictObject({ changed: z.string() }),
  z.strictObject({ error: z.union([z.string(), Reason]) }),
  z.strictObject({ abstained: Reason }),
])
export type Outcome = z.infer<typeof Outcome>

export interface Limits {
  /**
   * Milliseconds of the processor for a program with all its calls and inputs, five times as many by the clock. One of
   * them may take half of what is left.
   */
  ms: number
  /** Bytes that a program may take beyond those of the interpreter. */
  memoryBytes: number
  /** Bytes that one call or input may print. */
  outputBytes: number
}

export const LIMITS: Limits = { ms: 2_000, memoryBytes: 100 << 20, outputBytes: 64 << 10 }

/** Characters of a program, call or input beyond which a job abstains. */
export const MAX_TEXT = 256 << 10
/** Calls and inputs of a job beyond which it is refused. */
export const MAX_STEPS = 200

/** What the child writes: one message per line. */
export const Reply = z.union([
  z.strictObject({ ready: z.literal(true) }),
  z.strictObject({ id: z.number(), step: z.number(), outcome: Outcome }),
  z.strictObject({ id: z.number(), done: z.literal(true) }),
])
export type Reply = z.infer<typeof Reply>
/** Characters of one line beyond which the child is replaced. */
export const MAX_LINE = 128 << 10
