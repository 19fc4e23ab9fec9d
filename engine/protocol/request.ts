import { z } from 'zod'
import { MAX_SCHEMA_CHARS, readSchema } from './schema.ts'
import { SegmentId } from './segments.ts'
import { WorkerAddresses } from './workers.ts'

/**
 * Requests for runs. Everything that reaches the engine from outside is validated with these
 * schemas; the native engine checks ranges again.
 */

export const STRATEGIES = [
  'parallel',
  'sequential',
  'majority',
  'parallel-majority',
  'refine',
  'merge',
  'tournament',
  'fork-join',
] as const
export const Strategy = z.enum(STRATEGIES)
export type Strategy = z.infer<typeof Strategy>

/** When two answers count as one. */
export const ValueRule = z.enum(['equality', 'text'])
export type ValueRule = z.infer<typeof ValueRule>

/**
 * How a run compares its answers. `behaviour`: they are programs, and what they return counts, as for
 * every question that asks for code.
 */
export const VoteRule = z.enum([...ValueRule.options, 'behaviour'])
export type VoteRule = z.infer<typeof VoteRule>

/**
 * What answers a run of `parallel` or `refine`: a vote over its paths (of the last round) or a summary
 * of them. `auto`: the vote where the question has a value and two paths agree on it, unless the model
 * was trained for summaries; else the summary.
 */
export const AnswerBy = z.enum(['auto', 'vote', 'summary'])
export type AnswerBy = z.infer<typeof AnswerBy>

/** How a summary reads the paths: from their KV cells, or by prefilling their text again. */
export const Fusion = z.enum(['cache', 'reread'])
export type Fusion = z.infer<typeof Fusion>

export const KvType = z.enum(['f32', 'f16', 'q8_0', 'q4_0'])
export type KvType = z.infer<typeof KvType>

export const FlashAttention = z.enum(['on', 'off', 'auto'])
export type FlashAttention = z.infer<typeof FlashAttention>

/** What kind of answer a question has (question.ts). */
export const QuestionKind = z.enum(['value', 'text', 'code'])
export type QuestionKind = z.infer<typeof QuestionKind>

/** An earlier question and its answer. */
export const Turn = z.object({ problem: z.string(), answer: z.string() })
export type Turn = z.infer<typeof Turn>

/** Turns that a request may bring along. */
export const MAX_TURNS = 512
export const MAX_PROBLEM_CHARS = 1 << 20
export const MAX_INSTRUCTION_CHARS = 1 << 16
export const MAX_PATHS = 64
/** Rounds of `refine`: with the most paths, they have as many as a run may have (`MAX_SEGMENTS`). */
export const MAX_ROUNDS = 16
/** Judgements per candidate of `tournament`: each is a round in which every pair is judged twice. */
export const MAX_JUDGEMENTS = 3
export const MAX_BUDGET = 1 << 20
export const MAX_ALTERNATIVES = 20
export const MAX_SEED = 2 ** 32 - 1
export const DEFAULT_TAIL = 512
/** The fewest tokens between two probes, and the most probes that a vote can wait for. */
export const MIN_PROBE_EVERY = 16
export const MAX_PATIENCE = 100

/**
 * When phase 2 starts: once the first path, half of the paths or all paths have ended
 * (docs/method.md, "Termination"). A number: once this many have. `majority`, whose groups have one
 * path, then counts the answers of the first ones only (docs/strategies.md).
 */
export const FinishWord = z.enum(['first', 'half', 'last'])
export const FinishRule = z.union([FinishWord, z.int().min(1).max(MAX_PATHS)])
export type FinishRule = z.infer<typeof FinishRule>

/** When a vote ends before all of its paths have (docs/strategies.md). */
export const StopRule = z.enum(['decided', 'stable'])
export type StopRule = z.infer<typeof StopRule>

/** What a vote counts instead of heads (docs/strategies.md). */
export const Weight = z.enum(['confidence', 'tail', 'length'])
export type Weight = z.infer<typeof Weight>

/** Sampler of every path and of the summary. `temperature` 0 is greedy decoding. */
export const Sampling = z.object({
  temperature: z.number().min(0).max(10),
  /** 0: the whole vocabulary. */
  topK: z.int().min(0).max(1_000_000),
  topP: z.number().min(0).max(1),
  minP: z.number().min(0).max(1),
  /** Applies to the last `repetitionWindow` tokens of the path; 1 turns the penalty off. */
  repetitionPenalty: z.number().min(0.1).max(10),
  repetitionWindow: z.int().min(0).max(65_536),
})
export type Sampling = z.infer<typeof Sampling>

/** How the model is loaded and its context is created. */
export const EngineOptions = z.object({
  /** Device name as `braid devices` lists it, `cpu`, or `auto`. */
  device: z.string().min(1).max(256),
  /** Other machines that take the first layers (docs/workers.md): HOST:PORT each. */
  workers: WorkerAddresses.optional(),
  /** Layers on GPUs and workers; -1: all. */
  gpuLayers: z.int().min(-1).max(65_536),
  kvType: KvType,
  flashAttention: FlashAttention,
  /**
   * 0: the physical cores, less one if there are more than two; fewer while other programs use them
   * (unless the run is alone).
   */
  threads: z.int().min(0).max(512),
  /** KV cells of the context; 0: as many as prompt, paths and summary need. */
  context: z
    .int()
    .min(0)
    .max(1 << 26),
})
export type EngineOptions = z.infer<typeof EngineOptions>

/** Settings for experiments (docs/method.md, "Controls for experiments"). */
export const Controls = z.object({
  /** false: no thought embedding is added, not even row 0. */
  thoughtEmbedding: z.boolean(),
  /**
   * true: every path begins with `<think1>`; with `thoughtEmbedding`, it still uses its own row.
   */
  sameToken: z.boolean(),
  /** `auto`: `cache` if the model's cells can be joined, else `reread`. */
  fusion: z.enum(['auto', 'cache', 'reread']),
})
export type Controls = z.infer<typeof Controls>

/** Variables of chat templates that models document, by the names that the templates use. */
export const TemplateVariables = z.object({
  /** false: the model answers without thinking first. */
  enable_thinking: z.boolean().optional(),
  /** `low`, `medium`, `high`, or another word that the template knows. */
  reasoning_effort: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,31}$/)
    .optional(),
})
export type TemplateVariables = z.infer<typeof TemplateVariables>

/** A JSON schema, as text. */
const SchemaText = z
  .string()
  .max(MAX_SCHEMA_CHARS)
  .superRefine((text, context) => {
    try {
      readSchema(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message })
    }
  })

/** The resolved settings of a run, as stored in `run-started`. */
export const RunSettings = z.object({
  strategy: Strategy,
  /** Paths per group; for `majority`, the number of independent runs. */
  paths: z.int().min(1).max(MAX_PATHS),
  /** Groups of `parallel-majority`; 1 for other strategies. */
  runs: z.int().min(1).max(MAX_PATHS),
  /** Rounds of `refine`; 1 for other strategies, and absent in older transcripts. */
  rounds: z.int().min(1).max(MAX_ROUNDS).optional(),
  /** How many paths of the round before each path of `refine` reads; absent for other strategies. */
  reads: z.int().min(1).max(MAX_PATHS).optional(),
  /** Rounds of judges of `tournament`; absent for other strategies. */
  judgements: z.int().min(1).max(MAX_JUDGEMENTS).optional(),
  /** Absent for other strategies and in older transcripts: `summary`. */
  answerBy: AnswerBy.optional(),
  /** Tokens per path, control tokens included. */
  budget: z.int().min(1).max(MAX_BUDGET),
  /** Tokens per summary, the forced prefix included. */
  summaryBudget: z.int().min(1).max(MAX_BUDGET),
  finish: FinishRule,
  vote: VoteRule,
  system: z.string().max(MAX_PROBLEM_CHARS).optional(),
  /** true: the problem is the whole prompt, without the model's chat template. */
  plainPrompt: z.boolean().optional(),
  /** Variables of the model's chat template; absent ones are left to the template. */
  templateVariables: TemplateVariables.optional(),
  sampling: Sampling,
  seed: z.int().min(0).max(MAX_SEED),
  /**
   * Tokens that a summary reads of a path that was cut before its thought was closed. Absent in
   * older transcripts: `DEFAULT_TAIL`.
   */
  tail: z.int().min(1).max(MAX_BUDGET).optional(),
  /** Alternatives recorded per token. */
  alternatives: z.int().min(0).max(MAX_ALTERNATIVES),
  reuseTokens: z.boolean(),
  controls: Controls,
  engine: EngineOptions,
  /**
   * The run waits until its context is empty and shares it with no other run, so that the same
   * request gives the same tokens every time. Beside other runs, rounding differs.
   */
  alone: z.boolean().optional(),
  /**
   * The kind of question; `auto`: decided from the paths (question.ts). Absent in older transcripts,
   * which know values only.
   */
  question: z.enum(['auto', ...QuestionKind.options]).optional(),
  /** Instruction for the summary, replacing the usual one (instruction.ts). */
  instruction: z.string().max(MAX_INSTRUCTION_CHARS).optional(),
  /** Instruction for a path of a later round of `refine`, replacing the usual one. */
  refineInstruction: z.string().max(MAX_INSTRUCTION_CHARS).optional(),
  /** The JSON schema that answers fit (`writesAnswer`); absent: they are free text. */
  schema: SchemaText.optional(),
  /** The summary also reads what a model thought before it answered, not only its answers. */
  joinThoughts: z.boolean().optional(),
  /**
   * The programs of a question that asks for code are run in the sandbox, and the one that agrees most
   * with the others is chosen. Absent in older transcripts: they are not.
   */
  runPrograms: z.boolean().optional(),
  /** How a vote ends early; absent: it waits for all of its paths. */
  stop: StopRule.optional(),
  /** `decided`: how sure the answer must be, 0.5..1. */
  sure: z.number().min(0.5).max(0.9999).optional(),
  /** `decided`: how many paths run at once. */
  wave: z.int().min(1).max(MAX_PATHS).optional(),
  /** `stable`: tokens of a path between two probes. */
  probeEvery: z.int().min(MIN_PROBE_EVERY).max(MAX_BUDGET).optional(),
  /** `stable`: how many probes in a row must say the same. */
  patience: z.int().min(1).max(MAX_PATIENCE).optional(),
  /** What an answer counts in a vote; absent: 1. */
  weight: Weight.optional(),
  /** The confidence of each token is recorded, also if no weight needs it. */
  confidence: z.boolean().optional(),
})
export type RunSettings = z.infer<typeof RunSettings>

/** A request for a run. Omitted settings take the model's default, else Braid's. */
export const RunRequest = z.object({
  problem: z.string().min(1).max(MAX_PROBLEM_CHARS),
  /** Path of a GGUF file; the bundled model if absent. */
  model: z.string().min(1).max(4096).optional(),
  /** The run that this problem follows up on, and the summary or path that answered it. */
  followUp: z.object({ run: z.string().max(128), segment: SegmentId }).optional(),
  /** The first version of this turn, if the turn is made again: another answer, or a changed question. */
  versionOf: z.string().max(128).optional(),
  /** The earlier turns, oldest first, of a client that keeps its own conversations; in place of `followUp`. */
  turns: z.array(Turn).max(MAX_TURNS).optional(),
  /** Name of the client that asks; absent for Braid itself. */
  client: z.string().min(1).max(64).optional(),
  settings: RunSettings.omit({ sampling: true, controls: true, engine: true }).partial().extend({
    sampling: Sampling.partial().optional(),
    controls: Controls.partial().optional(),
    engine: EngineOptions.partial().optional(),
  }),
})
export type RunRequest = z.infer<typeof RunRequest>
