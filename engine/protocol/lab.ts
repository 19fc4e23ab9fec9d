import { z } from 'zod'
import { RunError } from './events.ts'
import { file } from './models.ts'
import {
  FinishRule,
  Fusion,
  MAX_BUDGET,
  MAX_PATHS,
  RunRequest,
  Strategy,
  ValueRule,
} from './request.ts'

/**
 * Experiments: what is asked for, what happens, and what a window shows of them. `engine/lab` runs
 * them, the command line prints their events, and the host keeps and pushes them.
 */

/** What counts as a text's answer: only what it states, or else its last number. */
export const AnswerRule = z.enum(['stated', 'last-number'])
export type AnswerRule = z.infer<typeof AnswerRule>

/** Asks an ordinary model for an answer that can be found and compared. */
export const SUFFIX = '\n\nPlease reason step by step, and put your final answer within \\boxed{}.'

/** The fields of a problem set; absent ones are found by their usual names. */
export const LabFields = z.object({
  /** Field of the problem's text; default: `problem`, else `question`. */
  problem: z.string().min(1).max(256).optional(),
  /**
   * Field of the answer; default: `numbers` and `target` if a line has both, else the first of
   * `answer`, `final_answer`, `answerKey`, `correct` and `solution`.
   */
  answer: z.string().min(1).max(256).optional(),
})
export type LabFields = z.infer<typeof LabFields>

const Paths = z.int().min(1).max(MAX_PATHS)
const Budget = z.int().min(1).max(MAX_BUDGET)
const widths = z.array(Paths).min(1).max(32)
const budgets = z.array(Budget).min(1).max(32)

/** What an experiment compares. Absent paths and budgets are the model's defaults. */
export const LabPlan = z.discriminatedUnion('kind', [
  /** Accuracy over strategies, numbers of paths and budgets. */
  z.object({
    kind: z.literal('eval'),
    strategies: z.array(Strategy).min(1).max(Strategy.options.length),
    /** Default: powers of two up to the model's default. */
    paths: widths.optional(),
    budgets: budgets.optional(),
    /** Budgets of `sequential`, such as paths times budget; default: `budgets`. */
    sequentialBudgets: budgets.optional(),
    votes: z.array(ValueRule).max(ValueRule.options.length),
  }),
  /** How paths recover from a wrong beginning of this many tokens, alone and beside free paths. */
  z.object({
    kind: z.literal('tunnel'),
    prefixes: z.array(z.int().min(0).max(MAX_BUDGET)).min(1).max(32),
    paths: Paths.optional(),
    budget: Budget.optional(),
  }),
  /** What each part of native parallel thinking contributes. */
  z.object({ kind: z.literal('ablate'), paths: widths.optional(), budgets: budgets.optional() }),
  /** Paths that are recorded once, and what a vote and each way of merging make of the same ones. */
  z.object({
    kind: z.literal('bank'),
    paths: widths,
    budget: Budget.optional(),
    fusions: z.array(Fusion).min(1).max(Fusion.options.length),
  }),
])
export type LabPlan = z.infer<typeof LabPlan>
export type PlanOf<K extends LabPlan['kind']> = Extract<LabPlan, { kind: K }>

export const LabSpec = z.object({
  model: file,
  /** The file of the problem set. */
  data: file,
  fields: LabFields,
  /** Number of problems to take from the start of the file; absent: all. */
  limit: z.int().min(1).max(100_000_000).optional(),
  /** Runs per problem. */
  samples: z.int().min(1).max(100_000),
  answer: AnswerRule,
  /** Text that follows each problem. */
  suffix: z.string().max(10_000).optional(),
  /** Settings that all runs share, applied over the model's defaults. `seed` is the experiment's. */
  settings: RunRequest.shape.settings,
  /** Runs at once; 1: each alone, for the same tokens every time. */
  jobs: z.int().min(1).max(256),
  /**
   * `unit`: all runs of a row, then the next row. `problem`: all rows of a problem, then the next
   * problem, so that rows can be compared at any time.
   */
  order: z.enum(['unit', 'problem']),
  plan: LabPlan,
})
export type LabSpec = z.infer<typeof LabSpec>

/** Right answers of one cell against those of another on the same problems and seeds. */
export const LabGain = z.object({
  /** The unit that the cell is compared with. */
  against: z.string(),
  /** Difference of the shares, -1..1, and its 95 % interval. */
  difference: z.number(),
  low: z.number(),
  high: z.number(),
  /** Runs that both have, and how many of them each got right. */
  n: z.int(),
  right: z.int(),
  rightAgainst: z.int(),
})
export type LabGain = z.infer<typeof LabGain>

/**
 * One row of results.json. Shares are 0..1, times are in milliseconds and memory is in bytes; token
 * counts are means per run.
 */
export const LabCell = z.object({
  strategy: Strategy,
  paths: Paths,
  budget: Budget,
  /** The vote rule; null if the strategy does not vote. */
  vote: ValueRule.nullable(),
  n: z.int(),
  correct: z.int(),
  accuracy: z.number(),
  /** Wilson interval at 95 %. Several samples of one problem count as fewer (`effectiveSize`). */
  low: z.number(),
  high: z.number(),
  /** Name of the row in an ablation or tunnel table. */
  variant: z.string().optional(),
  /** Number of tokens of a wrong path that path 1 started with. */
  prefix: z.int().optional(),
  runs: z.int(),
  finish: FinishRule,
  problems: z.int(),
  /** Number of failed runs; they count as wrong. */
  failed: z.int(),
  /** Share of runs in which at least one path (or one voter) had a right answer of its own. */
  anyPath: z.number(),
  pathTokens: z.number(),
  summaryTokens: z.number(),
  /** Tokens per run: prompt, paths and summary. */
  tokens: z.number(),
  medianMs: z.number(),
  meanMs: z.number(),
  peakKvBytes: z.number(),
  /** The unit whose samples these are. */
  unit: z.string(),
  /** Against the row that a reader compares with: one path, or the ablation's first row. */
  gain: LabGain.optional(),
})
export type LabCell = z.infer<typeof LabCell>

/** The problems that cannot be scored, because their reference is not a short answer. */
export const Unscored = z.object({
  count: z.int(),
  of: z.int(),
  /** The first ten of them, numbered from 1. */
  first: z.array(z.int()),
})
export type Unscored = z.infer<typeof Unscored>

const progress = { done: z.int(), wanted: z.int(), cells: z.array(LabCell) }

/** What happens in an experiment, in this order. A stop or an error ends the events with an error. */
export const LabEvent = z.discriminatedUnion('type', [
  /** Model and problems were read. */
  z.object({ type: z.literal('opened'), model: z.string(), unscored: Unscored }),
  /** Tunnel only: runs of one path that are made to find wrong ones. */
  z.object({ type: z.literal('searching'), runs: z.int() }),
  /** Tunnel only: how many of the paths alone went wrong and have `least` tokens or more. */
  z.object({ type: z.literal('searched'), usable: z.int(), of: z.int(), least: z.int() }),
  /** The runs begin; `done` were made before. */
  z.object({ type: z.literal('began'), ...progress }),
  /** A run was scored. `msLeft` is an estimate. */
  z.object({ type: z.literal('sample'), unit: z.string(), msLeft: z.number(), ...progress }),
  /** The results are written, also if the experiment was stopped or failed. */
  z.object({
    type: z.literal('written'),
    files: z.object({ json: z.string(), csv: z.string(), report: z.string() }),
    ...progress,
  }),
])
export type LabEvent = z.infer<typeof LabEvent>

/** An experiment as a list shows it. */
export const Experiment = z.object({
  id: z.string(),
  title: z.string(),
  /** ISO 8601. */
  time: z.string(),
  spec: LabSpec,
  /**
   * `waiting`: another experiment is at work. `paused` and `failed` can be resumed; `cancelled` is
   * over, and keeps what was made.
   */
  state: z.enum(['waiting', 'running', 'paused', 'done', 'failed', 'cancelled']),
  model: z.string(),
  unscored: Unscored.nullable(),
  /** Runs that are made to find wrong paths; null if none are being made. */
  searching: z.int().nullable(),
  done: z.int(),
  /** 0 until the experiment is opened. */
  wanted: z.int(),
  msLeft: z.number().nullable(),
  cells: z.array(LabCell),
  /** For `failed`, and for `paused` if the user did not ask for it. */
  error: RunError.optional(),
})
export type Experiment = z.infer<typeof Experiment>

/** Returns the experiment after an event. */
export function foldLab(experiment: Experiment, event: LabEvent): Experiment {
  switch (event.type) {
    case 'opened':
      return { ...experiment, model: event.model, unscored: event.unscored }
    case 'searching':
      return { ...experiment, searching: event.runs }
    case 'searched':
      return { ...experiment, searching: null }
    case 'began':
    case 'written': {
      const { done, wanted, cells } = event
      return { ...experiment, searching: null, done, wanted, cells, msLeft: null }
    }
    case 'sample': {
      const { done, wanted, cells, msLeft } = event
      return { ...experiment, done, wanted, cells, msLeft }
    }
  }
}

const RUN = /^(lab-\d{8}-\d{6}-[0-9a-f]{6})-[0-9a-z-]+$/

/**
 * Returns the experiment that a run belongs to, which its name says; null for other runs. Runs of
 * experiments are ordinary transcripts in a folder of their own and are not in the history.
 */
export const experimentOf = (run: string): string | null => RUN.exec(run)?.[1] ?? null

/** One run behind a cell. */
export const LabRun = z.object({
  /** The transcript; null if it was not kept, as by the command line. */
  run: z.string().nullable(),
  /** Position in the problem set, from 0. */
  problem: z.int(),
  sample: z.int(),
  text: z.string(),
  expected: z.string(),
  answer: z.string().nullable(),
  correct: z.boolean(),
  /** Some path had a right answer of its own. */
  anyPath: z.boolean(),
  tokens: z.int(),
  ms: z.number(),
  error: RunError.optional(),
})
export type LabRun = z.infer<typeof LabRun>

/** What a file of problems holds. */
export const LabSet = z.object({
  file,
  name: z.string(),
  problems: z.int(),
  /** All fields of the first problem, and the two that are read. */
  found: z.array(z.string()),
  problemField: z.string(),
  answerField: z.string(),
  unscored: Unscored,
  samples: z.array(
    z.object({
      /** Position in the file, from 0. */
      problem: z.int(),
      text: z.string(),
      /** The short answer that was found in the reference; null if there is none. */
      expected: z.string().nullable(),
      /** A text that states this answer is judged right, and one that states another is judged wrong. */
      scores: z.boolean(),
    }),
  ),
})
export type LabSet = z.infer<typeof LabSet>

/** What an experiment costs at most: if every path and summary uses its whole budget. */
export const LabEstimate = z.object({
  runs: z.int(),
  tokens: z.number(),
  /** null until this machine's speed is known. */
  ms: z.number().nullable(),
  /** Measured on this machine: tokens per second, all paths together. */
  speeds: z.array(z.object({ paths: z.int(), tokensPerSecond: z.number() })),
})
export type LabEstimate = z.infer<typeof LabEstimate>
