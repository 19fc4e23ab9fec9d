import { BraidError, toBraidError } from '../protocol/errors.ts'
import type { RunEvent } from '../protocol/events.ts'
import {
  applyEvent,
  EMPTY_RUN,
  foldRun,
  summaryOf,
  type RunState,
  type SummaryState,
} from '../protocol/fold.ts'
import type { RunSettings } from '../protocol/request.ts'
import type { Attribution } from '../protocol/wire.ts'
import { Cells, cellsOf } from './cells.ts'
import type { Turn } from './handle.ts'
import type { LoadedModel, Models } from './models.ts'
import { rereadParts, type Reread } from './reread.ts'
import { abortable } from './turns.ts'

/**
 * Which path a summary was made of: its tokens are read once more behind the same cells, in a context of its own with flash
 * attention off, and the softmax of every layer and head is summed over the cells of the prompt, of each path, and of the summary.
 */

export interface AttributeOptions {
  /** What a follow-up followed up on, for a summary that was re-read from text. */
  conversation?: readonly Turn[]
  signal?: AbortSignal
  /** 0..1 of all that is loaded and read. */
  onProgress?: (fraction: number) => void
}

/** llama.cpp pads and rounds. */
const SLACK = 64
/** The scores of one step are [heads][tokens of the step][cells] in F32: steps are small enough for this many bytes. */
const SCORE_BYTES = 64 << 20
const LOAD_SHARE = 0.2

/** Cells in the order they are filled, each span with its path; 0: no path's. */
type Spans = { owner: number; end: number }[]

/** Errors: `bad-request`, `model-not-found`, `wrong-model`, `out-of-memory`, `cancelled`, those of opening the model and the context. */
export async function attribute(
  models: Models,
  events: Iterable<RunEvent>,
  version: number,
  options: AttributeOptions,
  signal: AbortSignal,
): Promise<Attribution> {
  const { before, summary } = readAt(events, version)
  const { settings, model: ref } = before
  if (settings === null || ref === null)
    throw new BraidError('bad-transcript', 'The run never began: nothing was read.')
  const { onProgress } = options
  const model = await models
    .use(ref.file, settings.engine, signal, (fraction) => onProgress?.(fraction * LOAD_SHARE))
    .catch((error: unknown) => {
      const { code, message } = toBraidError(error)
      throw code === 'model-not-found'
        ? new BraidError(
            code,
            `${message} Only the model that wrote the run can tell what it attended to: put the file back.`,
          )
        : error
    })
  try {
    if (model.ref.headerSha256 !== ref.headerSha256)
      throw new BraidError(
        'wrong-model',
        `${ref.file} is another model than the one this run was made with.`,
      )
    return await read(models, model, before, summary, withoutFlash(settings), options, signal)
  } finally {
    models.release(model)
  }
}

/** The run as the summary found it: a path may have been extended since. */
function readAt(
  events: Iterable<RunEvent>,
  version: number,
): { before: RunState; summary: SummaryState } {
  const all = [...events]
  const summary = summaryOf(foldRun(all, { live: false }), version)
  if (summary === undefined)
    throw new BraidError('bad-request', `The run has no summary of version ${version}.`)
  if (summary.tokens.length === 0 || summary.paths.length === 0)
    throw new BraidError('bad-request', `Version ${version} of the summary has no text.`)
  let before = EMPTY_RUN
  for (const event of all) {
    if ((event.type === 'joined' || event.type === 'summary-started') && event.version === version)
      break
    before = applyEvent(before, event)
  }
  return { before, summary }
}

/** A quantised V cache needs flash attention. */
function withoutFlash(settings: RunSettings): RunSettings {
  const { kvType } = settings.engine
  return {
    ...settings,
    engine: {
      ...settings.engine,
      context: 0,
      flashAttention: 'off',
      kvType: kvType === 'f32' ? 'f32' : 'f16',
    },
  }
}

async function read(
  models: Models,
  model: LoadedModel,
  before: RunState,
  summary: SummaryState,
  settings: RunSettings,
  { conversation = [], onProgress }: AttributeOptions,
  signal: AbortSignal,
): Promise<Attribution> {
  const { promptTokens: prompt, paths, problem } = before
  const chosen = summary.paths.map((path) => paths[path - 1]!)
  const again =
    summary.fusion === 'cache'
      ? null
      : await rereadParts(
          model,
          chosen,
          { problem, conversation, settings, prompt, room: Infinity, cuts: summary.cuts },
          signal,
        )
  const read =
    again === null
      ? prompt.length +
        cellsOf(paths, ({ path, tokens }) => (summary.paths.includes(path) ? tokens.length : 0))
      : (again.afterPrompt ? prompt.length : 0) +
        again.parts.reduce((sum, { tokens }) => sum + tokens.length, 0)
  const total = read + summary.tokens.length
  const batch = Math.max(
    16,
    Math.min(512, Math.floor(SCORE_BYTES / (4 * model.native.info.heads * total))),
  )
  const cells = await Cells.open(total + SLACK, chosen.length + 2, total, {
    model,
    models,
    settings,
    signal,
    notice: () => {},
    native: { attention: true, batch },
  }).catch((error: unknown) => {
    if (toBraidError(error).code !== 'out-of-memory') throw error
    throw new BraidError(
      'out-of-memory',
      `Memory is short for reading ${total} tokens again without flash attention. Close other programs, or summarise again over fewer paths and look at that version.`,
    )
  })
  try {
    const told = (done: number) =>
      onProgress?.(LOAD_SHARE + (1 - LOAD_SHARE) * Math.min(1, done / total))
    told(0)
    const { seq, spans } =
      again === null
        ? await join(cells, before, summary, told, signal)
        : await readAgain(cells, prompt, again, told, signal)
    const ids = summary.tokens.slice().map(({ id }) => id)
    const ends = [...spans.map(({ end }) => end), total]
    const done = cells.context.prefill({
      seq,
      tokens: ids,
      thought: cells.thought(0),
      spans: ends,
      onProgress: (count) => told(read + count),
    })
    const { attention } = await abortable(signal, done, () => cells.context.abort())
    return shareOut(summary, spans, attention!)
  } finally {
    await cells.free()
  }
}

/** The two-phase cache of the summary: the prompt, then each path's own cells, all of them in one sequence. */
async function join(
  cells: Cells,
  { promptTokens: prompt, paths }: RunState,
  summary: SummaryState,
  told: (done: number) => void,
  signal: AbortSignal,
): Promise<{ seq: number; spans: Spans }> {
  await cells.prefill(cells.promptSeq, prompt, 0, signal)
  const spans: Spans = [{ owner: 0, end: prompt.length }]
  for (const path of summary.paths) {
    await cells.restore([path], { prompt, paths }, signal)
    spans.push({ owner: path, end: cells.used({ prompt, paths }) })
    told(spans.at(-1)!.end)
  }
  const seq = cells.take()
  for (const path of summary.paths)
    await cells.context.copy(cells.seqOf(path) ?? cells.promptSeq, seq)
  return { seq, spans }
}

async function readAgain(
  cells: Cells,
  prompt: readonly number[],
  { afterPrompt, parts }: Reread,
  told: (done: number) => void,
  signal: AbortSignal,
): Promise<{ seq: number; spans: Spans }> {
  const seq = cells.promptSeq
  const spans: Spans = []
  for (const { tokens, thought, path = 0 } of [
    ...(afterPrompt ? [{ tokens: prompt, thought: 0 }] : []),
    ...parts,
  ] as Reread['parts']) {
    await cells.prefill(seq, tokens, thought, signal)
    spans.push({ owner: path, end: (spans.at(-1)?.end ?? 0) + tokens.length })
    told(spans.at(-1)!.end)
  }
  return { seq, spans }
}

/** `attention`: [summary tokens][spans, the summary's own last]. */
function shareOut(
  { version, paths, tokens }: SummaryState,
  spans: Spans,
  attention: Float32Array,
): Attribution {
  const cells = new Map<number, number>()
  spans.forEach(({ owner, end }, i) =>
    cells.set(owner, (cells.get(owner) ?? 0) + end - (spans[i - 1]?.end ?? 0)),
  )
  const width = spans.length + 1
  const column = new Map([0, ...paths].map((owner, i) => [owner, i]))
  const shares = Array.from({ length: tokens.length }, (_, row) => {
    const sums = Array.from({ length: paths.length + 2 }, () => 0)
    spans.forEach(({ owner }, i) => (sums[column.get(owner)!]! += attention[row * width + i]!))
    sums[paths.length + 1] = attention[row * width + width - 1]!
    return sums.map((share) => Math.round(share * 1e6) / 1e6)
  })
  return {
    version,
    promptTokens: cells.get(0) ?? 0,
    paths: paths.map((path) => ({ path, tokens: cells.get(path) ?? 0 })),
    shares,
  }
}
