import { rereadSource, type Turn } from '../prompt/index.ts'
import { fail } from '../protocol/errors.ts'
import { segmentOf, type RunState } from '../protocol/run-state.ts'
import type { Source } from '../protocol/segments.ts'
import type { OpenSummary } from '../strategies/index.ts'
import { chooseFusion, trainedPositions } from './begin.ts'
import type { LoadedModel } from '../models/index.ts'

export interface Reading {
  model: LoadedModel
  state: RunState
  conversation: readonly Turn[]
  /** Cells of the context if it cannot grow, else Infinity. */
  limit: number
  /** How many summaries share those cells. */
  summaries: number
  signal: AbortSignal
}

/**
 * Returns the source of a summary. Errors: `cannot-join`, `bad-combination`, `context-too-small`,
 * `cancelled`.
 */
export async function sourceOf(
  { reads, fusion, budget }: OpenSummary,
  { model, state, conversation, limit, summaries, signal }: Reading,
): Promise<Source> {
  chooseFusion(fusion, model, true)
  if (fusion === 'cache') return joinOf(reads)
  const settings = state.settings!
  const prompt = state.promptTokens
  const positions = trainedPositions(model.native.info, settings)
  const share = Math.floor((limit - prompt.length) / summaries)
  const beside = model.tokens.pairs.length > 0 ? prompt.length : 0 // the prompt's cells are shared
  const keep = (room: number) => room - Math.min(budget, Math.floor(room / 4))
  return rereadSource(
    model,
    reads.map((segment) => segmentOf(state, segment) ?? missing(segment)),
    {
      problem: state.problem,
      conversation,
      settings,
      prompt,
      room: Math.min(keep(positions), keep(share) + beside),
    },
    signal,
  )
}

const missing = (segment: string): never => {
  throw fail('no-such-path/missing', { path: segment })
}

/**
 * Returns ParaThinker's join: the cells of all paths, which share the prompt's cells and keep their
 * overlapping positions.
 */
export const joinOf = (reads: OpenSummary['reads']): Source => ({
  type: 'join',
  layout: 'shared',
  parts: [{ prompt: true }, ...reads.map((segment) => ({ segment }))],
})
