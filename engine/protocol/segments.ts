import { z } from 'zod'
import { MAX_PARTS, MAX_SEGMENTS } from './limits.ts'

/**
 * A run is a graph of segments; each is a sequence of decoded tokens. A segment is addressed by its
 * role and its number within that role: `p3` is the third path, `s1` the first summary.
 */

export const ROLES = ['path', 'summary', 'probe', 'judge'] as const
export const Role = z.enum(ROLES)
export type Role = z.infer<typeof Role>

const LETTER = { path: 'p', summary: 's', probe: 'q', judge: 'j' } as const satisfies Record<
  Role,
  string
>
const ROLE_OF: Readonly<Record<string, Role>> = Object.fromEntries(
  ROLES.map((role) => [LETTER[role], role]),
)

export const SegmentId = z.string().regex(/^[psqj][1-9]\d{0,6}$/)
export type SegmentId = z.infer<typeof SegmentId>

export const segmentId = (role: Role, number: number): SegmentId => `${LETTER[role]}${number}`
export const pathId = (number: number): SegmentId => segmentId('path', number)
export const summaryId = (number: number): SegmentId => segmentId('summary', number)

/** Returns the role that an address names; the address must be a `SegmentId`. */
export const roleOf = (segment: SegmentId): Role => ROLE_OF[segment[0]!]!
/** Returns the number within the role, from 1. */
export const numberOf = (segment: SegmentId): number => Number(segment.slice(1))

/** Compares two addresses: paths before summaries, then by number. */
export function bySegment(a: SegmentId, b: SegmentId): number {
  return ROLES.indexOf(roleOf(a)) - ROLES.indexOf(roleOf(b)) || numberOf(a) - numberOf(b)
}

const ids = z.array(z.int().min(0))

/** One piece of what a segment reads before its first token. */
export const Part = z.union([
  /** The run's prompt, or its first `to` tokens. */
  z.looseObject({ prompt: z.literal(true), to: z.int().min(0).optional() }),
  /** Tokens that are decoded for this segment. */
  z.looseObject({
    tokens: ids,
    /** Row of the thought tables; 0 if absent. */
    thought: z.int().min(0).optional(),
    /** The segment that this text is from; absent for words between the texts. */
    of: SegmentId.optional(),
    /** How many tokens were removed from the middle of that text to make it fit. */
    removed: z.int().min(1).optional(),
    unfinished: z.literal(true).optional(),
  }),
  /** The KV cells of another segment's tokens [from, to); nothing is decoded. */
  z.looseObject({
    segment: SegmentId,
    from: z.int().min(0).optional(),
    to: z.int().min(0).optional(),
    /** How many tokens before `from` were left out to make the part fit. */
    removed: z.int().min(1).optional(),
    /** The segment was still in its thought: this is the end of what it had, and said to be unfinished. */
    unfinished: z.literal(true).optional(),
  }),
])
export type Part = z.infer<typeof Part>

/**
 * `shared`: parts keep their positions, and paths occupy the same ones (ParaThinker, section 3).
 * `consecutive`: each part follows the one before it.
 */
export const Layout = z.enum(['shared', 'consecutive'])
export type Layout = z.infer<typeof Layout>

/** What a segment's first token can attend to. */
export const Source = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('prompt') }),
  /** The first `at` tokens of another segment; they count as this segment's own. */
  z.looseObject({ type: z.literal('branch'), of: SegmentId, at: z.int().min(0) }),
  z.looseObject({ type: z.literal('join'), layout: Layout, parts: z.array(Part).max(MAX_PARTS) }),
  /** One answer, decoded from the mean of several segments' log-probabilities and fed to each. */
  z.looseObject({
    type: z.literal('merge'),
    of: z.array(SegmentId).max(MAX_SEGMENTS),
    /**
     * Per member, how many of its tokens are kept, and what is decoded behind them before the answer:
     * the end of its thought, or words that ask for the answer.
     */
    ends: z
      .array(z.looseObject({ to: z.int().min(0), tokens: ids }))
      .max(MAX_SEGMENTS)
      .optional(),
  }),
  /** A new prompt that quotes texts. */
  z.looseObject({ type: z.literal('text'), parts: z.array(Part).max(MAX_PARTS) }),
])
export type Source = z.infer<typeof Source>

/** Returns what a source is made of, in order; empty if it has no parts. */
export const partsOf = (source: Source): readonly Part[] =>
  source.type === 'join' || source.type === 'text' ? source.parts : []

/** Returns how many tokens are decoded for a source. */
export const decodedTokens = (source: Source): number =>
  source.type === 'merge'
    ? (source.ends ?? []).reduce((sum, { tokens }) => sum + tokens.length, 0)
    : partsOf(source).reduce(
        (sum, part) => sum + ('tokens' in part ? (part.tokens as number[]).length : 0),
        0,
      )

/** Returns in how many sequences a segment with this source decodes each of its tokens. */
export const widthOf = (source: Source): number =>
  source.type === 'merge' ? Math.max(1, source.of.length) : 1
