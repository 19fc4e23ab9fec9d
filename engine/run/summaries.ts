import { cellsOf, type Lease } from '../kv/index.ts'
import { joinSource, rereadSource, type Turn } from '../prompt/index.ts'
import { fail } from '../protocol/errors.ts'
import { DEFAULT_TAIL } from '../protocol/request.ts'
import { segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import { partsOf, type Source } from '../protocol/segments.ts'
import type { Notice } from '../protocol/wording.ts'
import type { OpenSummary } from '../strategies/index.ts'
import { chooseFusion, trainedPositions } from './begin.ts'
import { copiesWhole } from './demand.ts'
import type { LoadedModel } from '../models/index.ts'

export interface Reading {
  model: LoadedModel
  state: RunState
  conversation: readonly Turn[]
  /** Cells of the context if it cannot grow, else Infinity. */
  limit: number
  lease: Lease | null
  /** How many summaries share those cells. */
  summaries: number
  signal: AbortSignal
}

/**
 * Returns the source of a summary. Errors: `cannot-join`, `bad-combination`, `context-too-small`,
 * `cancelled`.
 */
export async function sourceOf(
  { reads, fusion: asked, budget }: OpenSummary,
  { model, state, conversation, limit, lease, summaries, signal }: Reading,
): Promise<Source> {
  chooseFusion(asked, model, true)
  const trained = model.tokens.pairs.length > 0
  const fusion =
    asked === 'cache' && !trained && lease?.context.info.canShift === false ? 'reread' : asked
  if (fusion === 'cache' && trained) return joinOf(reads)
  const settings = state.settings!
  const prompt = state.promptTokens
  const positions = trainedPositions(model.native.info, settings)
  const paths = reads.map((segment) => segmentOf(state, segment) ?? missing(segment))
  const keep = (room: number) => room - Math.min(budget, Math.floor(room / 4))
  const request = { problem: state.problem, conversation, settings, prompt }
  if (fusion === 'cache') {
    const used = lease?.used(state) ?? prompt.length + cellsOf(paths, ({ tokens }) => tokens.length)
    return joinSource(
      model,
      paths,
      {
        ...request,
        room: keep(positions),
        cells: keep(Math.floor((limit - used) / summaries)),
        copies: (path) => copiesWhole(path, state, lease),
      },
      signal,
    )
  }
  const share = Math.floor((limit - prompt.length) / summaries)
  const beside = trained ? prompt.length : 0 // the prompt's cells are shared
  const room = Math.min(keep(positions), keep(share) + beside)
  return rereadSource(model, paths, { ...request, room }, signal)
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

/** Returns whether a source has cells that are moved or copied. */
export const movesCells = (source: Source): boolean =>
  source.type === 'join' &&
  source.layout === 'consecutive' &&
  source.parts.some((part) => 'segment' in part)

/** Returns what the user should know about how a summary reads its paths. */
export function readingNotices({ source, fusion, cuts }: Segment, state: RunState): Notice[] {
  const ofPaths = partsOf(source).filter((part) => 'segment' in part || 'of' in part)
  const open = ofPaths.length > 0 && ofPaths.every(({ unfinished }) => unfinished === true)
  const { tail = DEFAULT_TAIL } = state.settings!
  return [
    ...cuts.map(({ segment, removed }): Notice => ({
      code: fusion === 'cache' ? 'path-shortened' : 'path-cut',
      params: { path: segmentOf(state, segment)!.number, removed },
    })),
    ...(open ? [{ code: 'thoughts-open', params: { tail } } as const] : []),
  ]
}
