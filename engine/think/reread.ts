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
  parts: { tokens: readonly number[]; thought: number }[]
  cuts: { path: number; removed: number }[]
}

export interface RereadRequest {
  problem: string
  conversation: readonly Turn[]
  settings: RunSettings
  prompt: readonly number[]
  /** Tokens that all parts together may have. */
  room: number
}

/** Fewer tokens of a path than this say nothing. */
const LEAST = 16
const GAP = '\n[...]\n'

/**
 * What a model reads that fuses by re-reading: with control tokens the prompt and the paths' own tokens one after another,
 * each under its thought; without, a fresh prompt that holds the paths' texts and asks for the final answer. Paths that do
 * not fit are cut from the middle, the longest first. Errors: `context-too-small`, `cancelled`.
 */
export async function rereadParts(model: LoadedModel, paths: readonly PathState[], request: RereadRequest, signal: AbortSignal): Promise<Reread> {
  if (model.tokens.pairs.length > 0) {
    const { kept, cuts } = cutToFit(paths.map(({ path, tokens }) => ({ path, tokens: tokens.slice().map(({ id }) => id) })), request.room - request.prompt.length, [])
    return { afterPrompt: true, parts: paths.map(({ thought }, i) => ({ tokens: kept[i]!, thought })), cuts }
  }
  const { plain } = model
  const { before, user, after } = await buildPrompt(model, {
    problem: `${request.problem}\n\nHere are ${paths.length} independent attempts at this problem. Each may contain mistakes.\n`,
    system: request.settings.system, conversation: request.conversation,
  }, signal)
  const headers = paths.map((_, i) => plain(`\nAttempt ${i + 1}:\n`))
  const outro = plain('\n\nCompare the attempts, decide which reasoning is right, and give the final answer in \\boxed{}.')
  const frame = [before, user, ...headers, outro, after].reduce((sum, { length }) => sum + length, 0)
  const { kept, cuts } = cutToFit(paths.map(({ path, text }) => ({ path, tokens: plain(text.trim()) })), request.room - frame, plain(GAP))
  const tokens = [...before, ...user, ...headers.flatMap((header, i) => [...header, ...kept[i]!]), ...outro, ...after]
  return { afterPrompt: false, parts: [{ tokens, thought: 0 }], cuts }
}

/** The longest lists lose their middle, `gap` in its place, until all fit into `room`. */
export function cutToFit(lists: readonly { path: number; tokens: readonly number[] }[], room: number, gap: readonly number[]): { kept: number[][]; cuts: Reread['cuts'] } {
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
      throw new BraidError('context-too-small', `Re-reading ${lists.length} paths needs room for ${lists.length * (LEAST + gap.length)} tokens beside the prompt and the summary, and ${Math.max(0, room)} are left: a larger context, or fewer paths.`)
    }
  }
  const cuts: Reread['cuts'] = []
  const kept = lists.map(({ path, tokens }) => {
    if (tokens.length <= cap) return [...tokens]
    const keep = cap - gap.length
    const head = Math.ceil(keep / 2)
    cuts.push({ path, removed: tokens.length - keep })
    return [...tokens.slice(0, head), ...gap, ...tokens.slice(tokens.length - (keep - head))]
  })
  return { kept, cuts }
}
