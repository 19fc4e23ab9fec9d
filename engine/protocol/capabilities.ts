import { z } from 'zod'
import type { ErrorDetail, WordParams } from './wording.ts'
import type { RunSettings } from './request.ts'
import { ruleOf } from './shapes.ts'

/**
 * What a model on a server can do. A model in a file has no such list: it can do everything that its
 * memory allows (`cannotJoin`).
 */
export const Capabilities = z.looseObject({
  /** How the server was recognised. */
  dialect: z.enum(['llama-server', 'vllm', 'chat']),
  /**
   * The server takes and returns ids of tokens, so that a text can be continued and branched at any
   * token. Without them, it only answers chats.
   */
  tokens: z.boolean(),
  /** Tokens have their log-probability. */
  logprobs: z.boolean(),
  /** The most alternatives per token. */
  alternatives: z.int().min(0),
  /** Tokens that a prompt and its answer may have together; absent if the server does not say. */
  context: z.int().min(1).optional(),
  /** How many requests the server works on at once; absent if it does not say. */
  slots: z.int().min(1).optional(),
})
export type Capabilities = z.infer<typeof Capabilities>

/** Why a server cannot do what is asked of it (wording.ts). */
export interface Refusal {
  detail: ErrorDetail
  params?: WordParams
}

/** How many likely tokens the confidence of a token needs. */
const CONFIDENCE = 20

type Asked = Pick<
  RunSettings,
  'strategy' | 'stop' | 'probeEvery' | 'weight' | 'confidence' | 'templateVariables'
> &
  Partial<Pick<RunSettings, 'controls' | 'sampling'>>

/** Returns why a run cannot have these settings on a server that can do this; null if it can. */
export function refusalOf(can: Capabilities, asked: Asked): Refusal | null {
  const { strategy, stop, probeEvery, weight, confidence, controls, sampling } = asked
  const { merges, forks } = ruleOf(strategy)
  if (merges) return { detail: 'bad-combination/server-merge' }
  if (forks) return { detail: 'bad-combination/server-forks' }
  if (controls?.fusion === 'cache') return { detail: 'cannot-join/server' }
  if (!can.tokens && (stop === 'stable' || probeEvery !== undefined))
    return { detail: 'bad-combination/server-probes' }
  const confident = weight === 'confidence' || weight === 'tail' || confidence === true
  if (confident && can.alternatives < CONFIDENCE)
    return { detail: 'bad-combination/server-confidence' }
  if (can.tokens) return null
  if (asked.templateVariables?.enable_thinking !== undefined)
    return { detail: 'bad-combination/server-setting', params: { name: 'enable_thinking' } }
  const neutral = { topK: 0, minP: 0, repetitionPenalty: 1 } as const
  for (const [name, value] of Object.entries(neutral) as [keyof typeof neutral, number][])
    if (sampling !== undefined && sampling[name] !== value)
      return { detail: 'bad-combination/server-setting', params: { name } }
  return null
}

/**
 * Returns why a server cannot carry out a command to a run; null if it can. All other commands work
 * with every server.
 */
export function commandRefusal(can: Capabilities, type: string): Refusal | null {
  const continues = type === 'branch' || type === 'extend'
  return continues && !can.tokens ? { detail: 'bad-combination/server-continue' } : null
}
