import type { ProbeState, RunState, Segment } from './run-state.ts'
import type { SegmentId } from './segments.ts'

/** The most tokens of an answer that a path is asked for on the way. */
export const ANSWER_TOKENS = 24
/** Cells of a probe: what it reads behind the path's tokens, and its answer. */
export const PROBE_CELLS = 64

/** Returns the latest answer that a path gave on the way. */
export const latestProbe = (
  { probes }: Pick<RunState, 'probes'>,
  segment: SegmentId,
): ProbeState | undefined => probes.findLast((one) => one.segment === segment)

/**
 * Returns what a path answers in a vote: its own answer, or, of one that was cut because the majority
 * stayed, the last one that it gave on the way.
 */
export function votedAnswer(
  { segment, reason, answer }: Segment,
  state: Pick<RunState, 'probes' | 'settings'>,
): string | null {
  const asked = reason === 'cut' && state.settings?.stop === 'stable'
  const probe = asked ? latestProbe(state, segment) : undefined
  return probe?.answer ?? answer?.text ?? null
}
