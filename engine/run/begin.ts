import {
  liveRounds,
  newRunDemand,
  summaryCells,
  summaryReserve,
  trainedPositions,
} from '../kv/index.ts'
import type { NativeModelInfo } from '../native/index.ts'
import {
  markersOf,
  piecesOf,
  mayThink,
  runPrompt,
  unread,
  wordsLength,
  type ControlTokens,
  type Turn,
} from '../prompt/index.ts'
import { refusalOf, type Capabilities } from '../protocol/capabilities.ts'
import { fail } from '../protocol/errors.ts'
import { FORMAT_VERSION, type EventDraft } from '../protocol/events.ts'
import type { Fusion, RunRequest, RunSettings } from '../protocol/request.ts'
import { resolveSettings } from '../protocol/settings.ts'
import { fusionOf, ruleOf, shapeOf, type Shape } from '../protocol/shapes.ts'
import type { Notice } from '../protocol/wording.ts'
import type { LoadedModel } from '../models/index.ts'
import { suitSchema } from './answering.ts'
import { thoughtRows } from './rows.ts'

export interface Start {
  id: string
  request: RunRequest
  /** The earlier turns of a follow-up, oldest first. */
  conversation: readonly Turn[]
  /** Versions of Braid and llama.cpp. */
  versions: { braid: string; llama: string }
  /** Whether programs can be run and may be. */
  programs: boolean
}

/** The first events of a new run. */
export interface Beginning {
  event: EventDraft<'run-started'>
  notices: readonly Notice[]
}

/**
 * Resolves the settings, prompt and fusion of a new run. Errors: `bad-combination`, `bad-request`,
 * `too-many-paths`, `cannot-join`, `context-too-small`, `cancelled`.
 */
export async function begin(
  { id, request, conversation, versions, programs }: Start,
  model: LoadedModel,
  signal: AbortSignal,
): Promise<Beginning> {
  const { info } = model.native
  if (info.hasEncoder) throw fail('bad-combination/encoder')
  const settings = resolveSettings(request.settings, {
    metadata: info.metadata,
    nativePaths: model.tokens.pairs.length,
    forks: model.tokens.forks?.form,
  })
  settings.runPrograms &&= programs
  const { capabilities } = model.ref
  if (capabilities !== undefined) suit(settings, capabilities)
  const { forks, merges } = ruleOf(settings.strategy)
  if (forks && model.tokens.forks === null) throw fail('bad-combination/no-forks')
  const { reads = 0, paths } = settings
  if (reads > paths) throw fail('bad-combination/reads', { reads, paths })
  thoughtRows(settings, { tokens: model.tokens, thoughtRows: info.thoughtRows })
  const trained = model.tokens.pairs.length > 0
  const shape = shapeOf(settings, trained)
  const reading = !merges && (shape.summaries || shape.rounds > 1 || shape.judgements > 0)
  const fusion = forks
    ? chooseFusion('cache', model, true)
    : chooseFusion(settings.controls.fusion, model, reading)
  const { problem } = request
  const prompt = await runPrompt(model, { problem, conversation, settings }, signal)
  const ids = [...prompt.ids]
  if (ids.length === 0) throw fail('bad-request/empty-prompt')
  const room: Room = {
    prompt: ids.length,
    settings,
    shape,
    model,
    fusion,
    least: leastOf(model, fusion, shape, { problem, settings }) + prompt.after.length,
  }
  checkRoom(room)
  const thought = trained ? null : markersOf(model.thought, piecesOf(model, prompt.after))
  suitSchema(settings, model, thought)
  const notices: Notice[] = []
  if (model.notice !== undefined) notices.push(model.notice)
  if (prompt.fallback !== undefined)
    notices.push({ code: 'template-fallback', params: { reason: prompt.fallback } })
  for (const name of unread(settings.templateVariables, info.chatTemplate))
    notices.push({ code: 'template-variable', params: { name } })
  // Judges merge nothing.
  if (reading && !trained && shape.judgements === 0)
    notices.push({ code: fusion === 'cache' ? 'cache-fusion' : 'reread-fusion' })
  return {
    notices: [...notices, ...limits(room)],
    event: {
      type: 'run-started',
      format: FORMAT_VERSION,
      run: id,
      time: new Date().toISOString(),
      problem,
      settings,
      model: model.ref,
      engine: {
        version: versions.braid,
        llama: versions.llama,
        device: model.device,
        options: settings.engine,
      },
      promptTokens: ids,
      ...(info.trainContext > 0 && { positions: trainedPositions(info, settings) }),
      fusion,
      ...(thought !== null && { thought }),
      ...(request.followUp !== undefined && { followUp: request.followUp }),
      ...(request.versionOf !== undefined && { versionOf: request.versionOf }),
      ...(request.turns !== undefined && { turns: request.turns }),
      ...(request.client !== undefined && { client: request.client }),
    },
  }
}

/** Suits settings to what a server can do. Errors: `bad-combination`, `cannot-join`. */
function suit(settings: RunSettings, can: Capabilities): void {
  const refusal = refusalOf(can, settings)
  if (refusal !== null) throw fail(refusal.detail, refusal.params)
  settings.alternatives = Math.min(settings.alternatives, can.alternatives)
}

interface PrefixModel {
  tokens: ControlTokens
  plain: (text: string) => number[]
}

/** Returns the tokens forced at the start of a summary; in a schema, there is no room for words before it. */
export const prefixOf = (
  { tokens, plain }: PrefixModel,
  { schema }: Pick<RunSettings, 'schema'>,
): number[] =>
  tokens.summary === null
    ? []
    : [tokens.summary.open, ...(schema === undefined ? plain(tokens.summaryPrefix) : [])]

/**
 * Returns the fewest cells that must be left for a summary besides one for a token of its own: for
 * its prefix, or for the words around its paths, which get three quarters of what is left
 * (summaries.ts).
 */
export function leastOf(
  model: PrefixModel,
  fusion: Fusion,
  { size }: Shape,
  run: { problem: string; settings: RunSettings },
): number {
  if (model.tokens.summary !== null) return prefixOf(model, run.settings).length
  if (ruleOf(run.settings.strategy).merges) return 0
  return fusion === 'cache' ? Math.ceil((wordsLength(model.plain, size, run) * 4) / 3) : 0
}

interface FusionModel {
  native: { info: Pick<NativeModelInfo, 'cannotJoin'> }
}

/**
 * Returns how paths are fused; `auto` reads the cache if the model's cells can be joined. Errors:
 * `cannot-join`.
 */
export function chooseFusion(
  asked: RunSettings['controls']['fusion'],
  { native: { info } }: FusionModel,
  needed: boolean,
): Fusion {
  const cannot = asked === 'cache' && needed
  if (cannot && info.cannotJoin === 'server') throw fail('cannot-join/server')
  if (cannot && info.cannotJoin !== undefined)
    throw fail('cannot-join/memory', { memory: info.cannotJoin })
  return fusionOf(asked, info.cannotJoin === undefined)
}

interface Room {
  /** Length of the prompt, in tokens. */
  prompt: number
  settings: RunSettings
  shape: Shape
  model: Pick<LoadedModel, 'native' | 'tokens' | 'thought'>
  fusion: Fusion
  /** The fewest tokens that a summary decodes before its own. */
  least: number
}

/** Checks that the prompt and a token per path fit. Errors: `context-too-small`, with numbers. */
function checkRoom({ prompt, settings, shape, model, least: words }: Room): void {
  const { groups, size, summaries } = shape
  const positions = trainedPositions(model.native.info, settings)
  if (prompt + 1 >= positions) throw fail('context-too-small/positions', { prompt, positions })
  const paths = groups * size
  const least = prompt + 2 * paths + (summaries ? groups * (words + 1) : 0)
  const { context } = settings.engine
  if (context > 0 && context < least)
    throw fail('context-too-small/cells', { prompt, paths, least, context })
}

/** Returns notices of positions or cells that may run out. */
function limits({ prompt, settings, shape, model, fusion, least }: Room): Notice[] {
  const { groups, size, summaries } = shape
  const { budget, summaryBudget } = settings
  const notices: Notice[] = []
  const trained = model.tokens.pairs.length > 0
  const longest = prompt + budget + (summaries ? summaryBudget : 0)
  const positions = trainedPositions(model.native.info, settings)
  if (longest > positions)
    notices.push({ code: 'beyond-trained-context', params: { longest, positions } })
  const { context } = settings.engine
  const paths = groups * size
  const thinks = mayThink(model.thought)
  const demand = newRunDemand(settings, { trained, fusion, thinks, promptTokens: prompt })
  const wanted = prompt + demand.remaining + (summaries ? groups * summaryBudget : 0)
  if (context > 0 && context < wanted) {
    const free = context - prompt
    const reserve = summaryReserve(free, summaryCells(demand), demand.summaries, least)
    const share = Math.max(1, Math.floor((free - reserve) / (paths * liveRounds(shape))))
    notices.push({ code: 'budget-cut', params: { context, paths, budget, share } })
  }
  return notices
}
