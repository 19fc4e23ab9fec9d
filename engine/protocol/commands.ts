import { z } from 'zod'
import { MAX_CALL_CHARS, MAX_CALLS } from './programs.ts'
import { Fusion, MAX_INSTRUCTION_CHARS, QuestionKind } from './request.ts'
import { SegmentId } from './segments.ts'

/** The commands that a run takes, while it thinks or afterwards. */
export const RunCommand = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stop'), segment: SegmentId }),
  z.object({ type: z.literal('drop'), segment: SegmentId }),
  /**
   * Takes a dropped path back. It continues if it was dropped while it was thinking and others
   * still think.
   */
  z.object({ type: z.literal('restore'), segment: SegmentId }),
  /**
   * Gives more tokens to a path that did not finish by itself. It continues, then waits for
   * `summarise`.
   */
  z.object({
    type: z.literal('extend'),
    segment: SegmentId,
    tokens: z
      .int()
      .min(1)
      .max(1 << 20),
  }),
  /**
   * Opens a path that keeps the first `at` tokens of `segment`, then has `token` if given, and
   * continues from there.
   */
  z.object({
    type: z.literal('branch'),
    segment: SegmentId,
    at: z.int().min(1),
    token: z.int().min(0).optional(),
  }),
  /** Ends the paths that still think, and writes a summary of all paths or of `segments`. */
  z.object({
    type: z.literal('summarise'),
    segments: z.array(SegmentId).min(1).optional(),
    fusion: Fusion.optional(),
    /** Replaces the run's instruction for this summary. */
    instruction: z.string().max(MAX_INSTRUCTION_CHARS).optional(),
  }),
  /** Ends every segment without writing a summary. */
  z.object({ type: z.literal('stop-all') }),
  /** Makes this member's answer, or its program, the winner. */
  z.object({ type: z.literal('override-vote'), member: SegmentId }),
  /**
   * Compares the programs again, on these calls of the user's before all others. `expected`: the
   * result that a program should give, as a literal.
   */
  z.object({
    type: z.literal('compare'),
    calls: z
      .array(
        z.object({
          call: z.string().min(1).max(MAX_CALL_CHARS),
          expected: z.string().max(MAX_CALL_CHARS).optional(),
        }),
      )
      .max(MAX_CALLS),
  }),
  /** Sets the kind of the question: what counts as the run's answer, and how summaries are asked for. */
  z.object({ type: z.literal('question'), kind: QuestionKind }),
  z.object({ type: z.literal('cancel') }),
])
export type RunCommand = z.infer<typeof RunCommand>

/** `segment`: the segment that `branch` or `summarise` opened. */
export const CommandResult = z.object({ segment: SegmentId.optional() })
export type CommandResult = z.infer<typeof CommandResult>
