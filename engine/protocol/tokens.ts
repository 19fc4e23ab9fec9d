import { z } from 'zod'
import { SegmentId } from './segments.ts'

export const Alternative = z.object({ id: z.int(), text: z.string(), logprob: z.number() })
export type Alternative = z.infer<typeof Alternative>

/** One token. `logprob` (natural log, of the model's own distribution before the sampler) is null where none exists. */
export const Token = z.object({
  /** Absent where an engine tells texts only. */
  id: z.int().optional(),
  /** Bytes of split characters are held back until whole: texts concatenate to valid text. */
  text: z.string(),
  logprob: z.number().nullable(),
  /** Of the same distribution, in nats. */
  entropy: z.number().nullable(),
  alternatives: z.array(Alternative).optional(),
  /** Set by the engine, not sampled. */
  forced: z.boolean().optional(),
  /** A merged token: its log-probability in each member. */
  members: z.array(z.object({ segment: SegmentId, logprob: z.number() })).optional(),
})
export type Token = z.infer<typeof Token>

/** An answer and where its text stands: [start, end) in UTF-16 units of the segment's text. */
export const Answer = z.object({
  text: z.string(),
  span: z.tuple([z.int(), z.int()]),
  /** What found it. */
  kind: z.enum(['boxed', 'final-answer', 'json', 'last-number', 'whole']),
})
export type Answer = z.infer<typeof Answer>
