import { BraidError } from '../protocol/errors.ts'
import type { Fusion, RunRequest, RunSettings } from '../protocol/request.ts'
import type { NativeModelInfo } from '../native/types.ts'
import { sizeContext, SLACK, summaryCells as cellsOfSummaries } from '../kv/index.ts'
import { Cells, cellsOf } from './cells.ts'
import type { LoadedModel } from './models.ts'
import { planRun, type Plan } from './plan.ts'
import { buildPrompt, promptTokens } from './prompt.ts'
import type { Run } from './run.ts'
import { resolveSettings, yarnFor } from './settings.ts'

export interface Start {
  request: RunRequest
  file: string
  given?: ReadonlyMap<number, readonly number[]>
}

/** Loads the model; of a new run (`start`) settles settings, plan and prompt too, and tells `run-started`. */
export async function prepare(run: Run, start?: Start): Promise<void> {
  if (run.cells !== null && start === undefined) return
  const began = performance.now()
  const { engine } =
    start === undefined
      ? run.settings
      : resolveSettings(start.request.settings, { metadata: {}, nativePaths: 0 })
  const file = start?.file ?? run.state.model!.file
  const model = await run.core.models.use(file, engine, run.signal, run.onProgress)
  run.model = model
  try {
    run.clock.loadMs += performance.now() - began
    if (start !== undefined) await begin(run, start, model)
    else if (model.ref.headerSha256 !== run.state.model!.headerSha256)
      throw new BraidError(
        'wrong-model',
        `${file} is another model than the one this run was made with.`,
      )
  } finally {
    run.core.models.release(model) // contexts count their own use
  }
}

async function begin(run: Run, { request, given }: Start, model: LoadedModel): Promise<void> {
  const { info } = model.native
  if (info.hasEncoder)
    throw new BraidError(
      'bad-combination',
      'Models with an encoder cannot run here: choose a decoder-only model.',
    )
  const settings = resolveSettings(request.settings, {
    metadata: info.metadata,
    nativePaths: model.tokens.pairs.length,
  })
  const plan = planRun(settings, { tokens: model.tokens, thoughtRows: info.thoughtRows })
  const fusion = chooseFusion(settings.controls.fusion, model, plan.summaries)
  const prompt = await buildPrompt(
    model,
    {
      problem: request.problem,
      system: settings.system,
      conversation: run.conversation,
      suffix: info.metadata['parathinker.prompt_suffix'],
    },
    run.signal,
  )
  run.prompt = promptTokens(prompt)
  run.plan =
    given === undefined
      ? plan
      : { ...plan, paths: plan.paths.map((path) => ({ ...path, given: given.get(path.path) })) }
  if (run.prompt.length === 0) throw new BraidError('bad-request', 'The problem has no token.')
  checkRoom(run.prompt.length, settings, plan, info, prefixLength(model))
  const { llama } = run.core.addon.version()
  run.emit({
    type: 'run-started',
    format: 1,
    run: run.id,
    time: new Date().toISOString(),
    problem: request.problem,
    settings,
    model: model.ref,
    engine: { version: run.core.version, llama, device: model.device, options: settings.engine },
    promptTokens: [...run.prompt],
    fusion,
    ...(request.followUp !== undefined && { followUp: request.followUp }),
  })
  if (model.notice !== undefined) run.notice('gpu-memory', model.notice)
  if (prompt.fallback !== undefined)
    run.notice('template-fallback', `${prompt.fallback} The problem is given as plain text.`)
  if (plan.summaries && fusion === 'reread' && model.tokens.pairs.length === 0)
    run.notice(
      'reread-fusion',
      'This model has no control tokens for parallel thinking: its paths are fused by reading their texts again in a fresh prompt.',
    )
  tellLimits(run, settings, plan, info)
}

/** Tokens forced at the start of a summary. */
export const prefixLength = ({ tokens, plain }: LoadedModel) =>
  tokens.summary === null ? 0 : 1 + plain(tokens.summaryPrefix).length

/** `auto` reads the cache where the model can. Errors: `cannot-join`, `bad-combination`. */
export function chooseFusion(
  asked: RunSettings['controls']['fusion'],
  { native: { info }, tokens }: LoadedModel,
  needed: boolean,
): Fusion {
  if (asked === 'auto')
    return tokens.pairs.length > 0 && info.cannotJoin === undefined ? 'cache' : 'reread'
  if (asked === 'cache' && needed) {
    if (info.cannotJoin !== undefined)
      throw new BraidError(
        'cannot-join',
        `The paths of this model cannot be fused from the cache (${info.cannotJoin} memory): choose re-reading.`,
      )
    if (tokens.pairs.length === 0)
      throw new BraidError(
        'bad-combination',
        'This model has no control tokens to fuse paths from the cache with: choose re-reading.',
      )
  }
  return asked
}

/** Positions that the model was trained for, YaRN included. */
export function trainedPositions(info: NativeModelInfo, settings: RunSettings): number {
  return Math.floor(
    info.trainContext * (yarnFor(info.metadata, settings.budget, info.trainContext)?.factor ?? 1),
  )
}

/** Errors: `context-too-small`, with numbers. */
function checkRoom(
  prompt: number,
  settings: RunSettings,
  plan: Plan,
  info: NativeModelInfo,
  prefix: number,
): void {
  const positions = trainedPositions(info, settings)
  if (prompt + 1 >= positions)
    throw new BraidError(
      'context-too-small',
      `The problem takes ${prompt} tokens, and this model reads ${positions} at most.`,
    )
  const least = prompt + 2 * plan.paths.length + (plan.summaries ? plan.groups * (prefix + 1) : 0)
  const { context } = settings.engine
  if (context > 0 && context < least)
    throw new BraidError(
      'context-too-small',
      `The problem (${prompt} tokens) with ${plan.paths.length} paths and the summary needs ${least} cells at least, and the context has ${context}.`,
    )
}

function tellLimits(run: Run, settings: RunSettings, plan: Plan, info: NativeModelInfo): void {
  const longest =
    run.prompt.length + settings.budget + (plan.summaries ? settings.summaryBudget : 0)
  const positions = trainedPositions(info, settings)
  if (longest > positions)
    run.notice(
      'beyond-trained-context',
      `Prompt, path and summary may reach position ${longest}; the model was trained for ${positions}. Quality may suffer there.`,
    )
  const { context } = settings.engine
  const wanted =
    run.prompt.length +
    plan.paths.length * settings.budget +
    (plan.summaries ? plan.groups * settings.summaryBudget : 0)
  if (context > 0 && context < wanted) {
    const free = context - run.prompt.length
    const reserve = plan.summaries
      ? summaryReserve(
          free,
          summaryCells(run, plan.groups, plan.paths.length),
          plan.groups,
          prefixLength(run.model!),
        )
      : 0
    const share = Math.floor((free - reserve) / plan.paths.length)
    run.notice(
      'budget-cut',
      `The context of ${context} cells cannot hold ${plan.paths.length} paths of ${settings.budget} tokens: if all of them think long, each gets about ${Math.max(1, share)}.`,
    )
  }
}

/** Cells that summaries want beside those of their paths. Re-read paths come in place of the paths' own cells, in a prompt of their own. */
export function summaryCells(run: Run, groups: number, paths: number): number {
  const { settings, prompt, state } = run
  return cellsOfSummaries({
    promptTokens: prompt.length,
    groups,
    paths,
    summaryBudget: settings.summaryBudget,
    reread: state.fusion === 'reread',
  })
}

/** Of `free` cells, those kept from the paths for the summaries: what they want, at most a quarter, at least a prefix and a token each. */
export function summaryReserve(
  free: number,
  wanted: number,
  groups: number,
  prefix: number,
): number {
  return Math.min(wanted, Math.max(groups * (prefix + 1), Math.floor(free / 4)))
}

/**
 * Sees to it that the run has a context with the prompt in it, `extra` cells and `sequences` sequences free. A context that
 * is too small gives way to a larger one (not where the user set its size); the paths' cells are gone then.
 */
export async function ensureCells(run: Run, extra: number, sequences: number): Promise<Cells> {
  const { state, prompt, settings, signal } = run
  const contents = { prompt, paths: state.paths }
  const { cells: old } = run
  if (old !== null) {
    const fits = settings.engine.context > 0 || old.capacity - old.used(contents) >= extra
    if (fits && old.freeSequences >= sequences) return old
    await run.freeCells()
    await prepare(run)
  }
  const model = run.model!
  const kept = cellsOf(state.paths, (path) => (path.status === 'dropped' ? 0 : path.tokens.length))
  const size = sizeContext({
    promptTokens: prompt.length,
    kept,
    extra,
    budget: settings.budget,
    context: settings.engine.context,
    // A new run counts its groups among the sequences that it asks for.
    paths: state.paths.length + sequences,
    groups: Math.max(0, ...state.paths.map(({ group }) => group)),
  })
  const cells = await Cells.open(size.cells, size.sequences, prompt.length + SLACK, {
    model,
    models: run.core.models,
    settings,
    signal,
    notice: (code, message) => run.notice(code, message),
  })
  run.cells = cells
  run.core.models.retain(model)
  try {
    run.clock.prefillMs += await cells.prefill(cells.promptSeq, prompt, 0, signal)
  } catch (error) {
    await run.freeCells() // a context without its prompt is of no use to a later command
    throw error
  }
  return cells
}

/** The cells of these paths, back from the transcript's tokens where they are gone. */
export async function restorePaths(run: Run, paths: readonly number[]): Promise<void> {
  run.clock.prefillMs += await run.cells!.restore(
    paths,
    { prompt: run.prompt, paths: run.state.paths },
    run.signal,
  )
}
