import {
  loadAddon,
  type DecodeOptions,
  type NativeContext,
  type NativeModel,
  type NativeToken,
  type SamplerOptions,
  type StreamEnd,
  type StreamOptions,
} from '../../engine/native/load.ts'
import { tinyModel, writeTiny, type TinyOptions } from '../support/tiny-models.ts'

export const greedy: SamplerOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  repetitionWindow: 0,
  seed: 1,
}

export async function openTiny(options: Partial<TinyOptions> = {}): Promise<NativeModel> {
  const file = writeTiny(tinyModel({ shape: 'qwen2', thoughts: 9, pairs: 8, ...options }))
  return loadAddon().openModel({ path: file, device: 'cpu', gpuLayers: 0 }).done
}

export const contextOf = (
  model: NativeModel,
  options: Partial<Parameters<NativeModel['createContext']>[0]> = {},
) =>
  model.createContext({
    cells: 1024,
    sequences: 12,
    kvType: 'f32',
    flashAttention: 'off',
    threads: 1,
    ...options,
  })

export const stream = (options: Partial<StreamOptions> & { id: number }): StreamOptions => ({
  seq: options.id,
  thought: 0,
  forced: [],
  budget: 20,
  sampler: greedy,
  masked: [],
  stops: [],
  endToken: -1,
  group: 1,
  ...options,
})

export interface Decoded {
  tokens: Map<number, NativeToken[]>
  ended: Map<number, StreamEnd>
  batches: number
}

export const ids = (decoded: Decoded, id: number) =>
  (decoded.tokens.get(id) ?? []).map((token) => token.id)

/** Starts a decode that collects its reports. */
export function start(
  context: NativeContext,
  streams: StreamOptions[],
  options: Partial<DecodeOptions> = {},
) {
  const decoded: Decoded = { tokens: new Map(), ended: new Map(), batches: 0 }
  const handle = context.decode({
    streams,
    finish: 0,
    cells: 1000,
    logprobs: true,
    alternatives: 0,
    ...options,
    onBatch: (batch) => {
      decoded.batches++
      for (const { id, tokens } of batch.tokens)
        decoded.tokens.set(id, [...(decoded.tokens.get(id) ?? []), ...tokens])
      for (const end of batch.ended) decoded.ended.set(end.id, end)
      options.onBatch?.(batch)
    },
  })
  return { handle, decoded }
}

export async function run(
  context: NativeContext,
  streams: StreamOptions[],
  options: Partial<DecodeOptions> = {},
): Promise<Decoded> {
  const { handle, decoded } = start(context, streams, options)
  await handle.done
  return decoded
}

export const fill = (context: NativeContext, seq: number, tokens: readonly number[]) =>
  context.prefill({ seq, tokens, thought: -1 })

/**
 * Returns the records of these tokens behind a sequence, which stays as it is. The first token has
 * none, since the kept tail measures it.
 */
export async function read(
  context: NativeContext,
  seq: number,
  tokens: readonly number[],
  alternatives = 0,
): Promise<NativeToken[]> {
  const end = (await context.lastPosition(seq)) + 1
  const records = await context.prefill({ seq, tokens, thought: -1, logprobs: true, alternatives })
  await context.remove(seq, end)
  return records.tokens!.slice(1)
}
