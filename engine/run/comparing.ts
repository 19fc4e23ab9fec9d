import { trainedPositions } from '../kv/index.ts'
import type { LoadedModel } from '../models/index.ts'
import { buildPrompt } from '../prompt/index.ts'
import {
  because,
  type Job,
  type NoWinner,
  type Outcome,
  type Reason,
} from '../protocol/agreement.ts'
import { spokenText } from '../protocol/deciding.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
import { runError, type EventDraft } from '../protocol/events.ts'
import { meanLogprob, segmentOf, type RunState } from '../protocol/run-state.ts'
import type { SegmentId, Source } from '../protocol/segments.ts'
import type { Notice } from '../protocol/wording.ts'
import type { Compare, OpenProbe } from '../strategies/index.ts'

/** Programs out of a run's segments: what a probe asks for, and what the programs return. */

/**
 * Runs a program in the sandbox and returns one outcome per call, then one per input. Rejects with
 * `cancelled`, and with `internal` if the sandbox cannot be started.
 */
export type RunPrograms = (job: Job, signal: AbortSignal) => Promise<readonly Outcome[]>

/** Loads what reads programs while the model writes: it has a parser per language. */
const room = () => import('../agree/index.ts')

const textsOf = (segments: readonly SegmentId[], state: RunState): string[] =>
  segments.map((segment) => {
    const one = segmentOf(state, segment)
    return one === undefined ? '' : spokenText(one, state)
  })

/** The fewest tokens that are worth a probe. */
const LEAST = 32

export interface ProbeReading {
  model: LoadedModel
  state: RunState
  /** Cells that the run can have, else Infinity. */
  limit: number
  signal: AbortSignal
}

/**
 * Returns the source of a probe, a fresh prompt that asks for calls, and the tokens that there is room
 * for. null: fewer than two of the segments hold a program, or there is no room. Errors: `cancelled`.
 */
export async function probeSource(
  { reads, budget }: Pick<OpenProbe, 'reads' | 'budget'>,
  { model, state, limit, signal }: ProbeReading,
): Promise<{ source: Source; budget: number } | null> {
  const { probeRequest, programsIn } = await room()
  const asked = programsIn(state.problem, textsOf(reads, state))
  if (asked.programs.filter((program) => 'source' in program).length < 2) return null
  const problem = probeRequest(state.problem, asked)
  if (problem === null) return null
  const { templateVariables } = state.settings!
  // Twelve calls need no thought; a template that cannot leave it out ignores the variable.
  const variables = { ...templateVariables, enable_thinking: false }
  const { ids } = await buildPrompt(model, { problem, variables }, signal)
  const cells = Math.min(
    trainedPositions(model.native.info, state.settings!),
    limit - state.promptTokens.length,
  )
  const left = Math.min(budget, cells - ids.length)
  if (left < LEAST) return null
  return { source: { type: 'text', parts: [{ tokens: [...ids] }] }, budget: left }
}

/** Checks what the user typed as calls. Errors: `bad-request`, with the first that is not one. */
export async function checkCalls(calls: Compare['calls'], { agreement }: RunState): Promise<void> {
  const name = agreement?.function ?? null
  if (name === null) return // inputs may be any text
  const { readCall } = await room()
  const language = agreement!.programs.find((one) => one.language !== null)?.language
  if (language === undefined || language === null) return
  for (const { call } of calls)
    if (readCall(call, { function: name, language }) === null)
      throw fail('bad-request/not-a-call', { call, name })
}

/**
 * Runs the programs of these segments and returns the event that records what they return. If they
 * cannot be run, it says why. Errors: `cancelled`.
 */
export async function comparison(
  { of, probe, calls }: Compare,
  state: RunState,
  run: RunPrograms,
  signal: AbortSignal,
): Promise<EventDraft<'agreement'>> {
  const { agree } = await room()
  const segments = of.map((segment) => segmentOf(state, segment))
  const told = probe === undefined ? undefined : segmentOf(state, probe)
  const event = { type: 'agreement' as const, of: [...of], ...(probe !== undefined && { probe }) }
  try {
    const agreement = await agree(
      {
        question: state.problem,
        attempts: textsOf(of, state),
        scores: segments.map((one) => (one === undefined ? null : meanLogprob(one))),
        probe: told?.text,
        user: calls,
      },
      (job) => run(job, signal),
    )
    return { ...event, ...agreement }
  } catch (error) {
    const failed = toBraidError(error)
    if (failed.code === 'cancelled') throw failed
    const none = { function: null, calls: [], programs: [], winner: null }
    return { ...event, ...none, why: 'failed', error: runError(failed) }
  }
}

const CODES = {
  'no-programs': 'programs-none',
  'one-program': 'programs-one',
  'no-calls': 'programs-calls',
  'no-results': 'programs-results',
  failed: 'programs-failed',
} as const satisfies Record<NoWinner, Notice['code']>

/** Returns the notice that says why no program was chosen. */
export function whyNone(event: EventDraft<'agreement'>): Notice | null {
  const { programs, error } = event
  if (event.why === null) return null
  const code = CODES[event.why]
  if (code === 'programs-failed')
    return { code, params: { reason: error?.message ?? String(error?.code) } }
  if (code !== 'programs-none') return { code }
  const reason = commonest(programs.flatMap(({ abstained }) => abstained ?? []))
  const { code: why, name } = reason
  return { code, params: { reason: why, ...(name !== undefined && { name }) } }
}

/** Returns the reason that most programs have, the first of equals. */
function commonest(reasons: readonly Reason[]): Reason {
  const count = (reason: Reason) =>
    reasons.filter(({ code, name }) => code === reason.code && name === reason.name).length
  return reasons.reduce(
    (most, one) => (count(one) > count(most) ? one : most),
    reasons[0] ?? because('no-code'),
  )
}
