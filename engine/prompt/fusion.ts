import { fail } from '../protocol/errors.ts'
import type { Segment } from '../protocol/run-state.ts'
import { DEFAULT_TAIL, type RunSettings } from '../protocol/request.ts'
import type { Part, SegmentId, Source } from '../protocol/segments.ts'
import { idsOf, sharedPrefix } from '../protocol/tokens.ts'
import type { ControlTokens } from './control.ts'
import { frameOf, lengthOf, type Asking, type Frame, type Heading } from './frame.ts'
import { runPrompt, type Prompt, type PromptModel, type Turn } from './prompt.ts'
import {
  attemptsOf,
  mayThink,
  piecesOf,
  wholePaths,
  type Attempt,
  type ThoughtMarks,
} from './thought.ts'

/** The sources of summaries: joins of cells one behind another, and paths that are read again. */

export interface FusionModel extends PromptModel {
  tokens: ControlTokens
  thought: ThoughtMarks
}

export interface FusionRequest {
  problem: string
  conversation: readonly Turn[]
  settings: RunSettings
  /** What a model without control tokens is asked to do. */
  asking: Asking
  prompt: readonly number[]
  /** The most tokens that all parts may have together. */
  room: number
  /** Variables of the template for the words around the texts only; absent: those of the run. */
  variables?: RunSettings['templateVariables']
}

export interface RereadRequest extends FusionRequest {
  /** Cuts of an earlier reading of whole paths, to be repeated regardless of `room`. */
  cuts?: readonly Cut[]
}

export interface JoinRequest extends FusionRequest {
  /** The most cells that the decoded words and the copied cells may take. */
  cells: number
  /** Returns whether the cells of a path must be copied even if the whole path is joined. */
  copies: (path: Segment) => boolean
}

/** How many tokens were removed from the middle of a text. */
interface Cut {
  readonly segment: SegmentId
  readonly removed: number
}

interface Text {
  segment: SegmentId
  tokens: readonly number[]
  unfinished?: boolean
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
  const texts = paths.map(({ segment, tokens }) => ({ segment, tokens: idsOf(tokens.slice()) }))
  const parts = quoted(texts, request, request.prompt.length, [])
  return {
    type: 'join',
    layout: 'consecutive',
    parts: [{ prompt: true }, ...parts.map((part, i) => ({ ...part, thought: paths[i]!.thought }))],
  }
}

/**
 * Returns the source of a summary that reads the cells of its paths one behind another, between the
 * words of a frame (frame.ts). Cells that do not fit are left out at the beginning of the longest
 * attempts. Errors: `context-too-small`, `cancelled`.
 */
export async function joinSource(
  model: FusionModel,
  paths: readonly Segment[],
  request: JoinRequest,
  signal: AbortSignal,
): Promise<Source> {
  const { own, prompt } = await promptsOf(model, request, signal)
  const attempts = partsOfPaths(model, paths, own, request.settings)
  const removed = removedToFit(model, attempts, prompt, request)
  const { opening, separators, closing } = frameOf(
    model.plain,
    prompt,
    attempts.map((attempt, i) => headingOf(attempt, removed[i])),
    request.asking,
  )
  const kept = sharedPrefix(opening, request.prompt)
  const parts = attempts.flatMap(({ path, from, to, unfinished }, i): Part[] => [
    { tokens: [...(i === 0 ? opening.slice(kept) : []), ...separators[i]!] },
    {
      segment: path.segment,
      ...(from + removed[i]! > 0 && { from: from + removed[i]! }),
      to,
      ...(removed[i]! > 0 && { removed: removed[i]! }),
      ...(unfinished && { unfinished }),
    },
  ])
  return {
    type: 'join',
    layout: 'consecutive',
    parts: [
      ...(kept > 0 ? [{ prompt: true as const, to: kept }] : []),
      ...parts,
      { tokens: [...closing] },
    ],
  }
}

/** Returns the prompt that the paths were written behind, and the one that the words around them are from. */
async function promptsOf(
  model: FusionModel,
  request: FusionRequest,
  signal: AbortSignal,
): Promise<{ own: Prompt; prompt: Prompt }> {
  const own = await runPrompt(model, request, signal)
  const { variables, settings } = request
  if (variables === undefined || !mayThink(model.thought)) return { own, prompt: own }
  const asked = { ...request, settings: { ...settings, templateVariables: variables } }
  return { own, prompt: await runPrompt(model, asked, signal) }
}

function partsOfPaths(
  model: FusionModel,
  paths: readonly Segment[],
  { after }: Prompt,
  { tail = DEFAULT_TAIL, joinThoughts = false }: RunSettings,
): Attempt[] {
  if (joinThoughts) return wholePaths(paths)
  const before = mayThink(model.thought) ? piecesOf(model, after) : []
  return attemptsOf(paths, model.thought, before, tail)
}

const headingOf = ({ from, unfinished }: Attempt, removed = 0): Heading => ({
  unfinished,
  shortened: removed > 0 || (unfinished && from > 0),
})

/** Returns how many tokens to leave out at the beginning of each attempt. */
function removedToFit(
  { plain }: FusionModel,
  attempts: readonly Attempt[],
  prompt: Prompt,
  { asking, prompt: ids, room, cells, copies }: JoinRequest,
): number[] {
  const lengths = attempts.map(({ from, to }) => to - from)
  const frameFor = (headings: readonly Heading[]) => frameOf(plain, prompt, headings, asking)
  const take = (frame: Frame, removed: readonly number[]) => {
    const copied = attempts.map(({ path, from }, i) =>
      from > 0 || removed[i]! > 0 || copies(path) ? lengths[i]! - removed[i]! : 0,
    )
    return { words: lengthOf(frame) - sharedPrefix(frame.opening, ids), copied }
  }
  const sum = (list: readonly number[]) => list.reduce((a, b) => a + b, 0)
  const none = lengths.map(() => 0)
  const whole = frameFor(attempts.map((attempt) => headingOf(attempt)))
  const needed = take(whole, none)
  if (sum(lengths) + lengthOf(whole) <= room && sum(needed.copied) + needed.words <= cells)
    return none
  const frame = frameFor(attempts.map(({ unfinished }) => ({ unfinished, shortened: true })))
  const detail = 'context-too-small/join'
  const byRoom = cutToFit(lengths, room - lengthOf(frame), 0, detail)
  const { words, copied } = take(frame, byRoom)
  const byCells = cutToFit(copied, cells - words, 0, detail)
  return byRoom.map((removed, i) => removed + byCells[i]!)
}

/** As `rereadSource` of a model without control tokens, for any model. */
export async function rereadTexts(
  model: FusionModel,
  paths: readonly Segment[],
  request: RereadRequest,
  signal: AbortSignal,
): Promise<Source> {
  const { plain } = model
  const { own, prompt } = await promptsOf(model, request, signal)
  const attempts =
    request.cuts === undefined
      ? partsOfPaths(model, paths, own, request.settings)
      : wholePaths(paths)
  const frame = frameOf(
    plain,
    prompt,
    attempts.map((attempt) => headingOf(attempt)),
    request.asking,
  )
  const texts = attempts.map(({ path, from, to, unfinished }) => ({
    segment: path.segment,
    tokens: plain(textOf(path, from, to).trim(), true),
    unfinished,
  }))
  const parts = quoted(texts, request, lengthOf(frame), plain(GAP, true))
  return {
    type: 'text',
    parts: [
      ...parts.flatMap((part, i) => [
        { tokens: [...(i === 0 ? frame.opening : []), ...frame.separators[i]!] },
        part,
      ]),
      { tokens: [...frame.closing] },
    ],
  }
}

const textOf = ({ text, tokens }: Segment, from: number, to: number): string =>
  from === 0 && to === tokens.length
    ? text
    : tokens
        .slice(from, to)
        .map((token) => token.text)
        .join('')

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
  return texts.map(({ segment, tokens, unfinished = false }, i) => ({
    tokens: withoutMiddle(tokens, removed[i]!, gap),
    of: segment,
    ...(removed[i]! > 0 && { removed: removed[i]! }),
    ...(unfinished && { unfinished }),
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
 * Returns how many tokens to remove from each text so that all fit into `room`, the longest texts
 * first. A gap of `gap` tokens replaces the removed ones. Errors: `context-too-small`.
 */
export function cutToFit(
  lengths: readonly number[],
  room: number,
  gap: number,
  detail: 'context-too-small/reread' | 'context-too-small/join' = 'context-too-small/reread',
): number[] {
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total <= room) return lengths.map(() => 0)
  const cap = capFor(lengths, room)
  if (cap < LEAST + gap) {
    throw fail(detail, {
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
