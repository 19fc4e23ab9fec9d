import { allSegments, segmentOf, type RunState, type Segment } from './run-state.ts'
import { partsOf, type Part, type SegmentId } from './segments.ts'

/**
 * Returns how many positions the longest sequence of a run takes, in tokens: what its segment reads,
 * and what it has written. This, and not the sum of all paths, is what a model's context bounds.
 */
export const positionsUsed = (state: RunState): number =>
  allSegments(state).reduce(
    (most, segment) => Math.max(most, positionsRead(segment, state) + segment.tokens.length),
    state.promptTokens.length,
  )

/** Returns how many positions a segment takes before its own tokens, those of its parent included. */
function positionsRead({ source }: Segment, state: RunState): number {
  if (source.type !== 'join' && source.type !== 'text') return state.promptTokens.length
  const lengths = partsOf(source).map((part) => lengthOf(part, state))
  const sum = lengths.reduce((total, length) => total + length, 0)
  if (source.type === 'text' || source.layout === 'consecutive') return sum
  // All paths have the positions after the prompt.
  const prompt = partsOf(source).findIndex((part) => 'prompt' in part)
  const own = lengths.filter((_, i) => i !== prompt)
  return (lengths[prompt] ?? 0) + Math.max(0, ...own)
}

function lengthOf(part: Part, state: RunState): number {
  if ('tokens' in part) return (part.tokens as readonly number[]).length
  const { from = 0, to } = part as { from?: number; to?: number }
  const whole =
    'segment' in part
      ? segmentOf(state, part.segment as SegmentId)?.tokens.length
      : state.promptTokens.length
  return (to ?? whole ?? 0) - from
}
