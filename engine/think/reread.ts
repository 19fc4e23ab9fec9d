import { BraidError } from '../protocol/errors.ts'
import type { PathState } from '../protocol/fold.ts'
import type { RunSettings } from '../protocol/request.ts'
import type { Turn } from './handle.ts'
import type { LoadedModel } from './models.ts'
import { buildPrompt } from './prompt.ts'

/** What is prefilled, in order, each part with its thought row. */
export interface Reread {
  /** The prompt's cells come first. */
  afterPrompt: boolean
  /** `path`: whose text it is; absent: words around them. */
  parts: { tokens: readonly number[]; thought: number; path?: number }[]
  cuts: { path: number; removed: number }[]
}

export interface RereadRequest {
  problem: string
  conversation: readonly Turn[]
  settings: RunSettings
  prompt: readonly number[]
  /** Tokens that all parts together may have. */
  room: number
  /** What an earlier reading cut, which this one repeats, whatever room there is. */
  cuts?: readonly { readonly path: number; readonly removed: number }[]
}

/** Fewer tokens of a path than this say nothing. */
const LEAST = 16
const GAP = '\n[...]\n'

/**
 * What a model reads that fuses by re-reading: with control tokens the prompt and the paths' own tokens one after another,
 * each under its thought; without, a fresh prompt that holds the paths' texts and asks for the final answer. Paths that do
 * not fit are cut from the middle, the longest first. Errors: `context-too-small`, `cancelled`.
 */
export async function rereadParts(
  model: LoadedModel,
  paths: readonly PathState[],
  request: RereadRequest,
  signal: AbortSignal,
): Promise<Reread> {
  if (model.tokens.pairs.length > 0) {
    const lists = paths.map(({ path, tokens }) => ({
      path,
      tokens: tokens.slice().map(({ id }) => id),
    }))
    const { kept, cuts } = cut(lists, request, request.prompt.length, [])
    return {
      afterPrompt: true,
      parts: paths.map(({ path, thought }, i) => ({ tokens: kept[i]!, thought, path })),
      cuts,
    }
  }
  const { plain } = model
  const { before, user, after } = await buildPrompt(
    model,
    {
      problem: `${request.problem}\n\nHere are ${paths.length} independent attempts at this problem. Each may contain mistakes.\n`,
      system: request.settings.system,
      conversation: request.conversation,
    },
    signal,
  )
  const headers = paths.map((_, i) => plain(`\nAttempt ${i + 1}:\n`))
  const outro = plain(
    '\n\nCompare the attempts, decide which reasoning is right, and give the final answer in \\boxed{}.',
  )
  const frame = [before, user, ...headers, outro, after].reduce(
    (sum, { length }) => sum + length,
    0,
  )
  const { kept, cuts } = cut(
    paths.map(({ path, text }) => ({ path, tokens: plain(text.trim()) })),
    request,
    frame,
    plain(GAP),
  )
  const parts = [
    { tokens: [...before, ...user], thought: 0 },
    ...paths.flatMap(({ path }, i) => [
      { tokens: headers[i]!, thought: 0 },
      { tokens: kept[i]!, thought: 0, path },
    ]),
    { tokens: [...outro, ...after], thought: 0 },
  ]
  return { afterPrompt: false, parts, cuts }
}

function cut(
  lists: readonly { path: number; tokens: readonly number[] }[],
  { room, cuts }: RereadRequest,
  beside: number,
  gap: readonly number[],
): { kept: number[][]; cuts: Reread['cuts'] } {
  if (cuts === undefined) return cutToFit(lists, room - beside, gap)
  const removed = (path: number) => cuts.find((one) => one.path === path)?.removed ?? 0
  return {
    kept: lists.map(({ path, tokens }) => withoutMiddle(tokens, removed(path), gap)),
    cuts: [...cuts],
  }
}

/** `gap` in place of `removed` tokens in the middle. */
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

/** The longest lists lose their middle, `gap` in its place, until all fit into `room`. */
export function cutToFit(
  lists: readonly { path: number; tokens: readonly number[] }[],
  room: number,
  gap: readonly number[],
): { kept: number[][]; cuts: Reread['cuts'] } {
  const lengths = lists.map(({ tokens }) => tokens.length)
  let cap = Math.max(0, ...lengths)
  if (lengths.reduce((a, b) => a + b, 0) > room) {
    // The greatest length that all can have: short lists leave their room to the long ones.
    let left = room
    const ascending = [...lengths].sort((a, b) => a - b)
    for (const [i, length] of ascending.entries()) {
      cap = Math.floor(left / (lengths.length - i))
      if (length > cap) break
      left -= length
    }
    if (cap < LEAST + gap.length) {
      throw new BraidError(
        'context-too-small',
        `Re-reading ${lists.length} paths needs room for ${lists.length * (LEAST + gap.length)} tokens beside the prompt and the summary, and ${Math.max(0, room)} are left: a larger context, or fewer paths.`,
      )
    }
  }
  const cuts: Reread['cuts'] = []
  const kept = lists.map(({ path, tokens }) => {
    if (tokens.length <= cap) return [...tokens]
    const removed = tokens.length - (cap - gap.length)
    cuts.push({ path, removed })
    return withoutMiddle(tokens, removed, gap)
  })
  return { kept, cuts }
}
