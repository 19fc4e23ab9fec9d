/** Drives the engine's native surface through the two phases; results have the shape of the reference's. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import {
  loadAddon,
  type ContextOptions,
  type NativeContext,
  type NativeModel,
  type NativeToken,
  type SamplerOptions,
  type StreamEnd,
  type StreamOptions,
} from '../../engine/native/load.ts'
import { Random } from '../support/random.ts'
import { reference, type ReferenceInput, type ReferenceToken } from '../support/reference.ts'
import { writeTiny, type TinyModel } from '../support/tiny-models.ts'

/** Bounds of an absolute difference of logprobs. */
export const EXACT = 1e-4
export const HALF = 2e-2

/** Sequences: the prompt's, path i's (0-based), and those of summaries. */
export const PROMPT = 0
export const pathSeq = (i: number) => i + 1
export const summarySeq = (i: number) => 40 + i

export const GREEDY: SamplerOptions = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  repetitionWindow: 0,
  seed: 1,
}

const folder = mkdtempSync(join(tmpdir(), 'braid-parity-'))
afterAll(() => rmSync(folder, { recursive: true }))

export function open(model: TinyModel, device = 'cpu'): Promise<NativeModel> {
  return loadAddon().openModel({
    path: writeTiny(model, mkdtempSync(join(folder, 'model-'))),
    device,
    gpuLayers: device === 'cpu' ? 0 : -1,
  }).done
}

export function makeContext(
  native: NativeModel,
  options: Partial<ContextOptions> = {},
): Promise<NativeContext> {
  return native.createContext({
    cells: 2048,
    sequences: 48,
    kvType: 'f32',
    flashAttention: 'off',
    threads: 1,
    ...options,
  })
}

/** Returns random ids of ordinary tokens. */
export function randomTokens(model: TinyModel, random: Random, n: number): number[] {
  return Array.from({ length: n }, () => random.int(256))
}

export interface Scored {
  prompt: NativeToken[]
  paths: NativeToken[][]
  summary: NativeToken[]
}

/** Prefills every part, sharing cells as a run does. A branch shares everything except its own tokens. */
export async function score(
  context: NativeContext,
  input: ReferenceInput,
  alternatives = 0,
): Promise<Scored> {
  const on = input.thoughtEmbedding ?? true
  const fill = async (seq: number, tokens: readonly number[], thought: number) =>
    (
      await context.prefill({
        seq,
        tokens,
        thought: on ? thought : -1,
        logprobs: true,
        alternatives,
      })
    ).tokens!
  const prompt = await fill(PROMPT, input.prompt, 0)
  const paths: NativeToken[][] = []
  for (const [i, path] of input.paths.entries()) {
    if (path.parent)
      await context.copy(
        pathSeq(path.parent.path),
        pathSeq(i),
        input.prompt.length + path.parent.at,
      )
    else await context.copy(PROMPT, pathSeq(i))
    paths.push(await fill(pathSeq(i), path.tokens, path.thought))
  }
  for (const i of input.summaryPaths ?? input.paths.keys())
    await context.copy(pathSeq(i), summarySeq(0))
  const summary = await fill(summarySeq(0), input.summary ?? [], 0)
  return { prompt, paths, summary }
}

/** Returns the largest difference of logprobs; fails if ids differ or if only one side is null. */
export function difference(
  native: readonly { id: number; logprob: number | null }[],
  expected: readonly ReferenceToken[],
): number {
  expect(native.map(({ id }) => id)).toEqual(expected.map(({ id }) => id))
  let largest = 0
  native.forEach(({ logprob }, i) => {
    const other = expected[i]!.logprob
    if (logprob === null || other === null)
      expect([i, logprob], 'a token without logprob').toEqual([i, other])
    else largest = Math.max(largest, Math.abs(logprob - other))
  })
  return largest
}

/** Returns the largest difference of a scored input from the reference, by part. A branched path's first token has no logits to be scored from. */
export function differences(
  scored: Scored,
  input: ReferenceInput,
  model: TinyModel,
): { prompt: number; paths: number[]; summary: number } {
  const expected = reference(model, input)
  return {
    prompt: difference(scored.prompt, expected.prompt),
    paths: scored.paths.map((path, i) =>
      difference(
        path,
        input.paths[i]!.parent ? unscoredFirst(expected.paths[i]!) : expected.paths[i]!,
      ),
    ),
    summary: difference(scored.summary, expected.summary),
  }
}
export const worst = (d: ReturnType<typeof differences>) =>
  Math.max(d.prompt, ...d.paths, d.summary)

const unscoredFirst = (tokens: ReferenceToken[]) =>
  tokens.map((token, i) => (i === 0 ? { ...token, logprob: null } : token))

export function stream(
  options: Partial<StreamOptions> & Pick<StreamOptions, 'id' | 'seq'>,
): StreamOptions {
  return {
    thought: 0,
    forced: [],
    budget: 32,
    sampler: GREEDY,
    masked: [],
    stops: [],
    endToken: -1,
    group: 1,
    ...options,
  }
}

export interface Decoded {
  tokens: Map<number, NativeToken[]>
  ends: Map<number, StreamEnd>
}

/** Runs a decode to its end; `onBatch` may send commands. Later results are added to `into`. */
export async function decode(
  context: NativeContext,
  streams: StreamOptions[],
  finish = 0,
  into: Decoded = { tokens: new Map(), ends: new Map() },
): Promise<Decoded> {
  const run = context.decode({
    streams,
    finish,
    cells: context.info.cells,
    logprobs: true,
    alternatives: 0,
    onBatch(batch) {
      for (const { id, tokens } of batch.tokens)
        into.tokens.set(id, [...(into.tokens.get(id) ?? []), ...tokens])
      for (const end of batch.ended) into.ends.set(end.id, end)
    },
  })
  await run.done
  for (const end of into.ends.values()) expect(end.error).toBeUndefined()
  return into
}

export const ids = (tokens: readonly { id: number }[] | undefined) =>
  (tokens ?? []).map(({ id }) => id)

/** Returns a scenario with `lengths.length` paths of these lengths, each with its own thought and `<think i>`. */
export function scenario(
  model: TinyModel,
  lengths: readonly number[],
  seed = 1,
): ReferenceInput & { summary: number[] } {
  const random = new Random(seed)
  const { vocabulary, dims } = model
  const pairs = vocabulary.tokens.includes('<summary>')
  return {
    prompt: randomTokens(model, random, 17),
    paths: lengths.map((n, i) => ({
      thought: dims.thoughts > 0 ? i + 1 : 0,
      tokens: [
        ...(pairs ? [vocabulary.id(`<think${i + 1}>`)] : []),
        ...randomTokens(model, random, n),
      ],
    })),
    summary: [...(pairs ? [vocabulary.id('<summary>')] : []), ...randomTokens(model, random, 15)],
  }
}
