import { summaryCells, summaryReserve, yarnFor } from '../kv/index.ts'
import type { NativeModelInfo } from '../native/index.ts'
import { buildPrompt, promptTokens, type ControlTokens, type Turn } from '../prompt/index.ts'
import { fail } from '../protocol/errors.ts'
import { FORMAT_VERSION, type EventDraft } from '../protocol/events.ts'
import type { Fusion, RunRequest, RunSettings } from '../protocol/request.ts'
import { resolveSettings } from '../protocol/settings.ts'
import { fusionOf, shapeOf, type Shape } from '../protocol/shapes.ts'
import type { Notice } from '../protocol/wording.ts'
import type { LoadedModel } from '../models/index.ts'
import { thoughtRows } from './rows.ts'

export interface Start {
  id: string
  request: RunRequest
  /** The earlier turns of a follow-up, oldest first. */
  conversation: readonly Turn[]
  /** Versions of Braid and llama.cpp. */
  versions: { braid: string; llama: string }
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
  { id, request, conversation, versions }: Start,
  model: LoadedModel,
  signal: AbortSignal,
): Promise<Beginning> {
  const { info } = model.native
  if (info.hasEncoder) throw fail('bad-combination/encoder')
  const settings = resolveSettings(request.settings, {
    metadata: info.metadata,
    nativePaths: model.tokens.pairs.length,
  })
  thoughtRows(settings, { tokens: model.tokens, thoughtRows: info.thoughtRows })
  const shape = shapeOf(settings, model.tokens.pairs.length > 0)
  const fusion = chooseFusion(settings.controls.fusion, model, shape.summaries)
  const prompt = await buildPrompt(
    model,
    {
      problem: request.problem,
      system: settings.system,
      conversation,
      suffix: info.metadata['parathinker.prompt_suffix'],
    },
    signal,
  )
  const ids = promptTokens(prompt)
  if (ids.length === 0) throw fail('bad-request/empty-prompt')
  const room: Room = { prompt: ids.length, settings, shape, info, fusion, prefix: prefixOf(model) }
  checkRoom(room)
  const notices: Notice[] = []
  if (model.notice !== undefined) notices.push(model.notice)
  if (prompt.fallback !== undefined)
    notices.push({ code: 'template-fallback', params: { reason: prompt.fallback } })
  if (shape.summaries && fusion === 'reread' && model.tokens.pairs.length === 0)
    notices.push({ code: 'reread-fusion' })
  return {
    notices: [...notices, ...limits(room)],
    event: {
      type: 'run-started',
      format: FORMAT_VERSION,
      run: id,
      time: new Date().toISOString(),
      problem: request.problem,
      settings,
      model: model.ref,
      engine: {
        version: versions.braid,
        llama: versions.llama,
        device: model.device,
        options: settings.engine,
      },
      promptTokens: ids,
      fusion,
      ...(request.followUp !== undefined && { followUp: request.followUp }),
    },
  }
}

interface PrefixModel {
  tokens: ControlTokens
  plain: (text: string) => number[]
}

/** Returns the tokens forced at the start of a summary. */
export const prefixOf = ({ tokens, plain }: PrefixModel): number[] =>
  tokens.summary === null ? [] : [tokens.summary.open, ...plain(tokens.summaryPrefix)]

interface FusionModel {
  native: { info: Pick<NativeModelInfo, 'cannotJoin'> }
  tokens: Pick<ControlTokens, 'pairs'>
}

/**
 * Returns how paths are fused; `auto` reads the cache if the model supports it. Errors:
 * `cannot-join`, `bad-combination`.
 */
export function chooseFusion(
  asked: RunSettings['controls']['fusion'],
  { native: { info }, tokens }: FusionModel,
  needed: boolean,
): Fusion {
  const trained = tokens.pairs.length > 0
  if (asked === 'cache' && needed) {
    if (info.cannotJoin !== undefined) throw fail('cannot-join/memory', { memory: info.cannotJoin })
    if (!trained) throw fail('bad-combination/no-control-tokens')
  }
  return fusionOf(asked, { trained, joins: info.cannotJoin === undefined })
}

/** Returns how many positions the model was trained for, YaRN included. */
export function trainedPositions(info: NativeModelInfo, settings: RunSettings): number {
  const yarn = yarnFor(info.metadata, settings.budget, info.trainContext)
  return Math.floor(info.trainContext * (yarn?.factor ?? 1))
}

interface Room {
  /** Length of the prompt, in tokens. */
  prompt: number
  settings: RunSettings
  shape: Shape
  info: NativeModelInfo
  fusion: Fusion
  prefix: readonly number[]
}

/** Checks that the prompt and a token per path fit. Errors: `context-too-small`, with numbers. */
function checkRoom({ prompt, settings, shape, info, prefix }: Room): void {
  const { groups, size, summaries } = shape
  const positions = trainedPositions(info, settings)
  if (prompt + 1 >= positions) throw fail('context-too-small/positions', { prompt, positions })
  const paths = groups * size
  const least = prompt + 2 * paths + (summaries ? groups * (prefix.length + 1) : 0)
  const { context } = settings.engine
  if (context > 0 && context < least)
    throw fail('context-too-small/cells', { prompt, paths, least, context })
}

/** Returns notices of positions or cells that may run out. */
function limits({ prompt, settings, shape, info, fusion, prefix }: Room): Notice[] {
  const { groups, size, summaries } = shape
  const { budget, summaryBudget } = settings
  const notices: Notice[] = []
  const longest = prompt + budget + (summaries ? summaryBudget : 0)
  const positions = trainedPositions(info, settings)
  if (longest > positions)
    notices.push({ code: 'beyond-trained-context', params: { longest, positions } })
  const { context } = settings.engine
  const paths = groups * size
  const wanted = prompt + paths * budget + (summaries ? groups * summaryBudget : 0)
  if (context > 0 && context < wanted) {
    const free = context - prompt
    const reserve = summaryReserve(
      free,
      summaryCells({
        promptTokens: prompt,
        paths,
        summaries: summaries ? groups : 0,
        summaryBudget,
        reread: fusion === 'reread',
      }),
      summaries ? groups : 0,
      prefix.length,
    )
    const share = Math.max(1, Math.floor((free - reserve) / paths))
    notices.push({ code: 'budget-cut', params: { context, paths, budget, share } })
  }
  return notices
}
