import { z } from 'zod'
import { EngineOptions, Fusion, MAX_PROBLEM_CHARS, RunSettings, VoteRule } from './request.ts'

/**
 * A run is its events. One event is one line of a transcript, one message to the UI and one
 * line of `braid solve --json`. Unknown fields are kept, so that newer transcripts stay readable.
 *
 * Paths are numbered 1..P over the whole run; path 0 stands for a summary. A summary has a version: in
 * `majority` and `parallel-majority` version v is the summary of group v, later versions come from
 * "summarise again".
 */

export const FORMAT_VERSION = 1

export const Alternative = z.object({ id: z.int(), text: z.string(), logprob: z.number() })
export type Alternative = z.infer<typeof Alternative>

/** One token. `logprob` (natural log, of the model's own distribution before the sampler) is null where none exists. */
export const Token = z.object({
  id: z.int(),
  /** Bytes of split characters are held back until whole: texts concatenate to valid text. */
  text: z.string(),
  logprob: z.number().nullable(),
  /** Of the same distribution, in nats. */
  entropy: z.number().nullable(),
  alternatives: z.array(Alternative).optional(),
  /** Set by the engine, not sampled. */
  forced: z.boolean().optional(),
})
export type Token = z.infer<typeof Token>

/** An answer and where its text stands: [start, end) in UTF-16 units of the path's or summary's text. */
export const Answer = z.object({
  text: z.string(),
  span: z.tuple([z.int(), z.int()]),
  /** What found it. */
  kind: z.enum(['boxed', 'final-answer', 'json', 'last-number', 'whole']),
})
export type Answer = z.infer<typeof Answer>

export const PathEndReason = z.enum([
  'finished',
  'budget',
  'stopped',
  'cut',
  'dropped',
  'overflow',
  'failed',
  'cancelled',
])
export type PathEndReason = z.infer<typeof PathEndReason>

export const RunError = z.object({ code: z.string(), message: z.string() })
export type RunError = z.infer<typeof RunError>

export const ModelRef = z.object({
  file: z.string(),
  name: z.string(),
  architecture: z.string(),
  sizeBytes: z.number(),
  /**
   * sha256 of the header (metadata and tensor table), hex. It tells models of other shapes, names, types or vocabularies apart,
   * not weights: checkpoints of one model, exported alike, share it.
   */
  headerSha256: z.string(),
  /** Trained pairs of control tokens; 0: the model does not think in parallel natively. */
  nativePaths: z.int(),
  thoughtRows: z.int(),
  /** `parathinker.scope`: what the model was trained for. */
  scope: z.string().optional(),
})
export type ModelRef = z.infer<typeof ModelRef>

/** Token counts and times of a run; times in milliseconds of wall clock. */
export const Usage = z.object({
  promptTokens: z.int(),
  pathTokens: z.int(),
  summaryTokens: z.int(),
  /** Bytes of KV cells in use at the end, and cells of the context. */
  kvBytes: z.number(),
  cells: z.int(),
})
export const Timings = z.object({
  loadMs: z.number(),
  prefillMs: z.number(),
  pathsMs: z.number(),
  joinMs: z.number(),
  summaryMs: z.number(),
  /** Of all the run's work; waiting for other runs is not in it. */
  totalMs: z.number(),
})

/** Milliseconds since the run began. */
const at = { at: z.number() }
const path = z.int().min(1)
const version = z.int().min(1)

export const RunEvent = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('run-started'),
    ...at,
    format: z.literal(FORMAT_VERSION),
    run: z.string(),
    /** ISO 8601, UTC. */
    time: z.string(),
    problem: z.string().max(MAX_PROBLEM_CHARS),
    settings: RunSettings,
    model: ModelRef,
    engine: z.object({
      version: z.string(),
      llama: z.string(),
      device: z.string(),
      options: EngineOptions,
    }),
    /** Ids of the prompt, shared by all paths. */
    promptTokens: z.array(z.int()),
    fusion: Fusion,
    followUp: z.object({ run: z.string(), version: z.int() }).optional(),
  }),
  z.looseObject({
    type: z.literal('path-started'),
    ...at,
    path,
    /** Group (1..runs) whose summary reads this path. */
    group: z.int().min(1),
    /** Row of the thought tables. */
    thought: z.int().min(0),
    seed: z.int(),
    /** Branched from the first `at` tokens of this path. */
    parent: z.object({ path: z.int().min(1), at: z.int().min(0) }).optional(),
  }),
  z.looseObject({
    type: z.literal('tokens'),
    ...at,
    path: z.int().min(0),
    /** With path 0: the summary's version. */
    version: version.optional(),
    tokens: z.array(Token),
  }),
  /** The path got a new budget and thinks on. */
  z.looseObject({ type: z.literal('path-extended'), ...at, path, budget: z.int().min(1) }),
  z.looseObject({
    type: z.literal('path-ended'),
    ...at,
    path,
    reason: PathEndReason,
    answer: Answer.nullable(),
    error: RunError.optional(),
  }),
  z.looseObject({ type: z.literal('path-dropped'), ...at, path }),
  z.looseObject({
    type: z.literal('joined'),
    ...at,
    version,
    paths: z.array(path),
    fusion: Fusion,
    /** Paths too long to be re-read whole: tokens cut from their middle. */
    cuts: z.array(z.object({ path, removed: z.int() })).optional(),
  }),
  z.looseObject({
    type: z.literal('summary-started'),
    ...at,
    version,
    paths: z.array(path),
    fusion: Fusion,
  }),
  z.looseObject({
    type: z.literal('summary-ended'),
    ...at,
    version,
    reason: PathEndReason,
    answer: Answer.nullable(),
    error: RunError.optional(),
  }),
  z.looseObject({
    type: z.literal('vote'),
    ...at,
    rule: VoteRule,
    /** Whose answers are counted: path numbers, or summary versions. */
    over: z.enum(['paths', 'summaries']),
    classes: z.array(z.object({ answer: z.string().nullable(), members: z.array(z.int()) })),
    /** Index into `classes`. A tie goes to the class with the lowest member. */
    winner: z.int().min(0),
    tie: z.boolean(),
    /** Chosen by hand. */
    override: z.boolean().optional(),
  }),
  /** Something the user should know that is no error. */
  z.looseObject({ type: z.literal('notice'), ...at, code: z.string(), message: z.string() }),
  /** The run is over for now. Later commands may add events and a second `run-ended`. */
  z.looseObject({
    type: z.literal('run-ended'),
    ...at,
    reason: z.enum(['finished', 'stopped', 'cancelled']),
    answer: z.string().nullable(),
    usage: Usage,
    timings: Timings,
  }),
  z.looseObject({ type: z.literal('run-failed'), ...at, error: RunError }),
])
export type RunEvent = z.infer<typeof RunEvent>
export type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

/** What a user may tell a run, while it thinks or afterwards. */
export const RunCommand = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stop'), path }),
  z.object({ type: z.literal('drop'), path }),
  /** More tokens for a path that did not come to an end by itself: it thinks on, then waits for `summarise`. */
  z.object({
    type: z.literal('extend'),
    path,
    tokens: z
      .int()
      .min(1)
      .max(1 << 20),
  }),
  /** A new path that keeps the first `at` tokens of `path`, then `token` if given, then thinks on. */
  z.object({
    type: z.literal('branch'),
    path,
    at: z.int().min(1),
    token: z.int().min(0).optional(),
  }),
  /** Ends the paths that still think, and writes a summary of them all or of `paths`: a new version. */
  z.object({
    type: z.literal('summarise'),
    paths: z.array(path).min(1).optional(),
    fusion: Fusion.optional(),
  }),
  /** Ends every path and goes on to the summary no more. */
  z.object({ type: z.literal('stop-all') }),
  /** A class of the vote chosen by hand. */
  z.object({ type: z.literal('override-vote'), winner: z.int().min(0) }),
  z.object({ type: z.literal('cancel') }),
])
export type RunCommand = z.infer<typeof RunCommand>
