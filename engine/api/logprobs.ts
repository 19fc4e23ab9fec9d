import type { Client } from '../protocol/client.ts'
import type { Alternative, Token } from '../protocol/events.ts'
import { segmentOf, type RunState } from '../protocol/run-state.ts'
import type { SegmentId } from '../protocol/segments.ts'

/** The most tokens whose alternatives can be read at once. */
const READ = 1024

/** A token of an answer, with the likeliest tokens in its place. */
export interface Scored {
  token: Token
  alternatives: readonly Alternative[]
}

/** An entry of `logprobs.content` of a chat. */
interface Entry {
  token: string
  logprob: number
  bytes: number[]
}

/** Returns tokens of a segment with their alternatives, which the transcript keeps beside it. */
export async function scored(
  client: Client,
  { run, state, segment }: { run: string; state: RunState; segment: SegmentId },
  tokens: readonly number[],
  alternatives: number,
): Promise<Scored[]> {
  const first = tokens[0]
  const all = segmentOf(state, segment)?.tokens
  if (first === undefined || all === undefined) return []
  const read: (Alternative[] | null)[] = []
  if (alternatives > 0)
    for (let at = first; at <= tokens.at(-1)!; at += READ) {
      const count = Math.min(READ, tokens.at(-1)! - at + 1)
      read.push(...(await client.call('run.alternatives', { run, segment, index: at, count })))
    }
  return tokens.map((index) => ({
    token: all.at(index)!,
    alternatives: (read[index - first] ?? []).slice(0, alternatives),
  }))
}

/** Returns the entries of a chat's answer. A token that was forced has probability 1. */
export const chatLogprobs = (tokens: readonly Scored[]) => ({
  content: tokens.map(({ token, alternatives }) => ({
    ...entry(token),
    top_logprobs: alternatives.map(entry),
  })),
  refusal: null,
})

/** Returns the lists of a completion's answer. `offset`: characters before it. */
export function completionLogprobs(tokens: readonly Scored[], offset: number) {
  let at = offset
  return {
    tokens: tokens.map(({ token }) => token.text),
    token_logprobs: tokens.map(({ token }) => token.logprob ?? 0),
    top_logprobs: tokens.map(({ alternatives }) =>
      Object.fromEntries(alternatives.map(({ text, logprob }) => [text, logprob])),
    ),
    text_offset: tokens.map(({ token }) => {
      at += token.text.length
      return at - token.text.length
    }),
  }
}

function entry({ text, logprob }: { text: string; logprob: number | null }): Entry {
  return { token: text, logprob: logprob ?? 0, bytes: [...Buffer.from(text)] }
}
