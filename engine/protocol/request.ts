import { z } from 'zod'
import { SegmentId } from './segments.ts'

/**
 * What a run is asked to do. Everything that reaches the engine from outside passes these schemas;
 * the native engine checks ranges once more.
 */

export const STRATEGIES = ['parallel', 'sequential', 'majority', 'parallel-majority'] as const
export const Strategy = z.enum(STRATEGIES)
export type Strategy = z.infer<typeof Strategy>

/** When phase 2 starts: as soon as the first path ended, half of them, or all (docs/method.md, "Termination"). */
export const FinishRule = z.enum(['first', 'half', 'last'])
export type FinishRule = z.infer<typeof FinishRule>

export const VoteRule = z.enum(['equality', 'text'])
export type VoteRule = z.infer<typeof VoteRule>

/** How a summary reads the paths: from their KV cells, or by prefilling their text again. */
export const Fusion = z.enum(['cache', 'reread'])
export type Fusion = z.infer<typeof Fusion>

export const KvType = z.enum(['f32', 'f16', 'q8_0', 'q4_0'])
export type KvType = z.infer<typeof KvType>

export const FlashAttention = z.enum(['on', 'off', 'auto'])
export type FlashAttention = z.infer<typeof FlashAttention>

export const MAX_PROBLEM_CHARS = 1 << 20
export const MAX_PATHS = 64
export const MAX_BUDGET = 1 << 20
export const MAX_ALTERNATIVES = 20
export const MAX_SEED = 2 ** 32 - 1

/** Sampler of every path and of the summary. `temperature` 0 is greedy decoding. */
export const Sampling = z.object({
  temperature: z.number().min(0).max(10),
  /** 0 keeps the whole vocabulary. */
  topK: z.int().min(0).max(1_000_000),
  topP: z.number().min(0).max(1),
  minP: z.number().min(0).max(1),
  /** 1 turns the penalty off; it looks at the last `repetitionWindow` tokens of the path. */
  repetitionPenalty: z.number().min(0.1).max(10),
  repetitionWindow: z.int().min(0).max(65_536),
})
export type Sampling = z.infer<typeof Sampling>

/** How the model is loaded and its context laid out. */
export const EngineOptions = z.object({
  /** Device name as `braid devices` lists it, `cpu`, or `auto`. */
  device: z.string().min(1).max(256),
  /** Layers on the GPU; -1 is all of them. */
  gpuLayers: z.int().min(-1).max(65_536),
  kvType: KvType,
  flashAttention: FlashAttention,
  /** 0 lets the engine choose: the number of physical cores. */
  threads: z.int().min(0).max(512),
  /** KV cells of the context; 0 is as many as prompt, paths and summary need. */
  context: z
    .int()
    .min(0)
    .max(1 << 26),
})
export type EngineOptions = z.infer<typeof EngineOptions>

/** Controls that an experiment needs (docs/method.md, "Controls for experiments"). */
export const Controls = z.object({
  /** false: no thought embedding is added, row 0 included. */
  thoughtEmbedding: z.boolean(),
  /** true: every path is opened by `<think1>`; with `thoughtEmbedding` it still uses its own row. */
  sameToken: z.boolean(),
  /** `auto`: from the cache where the model can, otherwise by re-reading. */
  fusion: z.enum(['auto', 'cache', 'reread']),
})
export type Controls = z.infer<typeof Controls>

/** A run with nothing left open; stored in `run-started`. */
export const RunSettings = z.object({
  strategy: Strategy,
  /** Paths of one group: parallel paths of a run, or independent runs of `majority`. */
  paths: z.int().min(1).max(MAX_PATHS),
  /** Parallel runs of `parallel-majority`; 1 elsewhere. */
  runs: z.int().min(1).max(MAX_PATHS),
  /** Tokens of one path, its control tokens included. */
  budget: z.int().min(1).max(MAX_BUDGET),
  /** Tokens of one summary, its forced prefix included. */
  summaryBudget: z.int().min(1).max(MAX_BUDGET),
  finish: FinishRule,
  vote: VoteRule,
  system: z.string().max(MAX_PROBLEM_CHARS).optional(),
  sampling: Sampling,
  seed: z.int().min(0).max(MAX_SEED),
  /** Alternatives recorded for each token. */
  alternatives: z.int().min(0).max(MAX_ALTERNATIVES),
  reuseTokens: z.boolean(),
  controls: Controls,
  engine: EngineOptions,
  /** What kind of question this is; `auto`, also when absent: decided from the paths. */
  question: z.enum(['auto', 'value', 'text', 'code']).optional(),
  /** What a summary is told to do with the paths, in place of the usual instruction. */
  instruction: z.string().max(MAX_PROBLEM_CHARS).optional(),
})
export type RunSettings = z.infer<typeof RunSettings>

/** What a user asks for: any setting left out takes the model's default, then Braid's. */
export const RunRequest = z.object({
  problem: z.string().min(1).max(MAX_PROBLEM_CHARS),
  /** Path of a GGUF file; absent: the bundled model. */
  model: z.string().min(1).max(4096).optional(),
  /** The run that this problem follows up on, and the summary (or path) whose text was its answer. */
  followUp: z.object({ run: z.string().max(128), segment: SegmentId }).optional(),
  settings: RunSettings.omit({ sampling: true, controls: true, engine: true }).partial().extend({
    sampling: Sampling.partial().optional(),
    controls: Controls.partial().optional(),
    engine: EngineOptions.partial().optional(),
  }),
})
export type RunRequest = z.infer<typeof RunRequest>
