import type { Lease } from '../kv/index.ts'
import { decidingProgram } from '../protocol/deciding.ts'
import type { EventDraft, EventOf } from '../protocol/events.ts'
import type { RunState, Segment } from '../protocol/run-state.ts'
import type { Decision } from '../protocol/decision.ts'
import { questionOf } from '../protocol/question.ts'
import type { SegmentId } from '../protocol/segments.ts'
import { asksForVotes, ruleOf } from '../protocol/shapes.ts'
import type { Notice } from '../protocol/wording.ts'

/** Loads decision.ts, which compares answers, while the model thinks. */
const decision = () => import('../protocol/decision.ts')

export const warmUp = (): void => void decision().catch(() => {})

export async function decideRun(state: RunState): Promise<Decision> {
  return (await decision()).decide(state)
}

export async function chooseMember(
  state: RunState,
  member: SegmentId,
): Promise<EventDraft<'vote' | 'agreement'>> {
  return (await decision()).chooseByHand(state, member)
}

/**
 * Returns the notice of a run whose strategy votes on a question without a single value; null if
 * the vote is possible, or if the user has merged all paths since.
 */
export function nothingToCount(state: RunState): Notice | null {
  const { settings, summaries, notices, paths } = state
  const kind = questionOf(state)
  if (settings === null || kind === null || kind === 'value') return null
  if (!asksForVotes(settings) || paths.length < 2) return null
  if (decidingProgram(state) !== undefined) return null
  const code = summaries.length > 0 ? 'nothing-to-count-first' : 'nothing-to-count'
  const done =
    summaries.some(({ group }) => group === null) || notices.some((one) => one.code === code)
  return done ? null : { code }
}

/**
 * Returns the notice of a run whose programs are not compared because that is switched off: for this
 * run, or for all (`allowed` is false) since it began.
 */
export function switchedOff(state: RunState, allowed: boolean): Notice | null {
  const { settings, notices, paths, agreement } = state
  if (settings === null || ruleOf(settings.strategy).judges) return null
  const switched = settings.runPrograms === false || (!allowed && agreement === null)
  const off = switched && paths.length > 1 && questionOf(state) === 'code'
  return off && !notices.some(({ code }) => code === 'programs-off')
    ? { code: 'programs-off' }
    : null
}

/** Returns token counts, and the KV memory that the run's cells use. */
export function usageOf(state: RunState, lease: Lease | null): EventOf<'run-ended'>['usage'] {
  const { promptTokens, paths, summaries, others } = state
  const tokensOf = (list: readonly Segment[]) =>
    list.reduce((sum, { tokens }) => sum + tokens.length, 0)
  const judges = tokensOf(others.filter(({ role }) => role === 'judge'))
  const probes =
    tokensOf(others.filter(({ role }) => role === 'probe')) +
    state.probes.reduce((sum, { tokens }) => sum + tokens, 0)
  const latest = summaries.at(-1)?.tokens.length ?? 0
  const info = lease?.context.info
  return {
    promptTokens: promptTokens.length,
    pathTokens: paths.reduce(
      (sum, { tokens, parent }) => sum + tokens.length - (parent?.at ?? 0),
      0,
    ),
    summaryTokens: tokensOf(summaries),
    ...(probes > 0 && { probeTokens: probes }),
    ...(judges > 0 && { judgeTokens: judges }),
    kvBytes:
      info === undefined
        ? 0
        : Math.round((info.kvBytes / info.cells) * (lease!.used(state) + latest)),
    cells: info?.cells ?? 0,
  }
}
