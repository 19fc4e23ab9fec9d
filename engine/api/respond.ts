import { setMaxListeners } from 'node:events'
import type { Client } from '../protocol/client.ts'
import { thrownError } from '../protocol/events.ts'
import { isAtWork, type RunState } from '../protocol/fold.ts'
import type { Ask } from './ask.ts'
import { Choice, type Delta } from './choice.ts'
import { scored } from './logprobs.ts'
import type { Reply } from './reply.ts'
import { runReport, usageOf } from './report.ts'
import type { Runs } from './runs.ts'
import type { Turns } from './turns.ts'

export interface Parts {
  client: Client
  runs: Runs
  turns: Turns
}

interface Done {
  run: string
  state: RunState
  /** Tokens of the answer. */
  answer: number
}

/**
 * Carries out a request: one run per choice, each in its turn. The first failure ends all of them.
 * `left` fires when the client leaves. Throws 429 before anything has begun.
 */
export async function respond(
  ask: Ask,
  reply: Reply,
  { client, runs, turns }: Parts,
  { who, left }: { who: string; left: AbortSignal },
): Promise<void> {
  turns.check(ask.runs.length)
  const failed = new AbortController()
  const signal = AbortSignal.any([left, failed.signal])
  setMaxListeners(2 * ask.runs.length + 1, signal)
  try {
    const done = await Promise.all(
      ask.runs.map((_, index) =>
        turns
          .take(who, signal, () => follow(ask, index, reply, { client, runs }, signal))
          .catch((error: unknown) => {
            failed.abort(error)
            throw error
          }),
      ),
    )
    const prompts = new Set<string>()
    const counted = done.map((one) => {
      const counts = !prompts.has(one.state.problem)
      prompts.add(one.state.problem)
      return { ...one, counts }
    })
    reply.close({
      usage: usageOf(counted),
      braid: {
        notices: ask.ignored.map((field) => ({
          code: 'ignored',
          message: `The field '${field}' has no effect.`,
        })),
        runs: done.map(({ run, state }) => runReport(run, state)),
      },
    })
  } catch (error) {
    if (!left.aborted) reply.fail(error)
  }
}

/** Passes one run on to its choice until it ends. Errors: those of the run. */
async function follow(
  { runs: requests, stops, raw, logprobs }: Ask,
  index: number,
  reply: Reply,
  { client, runs }: Omit<Parts, 'turns'>,
  signal: AbortSignal,
): Promise<Done> {
  const choice = new Choice({ stops, raw })
  let stopping = false
  const add = async (run: string, state: RunState, { segment, tokens, ...delta }: Delta) => {
    const of = logprobs === null || segment === null ? null : { run, state, segment }
    reply.add(index, {
      ...delta,
      scored: of === null ? null : await scored(client, of, tokens, logprobs!),
    })
  }
  for await (const { run, state } of runs.think(requests[index]!, signal)) {
    if (state.error !== null) throw thrownError(state.error)
    if (isAtWork(state)) {
      await add(run, state, choice.next(state))
      if (!choice.stopped || stopping) continue
      stopping = true
      void runs.stop(run)
      continue
    }
    await add(run, state, choice.end(state))
    reply.finish(index, choice.reason(state))
    return { run, state, answer: choice.tokens }
  }
  throw new Error('The run stopped without an end.')
}
