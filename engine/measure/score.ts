import { z } from 'zod'
import { BraidError } from '../protocol/errors.ts'
import { EngineOptions, MAX_BUDGET } from '../protocol/request.ts'
import { Layout } from '../protocol/segments.ts'
import type { NativeContext, NativeToken } from '../native/index.ts'
import type { LoadedModel, Models } from '../models/index.ts'
import { MAX_SEQUENCES, withLease } from '../kv/index.ts'
import { abortable } from '../native/index.ts'
import { DEFAULTS, resolveSettings } from '../protocol/settings.ts'

/** Ids are used as they are. Text is tokenized with special tokens, without template or BOS. */
const Tokens = z.union([z.array(z.int().min(0)).max(1 << 22), z.string().max(1 << 24)])

export const ScoreInput = z.strictObject({
  prompt: Tokens,
  /** `thought` only selects the row of the thought tables; it adds no control token. */
  paths: z
    .array(z.strictObject({ thought: z.int().min(0), tokens: Tokens }))
    .max(MAX_SEQUENCES - 3)
    .default([]),
  summary: Tokens.default([]),
  /**
   * `shared`: the summary stands behind the longest path. `consecutive`: it reads a separator and a
   * path in turn, each behind the one before.
   */
  layout: Layout.default('shared'),
  /** With `consecutive`: what stands before each path. */
  separators: z.array(Tokens).optional(),
  /** With `consecutive`: how many tokens of the prompt the summary reads; absent: all. */
  keep: z.int().min(0).optional(),
})
export type ScoreInput = z.input<typeof ScoreInput>

export interface ScoreOptions {
  /** GGUF file; the bundled model if absent. */
  model?: string
  engine?: Partial<EngineOptions>
  /** false: no thought embedding is added, not even row 0. */
  thoughtEmbedding?: boolean
  /**
   * Budget of the run to reproduce, since positions are scaled if it exceeds the trained one.
   * Default: the longest path.
   */
  budget?: number
  signal?: AbortSignal
}

export interface ScoredToken {
  id: number
  text: string
  /** Natural log; null if no token came before. */
  logprob: number | null
}

export interface ScoreResult {
  prompt: ScoredToken[]
  paths: ScoredToken[][]
  summary: ScoredToken[]
}

/**
 * Scores given tokens under the two-phase rules (docs/method.md, "What happens in one run"). A
 * path's first token is scored from the prompt; the summary's first token has no score. The summary
 * attends to the prompt and all paths; `layout` says at which positions. Errors:
 * `bad-request`, `out-of-range`, `cannot-join`, `context-too-small`, and those of opening the model
 * and the context.
 */
export async function scoreFile(
  models: Models,
  file: string,
  input: ScoreInput,
  options: ScoreOptions,
  signal: AbortSignal,
): Promise<ScoreResult> {
  const parsed = ScoreInput.safeParse(input)
  if (!parsed.success)
    throw new BraidError(
      'bad-request',
      `This cannot be scored: ${parsed.error.issues[0]!.path.join('.') || 'input'}: ${parsed.error.issues[0]!.message}.`,
    )
  const { budget = 1 } = options
  if (!Number.isInteger(budget) || budget < 1 || budget > MAX_BUDGET)
    throw new BraidError(
      'bad-request',
      `The budget must be a whole number from 1 to ${MAX_BUDGET}.`,
    )
  const engine = EngineOptions.safeParse({ ...DEFAULTS.engine, ...options.engine })
  if (!engine.success)
    throw new BraidError(
      'bad-request',
      `An engine option is not valid: ${engine.error.issues[0]!.path.join('.')}: ${engine.error.issues[0]!.message}.`,
    )
  const model = await models.use(file, engine.data, signal)
  try {
    return await score(models, model, parsed.data, engine.data, options, signal)
  } finally {
    models.release(model)
  }
}

async function score(
  models: Models,
  model: LoadedModel,
  input: z.output<typeof ScoreInput>,
  engine: EngineOptions,
  { thoughtEmbedding = true, budget }: ScoreOptions,
  signal: AbortSignal,
): Promise<ScoreResult> {
  const { info } = model.native
  const ids = (tokens: readonly number[] | string): number[] => {
    if (typeof tokens === 'string')
      return [
        ...model.native.tokenize(tokens.replace(/\p{Surrogate}/gu, '\ufffd'), {
          special: true,
          bos: false,
        }),
      ]
    const wrong = tokens.find((id) => id >= info.vocabSize)
    if (wrong !== undefined)
      throw new BraidError(
        'out-of-range',
        `There is no token ${wrong}: the vocabulary has ${info.vocabSize}.`,
      )
    return [...tokens]
  }
  const prompt = ids(input.prompt)
  const paths = input.paths.map(({ thought, tokens }) => ({ thought, tokens: ids(tokens) }))
  const summary = ids(input.summary)
  const { layout, keep = prompt.length } = input
  const separators = (input.separators ?? []).map(ids)
  if (layout === 'shared' && (input.separators !== undefined || input.keep !== undefined))
    throw new BraidError('bad-request', 'Separators and keep need the layout "consecutive".')
  if (layout === 'consecutive' && separators.length !== paths.length)
    throw new BraidError(
      'bad-request',
      `There must be one separator per path: ${paths.length}, not ${separators.length}.`,
    )
  if (keep > prompt.length)
    throw new BraidError(
      'out-of-range',
      `The summary cannot read ${keep} tokens of a prompt of ${prompt.length}.`,
    )
  if (prompt.length === 0)
    throw new BraidError('bad-request', 'The prompt must hold at least one token.')
  for (const { thought } of paths) {
    if (thoughtEmbedding && info.thoughtRows > 0 && thought >= info.thoughtRows)
      throw new BraidError(
        'out-of-range',
        `There is no thought row ${thought}: the tables have ${info.thoughtRows}.`,
      )
  }
  if (info.cannotJoin !== undefined && summary.length > 0 && paths.length > 0)
    throw new BraidError(
      'cannot-join',
      `The paths of this model cannot be joined (${info.cannotJoin} memory).`,
    )

  const settings = resolveSettings(
    {
      engine,
      controls: { thoughtEmbedding },
      budget: budget ?? Math.max(1, ...paths.map(({ tokens }) => tokens.length)),
    },
    { metadata: {}, nativePaths: 0 },
  )
  const sum = (lists: readonly (readonly number[])[]) =>
    lists.reduce((total, { length }) => total + length, 0)
  const joined = layout === 'shared' ? 0 : sum(paths.map(({ tokens }) => tokens)) + sum(separators)
  const total = prompt.length + sum(paths.map(({ tokens }) => tokens)) + joined + summary.length
  if (engine.context > 0 && engine.context < total)
    throw new BraidError(
      'context-too-small',
      `These ${total} tokens do not fit into the context of ${engine.context} cells.`,
    )
  const request = {
    model,
    settings,
    size: { cells: total + 64, sequences: paths.length + 2 },
    least: total,
    prompt: prompt.length,
    signal,
  }
  return withLease(models, request, async (lease) => {
    const { context } = lease
    const run = (seq: number, tokens: number[], thought: number) =>
      prefill(context, seq, tokens, lease.thought(thought), signal)
    const result: ScoreResult = { prompt: await run(0, prompt, 0), paths: [], summary: [] }
    for (const [i, { thought, tokens }] of paths.entries()) {
      await context.copy(0, i + 1)
      result.paths.push(await run(i + 1, tokens, thought))
    }
    const last = paths.length + 1
    if (layout === 'shared') {
      for (let seq = paths.length === 0 ? 0 : 1; seq < last; seq++) await context.copy(seq, last)
    } else {
      if (keep > 0) await context.copy(0, last, keep)
      let at = keep
      for (const [i, { tokens }] of paths.entries()) {
        await run(last, separators[i]!, 0)
        at += separators[i]!.length
        if (tokens.length > 0)
          await context.copyMoved(i + 1, last, prompt.length, at - prompt.length)
        at += tokens.length
      }
    }
    result.summary = await run(last, summary, 0)
    if (result.summary[0] !== undefined) result.summary[0].logprob = null
    return result
  })
}

async function prefill(
  context: NativeContext,
  seq: number,
  tokens: number[],
  thought: number,
  signal: AbortSignal,
): Promise<ScoredToken[]> {
  if (tokens.length === 0) return []
  const done = context.prefill({ seq, tokens, thought, logprobs: true })
  const { tokens: scored } = await abortable(signal, done, () => done.cancel())
  return scored!.map(({ id, text, logprob }: NativeToken) => ({ id, text, logprob }))
}
