import { fail } from '../protocol/errors.ts'
import type { Segment } from '../protocol/run-state.ts'
import type { RunSettings } from '../protocol/request.ts'
import type { Part, SegmentId, Source } from '../protocol/segments.ts'
import type { ControlTokens } from './control.ts'
import { buildPrompt, type PromptModel, type Turn } from './prompt.ts'

/** The source of a summary that re-reads its paths, and the instruction to fuse them. */

export interface FusionModel extends PromptModel {
  tokens: ControlTokens
}

export interface RereadRequest {
  problem: string
  conversation: readonly Turn[]
  settings: RunSettings
  prompt: readonly number[]
  /** The most tokens that all parts may have together. */
  room: number
  /** Cuts of an earlier reading, to be repeated regardless of `room`. */
  cuts?: readonly Cut[]
}

/** How many tokens were removed from the middle of a text. */
interface Cut {
  readonly segment: SegmentId
  readonly removed: number
}

interface Text {
  segment: SegmentId
  tokens: readonly number[]
}

/** The fewest tokens of a path that are worth quoting. */
const LEAST = 16
const GAP = '\n[...]\n'

/**
 * Returns the source of a summary that re-reads the paths. A model with control tokens reads the
 * prompt and then each path's tokens, under the path's thought embedding. Other models read a new
 * prompt that quotes the paths' texts and asks for the final answer. Texts that do not fit are cut
 * in the middle, the longest first. Errors: `context-too-small`, `cancelled`.
 */
export async function rereadSource(
  model: FusionModel,
  paths: readonly Segment[],
  request: RereadRequest,
  signal: AbortSignal,
): Promise<Source> {
  return model.tokens.pairs.length > 0
    ? rereadTokens(paths, request)
    : await rereadTexts(model, paths, request, signal)
}

function rereadTokens(paths: readonly Segment[], request: RereadRequest): Source {
  const texts = paths.map(({ segment, tokens }) => ({ segment, tokens: idsOf(tokens) }))
  const parts = quoted(texts, request, request.prompt.length, [])
  return {
    type: 'join',
    layout: 'consecutive',
    parts: [{ prompt: true }, ...parts.map((part, i) => ({ ...part, thought: paths[i]!.thought }))],
  }
}

const idsOf = (tokens: Segment['tokens']): number[] => tokens.slice().map(({ id }) => id ?? 0)

async function rereadTexts(
  model: FusionModel,
  paths: readonly Segment[],
  request: RereadRequest,
  signal: AbortSignal,
): Promise<Source> {
  const { plain } = model
  const { settings, conversation, problem } = request
  const intro = `${problem}\n\nHere are ${paths.length} independent attempts at this problem. Each may contain mistakes.\n`
  const { before, user, after } = await buildPrompt(
    model,
    { problem: intro, system: settings.system, conversation },
    signal,
  )
  const headers = paths.map((_, i) => plain(`\nAttempt ${i + 1}:\n`))
  const outro = plain(
    '\n\nCompare the attempts, decide which reasoning is right, and give the final answer in \\boxed{}.',
  )
  const frame = [before, user, ...headers, outro, after].reduce((sum, part) => sum + part.length, 0)
  const texts = paths.map(({ segment, text }) => ({ segment, tokens: plain(text.trim()) }))
  const parts = quoted(texts, request, frame, plain(GAP))
  return {
    type: 'text',
    parts: [
      { tokens: [...before, ...user] },
      ...parts.flatMap((part, i) => [{ tokens: headers[i]! }, part]),
      { tokens: [...outro, ...after] },
    ],
  }
}

/** Returns the texts as parts, cut to fit. `beside`: number of tokens of the other parts. */
function quoted(
  texts: readonly Text[],
  { room, cuts }: RereadRequest,
  beside: number,
  gap: readonly number[],
): Extract<Part, { tokens: number[] }>[] {
  const lengths = texts.map(({ tokens }) => tokens.length)
  const removed =
    cuts === undefined
      ? cutToFit(lengths, room - beside, gap.length)
      : texts.map(({ segment }) => cuts.find((cut) => cut.segment === segment)?.removed ?? 0)
  return texts.map(({ segment, tokens }, i) => ({
    tokens: withoutMiddle(tokens, removed[i]!, gap),
    of: segment,
    ...(removed[i]! > 0 && { removed: removed[i]! }),
  }))
}

/** Replaces `removed` tokens in the middle by `gap`. */
function withoutMiddle(
  tokens: readonly number[],
  removed: number,
  gap: readonly number[],
): number[] {
  if (removed === 0) return [...tokens]
  const keep = tokens.length - removed
  const head = Math.ceil(keep / 2)
  return [...tokens.slice(0, head), ...gap, ...tokens.slice(tokens.length - (keep - head))]
}

/**
 * Returns how many tokens to remove from the middle of each text so that all fit into `room`, the
 * longest texts first. A gap of `gap` tokens replaces the removed ones. Errors:
 * `context-too-small`.
 */
export function cutToFit(lengths: readonly number[], room: number, gap: number): number[] {
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total <= room) return lengths.map(() => 0)
  const cap = capFor(lengths, room)
  if (cap < LEAST + gap) {
    throw fail('context-too-small/reread', {
      paths: lengths.length,
      least: lengths.length * (LEAST + gap),
      room: Math.max(0, room),
    })
  }
  return lengths.map((length) => (length <= cap ? 0 : length - (cap - gap)))
}

/**
 * Returns the maximum length per text at which all fit; room that short texts do not need goes to
 * the long ones.
 */
function capFor(lengths: readonly number[], room: number): number {
  let cap = 0
  let left = room
  for (const [i, length] of [...lengths].sort((a, b) => a - b).entries()) {
    cap = Math.floor(left / (lengths.length - i))
    if (length > cap) break
    left -= length
  }
  return cap
}
