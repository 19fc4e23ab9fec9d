import { z } from 'zod'
import { Fusion } from './request.ts'
import { SegmentId } from './segments.ts'

/** What a user may tell a run, while it thinks or afterwards. `CommandResult` names what a command opened. */
export const RunCommand = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stop'), segment: SegmentId }),
  z.object({ type: z.literal('drop'), segment: SegmentId }),
  /** More tokens for a path that did not come to an end by itself: it thinks on, then waits for `summarise`. */
  z.object({
    type: z.literal('extend'),
    segment: SegmentId,
    tokens: z
      .int()
      .min(1)
      .max(1 << 20),
  }),
  /** A new path that keeps the first `at` tokens of `segment`, then `token` if given, then thinks on. */
  z.object({
    type: z.literal('branch'),
    segment: SegmentId,
    at: z.int().min(1),
    token: z.int().min(0).optional(),
  }),
  /** Ends the paths that still think, and writes a summary of them all or of `segments`. */
  z.object({
    type: z.literal('summarise'),
    segments: z.array(SegmentId).min(1).optional(),
    fusion: Fusion.optional(),
  }),
  /** Ends every segment; no summary follows. */
  z.object({ type: z.literal('stop-all') }),
  /** Chooses the answer of this member of the vote by hand. */
  z.object({ type: z.literal('override-vote'), member: SegmentId }),
  z.object({ type: z.literal('cancel') }),
])
export type RunCommand = z.infer<typeof RunCommand>

/** The segment that the command opens, for `branch` and `summarise`. */
export const CommandResult = z.object({ segment: SegmentId.optional() })
export type CommandResult = z.infer<typeof CommandResult>
