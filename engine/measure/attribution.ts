import { abortable } from '../native/index.ts'
import { ancestry, cellsOf, isJoined, withLease, type Lease } from '../kv/index.ts'
import type { LoadedModel, Models } from '../models/index.ts'
import { rereadSource, type Turn } from '../prompt/index.ts'
import { FORMAT1_INSTRUCTION } from '../protocol/instruction.ts'
import { BraidError, fail, toBraidError } from '../protocol/errors.ts'
import {
  fileOf,
  type Part,
  type RunEvent,
  type SegmentId,
  type Source,
} from '../protocol/events.ts'
import { foldRun, segmentOf, type RunState, type Segment } from '../protocol/fold.ts'
import type { RunSettings } from '../protocol/request.ts'
import { decodedTokens, partsOf } from '../protocol/segments.ts'
import { idsOf } from '../protocol/tokens.ts'
import type { Attribution } from '../protocol/wire.ts'

/**
 * Measures how much a summary attended to each path. The summary's tokens are read again after the
 * same cells, in a separate context with flash attention off. The softmax of every layer and head
 * is summed over the cells of the prompt, of each path and of the summary.
 */

export interface AttributeOptions {
  /** The earlier turns of a follow-up, for a summary that re-read texts. */
  conversation?: readonly Turn[] | undefined
  signal?: AbortSignal | undefined
  /** Reports the progress of loading and reading, 0..1. */
  onProgress?: ((fraction: number) => void) | undefined
}

/** Spare cells, since llama.cpp pads and rounds. */
const SLACK = 64
/** The most bytes of scores per step, which are [heads][tokens of the step][cells] in F32. */
const SCORE_BYTES = 64 << 20
const LOAD_SHARE = 0.2

/**
 * Spans of cells, in the order they are filled. `owner`: the path; null for cells of no path;
 * undefined for cells that the summary does not read.
 */
type Spans = { owner: SegmentId | null | undefined; end: number }[]

/** The run as it was when the summary started; a path may have been extended since. */
interface Found {
  before: RunState
  summary: Segment
}

/**
 * Returns what a summary attended to. Errors: `bad-request`, `bad-transcript`, `model-not-found`,
 * `wrong-model`, `out-of-memory`, `cancelled`, and those of opening the model and the context.
 */
export async function attribute(
  models: Models,
  events: Iterable<RunEvent>,
  segment: SegmentId,
  options: AttributeOptions,
  signal: AbortSignal,
): Promise<Attribution> {
  const found = readAt(events, segment)
  const { settings, model: ref } = found.before
  if (settings === null || ref === null)
    throw new BraidError('bad-transcript', 'The run never started, so no summary was written.')
  const file = fileOf(ref)
  if (file === undefined) throw fail('wrong-model/server')
  const { onProgress } = options
  const model = await models
    .use(file, settings.engine, signal, (fraction) => onProgress?.(fraction * LOAD_SHARE))
    .catch((error: unknown) => {
      const { code, message } = toBraidError(error)
      throw code === 'model-not-found'
        ? new BraidError(
            code,
            `${message} Attribution needs the model that wrote the run. Restore the file.`,
          )
        : error
    })
  try {
    if (model.ref.headerSha256 !== ref.headerSha256) throw fail('wrong-model/header', { file })
    return await read(models, model, found, withoutFlash(settings), options, signal)
  } finally {
    models.release(model)
  }
}

function readAt(events: Iterable<RunEvent>, segment: SegmentId): Found {
  const all = [...events]
  const summary = segmentOf(foldRun(all, { live: false }), segment)
  if (summary?.role !== 'summary')
    throw new BraidError('bad-request', `The run has no summary ${segment}.`)
  if (summary.tokens.length === 0 || summary.reads.length === 0)
    throw new BraidError('bad-request', `Summary ${segment} has no text.`)
  if (summary.source.type === 'merge') throw fail('bad-request/merged')
  const opened = all.findIndex(
    (event) => event.type === 'segment-started' && event.segment === segment,
  )
  const before = foldRun(all.slice(0, opened))
  const paths = summary.reads.flatMap((path) => segmentOf(before, path) ?? [])
  if (paths.some((path) => isJoined(before.paths, path))) throw fail('bad-request/of-rounds')
  return { before, summary }
}

/** Returns settings without flash attention, and so without a quantised V cache, which needs it. */
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

/**
 * Returns the summary's source. Transcripts of format 1 do not hold the ids of quoted texts, so
 * they are recomputed.
 */
async function withTokens(
  { before, summary }: Found,
  model: LoadedModel,
  settings: RunSettings,
  conversation: readonly Turn[],
  signal: AbortSignal,
): Promise<Source> {
  const { source, reads, cuts } = summary
  if (source.type !== 'text') return source
  if (decodedTokens(source) > 0) return source
  const paths = reads.map((segment) => segmentOf(before, segment)!)
  const { problem, promptTokens: prompt } = before
  const asking = { language: 'en', instruction: FORMAT1_INSTRUCTION } as const
  const request = { problem, conversation, settings, asking, prompt, room: Infinity, cuts }
  return rereadSource(model, paths, request, signal)
}

async function read(
  models: Models,
  model: LoadedModel,
  found: Found,
  settings: RunSettings,
  { conversation = [], onProgress }: AttributeOptions,
  signal: AbortSignal,
): Promise<Attribution> {
  const { before, summary } = found
  const source = await withTokens(found, model, settings, conversation, signal)
  const cells = cellsFilled(source, before)
  const total = cells + summary.tokens.length
  const batch = Math.max(
    16,
    Math.min(512, Math.floor(SCORE_BYTES / (4 * model.native.info.heads * total))),
  )
  const request = {
    model,
    settings,
    size: { cells: total + SLACK, sequences: summary.reads.length + 2 },
    least: total,
    prompt: before.promptTokens.length,
    signal,
    native: { attention: true, batch },
  }
  return withLease(models, request, async (lease) => {
    const report = (done: number) =>
      onProgress?.(LOAD_SHARE + (1 - LOAD_SHARE) * Math.min(1, done / total))
    report(0)
    const { seq, spans } = await fill(source, lease, found, report, signal)
    const done = lease.context.prefill({
      seq,
      tokens: idsOf(summary.tokens.slice()),
      thought: lease.thought(0),
      spans: [...spans.map(({ end }) => end), total],
      onProgress: (count) => report(cells + count),
    })
    const { attention } = await abortable(signal, done, () => done.cancel())
    return shareOut(summary, spans, attention!)
  }).catch((error: unknown) => {
    if (toBraidError(error).code !== 'out-of-memory') throw error
    throw new BraidError(
      'out-of-memory',
      `There is not enough memory to read ${total} tokens again without flash attention. Close other programs, or summarise fewer paths and use that summary.`,
    )
  })
}

const isConsecutive = (source: Source): boolean =>
  source.type === 'join' && source.layout === 'consecutive'

/** Returns the cells of [from, to) of a part; `to` is absent in the layout `shared`. */
const rangeOf = (part: Part, length: number): { from: number; to: number } => ({
  from: (part.from as number | undefined) ?? 0,
  to: (part.to as number | undefined) ?? length,
})

/** Returns how many cells are filled before the summary's first token. */
function cellsFilled(source: Source, { promptTokens, paths }: RunState): number {
  const parts = partsOf(source)
  const joined = new Set(parts.flatMap((part) => ('segment' in part ? [part.segment] : [])))
  const copied = parts.map((part) => {
    if (!('segment' in part) || !isConsecutive(source)) return 0
    const { from, to } = rangeOf(
      part,
      ancestry.find(paths, part.segment as SegmentId)!.tokens.length,
    )
    return to - from
  })
  const prompt = parts.some((part) => 'prompt' in part) ? promptTokens.length : 0
  return (
    prompt +
    cellsOf(paths, ({ segment, tokens }) => (joined.has(segment) ? tokens.length : 0)) +
    decodedTokens(source) +
    copied.reduce((sum, count) => sum + count, 0)
  )
}

/**
 * Fills a sequence with what the summary read, in order; returns the sequence and its spans. In the
 * layout `consecutive`, the summary reads copies of the paths' cells.
 */
async function fill(
  source: Source,
  lease: Lease,
  { before, summary }: Found,
  report: (done: number) => void,
  signal: AbortSignal,
): Promise<{ seq: number; spans: Spans }> {
  const spans: Spans = []
  const push = (owner: SegmentId | null | undefined, cells: number) => {
    if (cells === 0) return
    const end = (spans.at(-1)?.end ?? 0) + cells
    spans.push({ owner, end })
    report(end)
  }
  const parts = partsOf(source)
  const seq = lease.claim(summary.segment)
  const prompt = before.promptTokens.length
  const promptPart = parts.find((part) => 'prompt' in part)
  if (promptPart !== undefined) {
    const { to } = rangeOf(promptPart, prompt)
    await lease.prefill(lease.promptSeq, before.promptTokens, 0, signal)
    push(null, to)
    push(undefined, prompt - to)
    if (to > 0) await lease.context.copy(lease.promptSeq, seq, to < prompt ? to : undefined)
  }
  for (const part of parts) {
    if ('tokens' in part) {
      const tokens = part.tokens as number[]
      await lease.prefill(seq, tokens, (part.thought as number | undefined) ?? 0, signal)
      push((part.of as SegmentId | undefined) ?? null, tokens.length)
    } else if ('segment' in part) {
      const segment = part.segment as SegmentId
      const used = lease.used(before)
      await lease.restore([segment], before, signal)
      push(isConsecutive(source) ? undefined : segment, lease.used(before) - used)
      if (!isConsecutive(source)) continue
      const { from, to } = rangeOf(part, segmentOf(before, segment)!.tokens.length)
      const start = prompt + from
      const at = (await lease.context.lastPosition(seq)) + 1
      await lease.context.copyMoved(lease.seqOf(segment)!, seq, start, at - start)
      push(segment, to - from)
    }
  }
  if (isConsecutive(source)) return { seq, spans }
  for (const segment of summary.reads) {
    const from = lease.seqOf(segment)
    if (from !== undefined) await lease.context.copy(from, seq)
  }
  return { seq, spans }
}

/** Sums the attention per path. `attention`: [summary tokens][spans, the summary's own last]. */
function shareOut(
  { segment, reads, tokens }: Segment,
  spans: Spans,
  attention: Float32Array,
): Attribution {
  const cells = new Map<SegmentId | null, number>()
  for (const [i, { owner, end }] of spans.entries())
    if (owner !== undefined)
      cells.set(owner, (cells.get(owner) ?? 0) + end - (spans[i - 1]?.end ?? 0))
  const width = spans.length + 1
  const column = new Map([null, ...reads].map((owner, i) => [owner, i]))
  const shares = Array.from({ length: tokens.length }, (_, row) => {
    const sums = Array.from({ length: reads.length + 2 }, () => 0)
    for (const [i, { owner }] of spans.entries())
      if (owner !== undefined) sums[column.get(owner)!]! += attention[row * width + i]!
    sums[reads.length + 1] = attention[row * width + width - 1]!
    return sums.map((share) => Math.round(share * 1e6) / 1e6)
  })
  return {
    segment,
    promptTokens: cells.get(null) ?? 0,
    paths: reads.map((path) => ({ segment: path, tokens: cells.get(path) ?? 0 })),
    shares,
  }
}
