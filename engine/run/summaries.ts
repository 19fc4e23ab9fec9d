import { cellsOf, trainedPositions, type Lease } from '../kv/index.ts'
import { joinSource, rereadSource, rereadTexts, type Asking, type Turn } from '../prompt/index.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
import {
  instructionFor,
  judgingFor,
  languageOf,
  ownInstruction,
  refiningFor,
} from '../protocol/instruction.ts'
import { questionOf } from '../protocol/question.ts'
import { DEFAULT_TAIL } from '../protocol/request.ts'
import { segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import { partsOf, type Source } from '../protocol/segments.ts'
import { forksText } from '../protocol/shapes.ts'
import type { Notice } from '../protocol/wording.ts'
import type { OpenJoined, OpenJudge, OpenReader, OpenSummary } from '../strategies/index.ts'
import { chooseFusion } from './begin.ts'
import { countsOf, resultsOf } from './counts.ts'
import { copiesWhole } from './demand.ts'
import { mergeSource } from './merging.ts'
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

/** What a summary reads, and what it is asked to do; a trained model has a control token for that. */
export interface Framed {
  source: Source
  instruction?: string
}

/**
 * Returns the source of a summary, of a path that reads others or of a judge. Errors: `cannot-join`, `bad-combination`, `context-too-small`,
 * `cancelled`.
 */
export async function sourceOf(
  summary: OpenSummary | OpenJoined | OpenJudge,
  reading: Reading,
): Promise<Framed> {
  const { model, state, lease } = reading
  if (summary.role === 'summary' && summary.merge === true)
    return { source: await mergeSource(summary.reads, reading) }
  chooseFusion(summary.fusion, model, true)
  const trained = model.tokens.pairs.length > 0
  const fusion =
    summary.fusion === 'cache' && !trained && lease?.context.info.canShift === false
      ? 'reread'
      : summary.fusion
  const ownChildren = forksText(state) && summary.role === 'path'
  if (fusion === 'cache' && (trained || ownChildren)) return { source: joinOf(summary, state) }
  const paths = summary.reads.map((segment) => segmentOf(state, segment) ?? missing(segment))
  const asking = await askingOf(summary, paths, reading)
  const framed = (counts: string | undefined) =>
    frame(paths, { ...asking, counts }, { ...summary, fusion }, reading)
  const source = await framed(asking.counts).catch((error: unknown) => {
    // The counts are only a hint.
    if (asking.counts === undefined || toBraidError(error).code !== 'context-too-small') throw error
    return framed(undefined)
  })
  const told = !trained || summary.role === 'judge'
  return { source, ...(told && { instruction: asking.instruction }) }
}

/** Returns how a model without control tokens is asked to read these paths. */
async function askingOf(
  opened: OpenSummary | OpenJoined | OpenJudge,
  paths: readonly Segment[],
  { model, state }: Reading,
): Promise<Asking> {
  const { problem } = state
  const kind = questionOf(state) ?? 'value'
  if (opened.role === 'path') {
    const instruction = state.settings!.refineInstruction ?? refiningFor(kind, problem)
    return { language: languageOf(problem), instruction }
  }
  if (opened.role === 'judge')
    return { language: languageOf(problem), instruction: judgingFor(kind, problem) }
  const { instruction: asked } = opened
  const own = asked ?? ownInstruction(state.settings!, problem)
  const language = languageOf(problem)
  const hints = {
    value: () => countsOf(paths, language),
    code: () => resultsOf(state.agreement, paths, language),
    text: () => undefined,
  }
  const told = model.tokens.pairs.length === 0 && own === undefined
  const counts = told ? await hints[kind]() : undefined
  return { language, instruction: own ?? instructionFor(kind, problem), counts }
}

async function frame(
  paths: readonly Segment[],
  asking: Asking,
  {
    role,
    fusion,
    budget,
  }: Pick<OpenSummary | OpenJoined | OpenJudge, 'role' | 'fusion' | 'budget'>,
  { model, state, conversation, limit, lease, summaries, signal }: Reading,
): Promise<Source> {
  const settings = state.settings!
  const prompt = state.promptTokens
  const positions = trainedPositions(model.native.info, settings)
  const keep = (room: number) => room - Math.min(budget, Math.floor(room / 4))
  // A judge gives its reasons in the open; a template that cannot leave the thought out ignores this.
  const variables =
    role === 'judge' ? { ...settings.templateVariables, enable_thinking: false } : undefined
  const request = { problem: state.problem, conversation, settings, asking, prompt, variables }
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
  const inTokens = model.tokens.pairs.length > 0 && role !== 'judge'
  const beside = inTokens ? prompt.length : 0 // the prompt's cells are shared
  const room = Math.min(keep(positions), keep(share) + beside)
  return (inTokens ? rereadSource : rereadTexts)(model, paths, { ...request, room }, signal)
}

const missing = (segment: string): never => {
  throw fail('no-such-path/missing', { path: segment })
}

/**
 * Returns ParaThinker's join: the cells of all paths, which share the prompt's cells and keep their
 * overlapping positions.
 */
const joinOf = ({ role, reads }: Pick<OpenReader, 'role' | 'reads'>, state: RunState): Source => ({
  type: 'join',
  layout: 'shared',
  parts: [
    { prompt: true },
    // A path that is read may be extended while those that read it go on.
    ...reads.map((segment) => ({
      segment,
      ...(role === 'path' && { to: segmentOf(state, segment)!.tokens.length }),
    })),
  ],
})

/** Returns whether a source has cells that are moved or copied. */
export const movesCells = (source: Source): boolean =>
  source.type === 'join' &&
  source.layout === 'consecutive' &&
  source.parts.some((part) => 'segment' in part)

/** Returns what the user should know about how a segment reads its paths. */
export function readingNotices({ role, source, fusion, cuts }: Segment, state: RunState): Notice[] {
  const ofPaths = partsOf(source).filter((part) => 'segment' in part || 'of' in part)
  const open = ofPaths.length > 0 && ofPaths.every(({ unfinished }) => unfinished === true)
  const { tail = DEFAULT_TAIL } = state.settings!
  // What a judge did not see stands with its reasons: there are too many of them for notices.
  if (role === 'judge') return []
  return [
    ...cuts.map(({ segment, removed }): Notice => ({
      code: fusion === 'cache' ? 'path-shortened' : 'path-cut',
      params: { path: segmentOf(state, segment)!.number, removed },
    })),
    ...(open && role !== 'path' ? [{ code: 'thoughts-open', params: { tail } } as const] : []),
  ]
}
