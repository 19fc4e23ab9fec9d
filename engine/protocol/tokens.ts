import { z } from 'zod'
import { SegmentId } from './segments.ts'

export const Alternative = z.object({ id: z.int(), text: z.string(), logprob: z.number() })
export type Alternative = z.infer<typeof Alternative>

/**
 * One token. `logprob` is a natural log under the model's distribution before sampling; null if
 * there is none.
 */
export const Token = z.object({
  /** Absent if the engine reports text only. */
  id: z.int().optional(),
  /** Concatenated texts are valid Unicode: a split character is reported with its last token. */
  text: z.string(),
  logprob: z.number().nullable(),
  /** Entropy of that distribution, in nats. */
  entropy: z.number().nullable(),
  alternatives: z.array(Alternative).optional(),
  /**
   * Minus the mean log-probability of the 20 likeliest tokens (arXiv 2508.15260): high where few
   * tokens hold most of the probability. Only if the run asked for it.
   */
  confidence: z.number().optional(),
  /** The token was set by the engine, not sampled. */
  forced: z.boolean().optional(),
  /** For a merged token: its log-probability in each member, of which there are at most as many as sequences. */
  members: z
    .array(z.object({ segment: SegmentId, logprob: z.number() }))
    .max(256)
    .optional(),
})
export type Token = z.infer<typeof Token>

/** An answer, and the range [start, end) of its text in UTF-16 units of the segment's text. */
export const Answer = z.object({
  text: z.string(),
  span: z.tuple([z.int(), z.int()]),
  /** How the answer was found. `verdict`: a judge prefers the segment of this address. */
  kind: z.enum([
    'boxed',
    'final-answer',
    'json',
    'choice',
    'final-line',
    'last-number',
    'whole',
    'verdict',
  ]),
})
export type Answer = z.infer<typeof Answer>

/** Returns the ids of tokens; 0 where an engine reported only text. */
export const idsOf = (tokens: readonly Pick<Token, 'id'>[]): number[] =>
  tokens.map(({ id }) => id ?? 0)

/** Returns how many ids two lists share at their beginning. */
export function sharedPrefix(a: readonly number[], b: readonly number[]): number {
  let i = 0
  while (i < a.length && i < b.length && a[i] === b[i]) i++
  return i
}
