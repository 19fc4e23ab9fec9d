import { z } from 'zod'
import { serverAddress } from './address.ts'
import { Capabilities } from './capabilities.ts'
import { MAX_SEGMENTS } from './limits.ts'
import { BraidError, ERROR_CODES, type ErrorCode } from './errors.ts'
import { ForkMarks } from './forks.ts'
import { Agreement } from './programs.ts'
import { Answer, Token } from './tokens.ts'
import {
  EngineOptions,
  Fusion,
  MAX_PROBLEM_CHARS,
  QuestionKind,
  RunSettings,
  Turn,
  ValueRule,
  Weight,
} from './request.ts'
import { Role, SegmentId, Source } from './segments.ts'
import { ThoughtMarkers } from './thoughts.ts'
import { ERRORS, render, sentenceOf, type ErrorDetail, type WordParams } from './wording.ts'

export * from './commands.ts'
export * from './segments.ts'
export * from './tokens.ts'

/**
 * The events of a run. Each event is one line of a transcript, one message to the UI and one line
 * of `braid solve --json`. Unknown fields are kept, so newer transcripts stay readable.
 * docs/transcript.md describes the events; format1.ts reads those of format 1.
 */

export const FORMAT_VERSION = 2

/**
 * Why a segment ended. `cut`: by the finish rule or a summary; `overflow`: no cells left;
 * `interrupted`: the engine died.
 */
export const EndReason = z.enum([
  'finished',
  'budget',
  'stopped',
  'cut',
  'dropped',
  'overflow',
  'failed',
  'cancelled',
  'interrupted',
])
export type EndReason = z.infer<typeof EndReason>

export const Params = z.record(z.string(), z.union([z.string(), z.number()]))

/**
 * The reader words `detail` and `params` (wording.ts); an unexpected error has a `message` instead.
 */
export const RunError = z.looseObject({
  code: z.string(),
  detail: z.string().optional(),
  params: Params.optional(),
  message: z.string().optional(),
})
export type RunError = z.infer<typeof RunError>

/** Returns an error in the form that events hold. */
export function runError({ code, message, detail }: BraidError): RunError {
  return detail === undefined ? { code, message } : { code, ...detail }
}

/** Returns the English text of an error. */
export function errorText({ code, detail, params, message }: RunError): string {
  const sentence = sentenceOf(ERRORS, detail)
  return sentence === undefined ? (message ?? code) : render(sentence, (params ?? {}) as WordParams)
}

/**
 * Returns an error of an event or a result, ready to throw; a code that this version does not know
 * becomes `internal`.
 */
export function thrownError(error: RunError): BraidError {
  const { code, detail, params = {} } = error
  const known = (ERROR_CODES as readonly string[]).includes(code)
  const worded = sentenceOf(ERRORS, detail) !== undefined
  return new BraidError(
    known ? (code as ErrorCode) : 'internal',
    errorText(error),
    worded ? { detail: { detail: detail as ErrorDetail, params: params as WordParams } } : {},
  )
}

/** Where a model is: a file on this machine, or a name on a server. */
export const ModelAddress = z.union([
  z.looseObject({ file: z.string() }),
  z.looseObject({ server: z.string(), name: z.string() }),
])
export type ModelAddress = z.infer<typeof ModelAddress>

export const ModelRef = z.looseObject({
  address: ModelAddress,
  name: z.string(),
  /** This and the next two fields are absent if a server does not report them. */
  architecture: z.string().optional(),
  sizeBytes: z.number().optional(),
  /**
   * sha256 of the header (metadata and tensor table), in hex. It distinguishes models of different
   * shapes, names, types or vocabularies, but not of different weights: checkpoints of one model
   * that were exported alike share it.
   */
  headerSha256: z.string().optional(),
  /** Trained pairs of control tokens; 0: the model does not think in parallel natively. */
  nativePaths: z.int(),
  thoughtRows: z.int(),
  /** The marks by which the model forks its own text; absent if it has none. */
  forks: ForkMarks.optional(),
  /** `parathinker.scope`: what the model was trained for. */
  scope: z.string().optional(),
  /** What the server can do that has the model; absent for a model in a file. */
  capabilities: Capabilities.optional(),
})
export type ModelRef = z.infer<typeof ModelRef>

/** Returns what a request names the model by: its file, or its address on a server (address.ts). */
export const placeOf = ({ address }: ModelRef): string =>
  'file' in address
    ? (address.file as string)
    : serverAddress(address as { server: string; name: string })

/** Returns the model's file; undefined if the model is on a server. */
export const fileOf = ({ address }: ModelRef): string | undefined =>
  'file' in address ? (address.file as string) : undefined

/** Token counts and memory of a run. */
export const Usage = z.object({
  promptTokens: z.int(),
  pathTokens: z.int(),
  summaryTokens: z.int(),
  /** Absent if there was no probe. */
  probeTokens: z.int().optional(),
  /** Absent if nothing was judged. */
  judgeTokens: z.int().optional(),
  /** Bytes of the KV cells in use at the end. */
  kvBytes: z.number(),
  /** Cells of the context. */
  cells: z.int(),
})
/** Wall-clock times of a run, in milliseconds. */
export const Timings = z.object({
  loadMs: z.number(),
  prefillMs: z.number(),
  pathsMs: z.number(),
  joinMs: z.number(),
  summaryMs: z.number(),
  /** Asking for calls, and running programs; absent if nothing of that was done. */
  probeMs: z.number().optional(),
  /** Judging, in rounds; absent if nothing was judged. */
  judgeMs: z.number().optional(),
  programsMs: z.number().optional(),
  /** All of the run's work, excluding the time it waited for other runs. */
  totalMs: z.number(),
})

/** Milliseconds since the run began. */
const at = { at: z.number() }
const segment = SegmentId
/** Number of a group, 1..runs. Each group has its own summary. */
const group = z.int().min(1)

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
    /** Ids of the prompt that all paths share; absent if the engine does not report them. */
    promptTokens: z.array(z.int()).optional(),
    /** How many positions the model was trained for, YaRN included; absent if that is not known. */
    positions: z.int().min(1).optional(),
    /** How the run's own summaries read its paths. */
    fusion: Fusion,
    followUp: z.object({ run: z.string(), segment: SegmentId }).optional(),
    /** The first version of this turn, if it was made again. */
    versionOf: z.string().optional(),
    /** How the model marks what it thinks before it answers; absent if it is not known to. */
    thought: ThoughtMarkers.optional(),
    /** The earlier turns that the request brought along; absent if it brought none. */
    turns: z.array(Turn).optional(),
    /** Name of the client that made the request, if it gave one. */
    client: z.string().optional(),
  }),
  z.looseObject({
    type: z.literal('segment-started'),
    ...at,
    segment,
    role: Role,
    /** The group of a path or of its summary, or the round of a judge. A summary that was requested later has no group. */
    group: group.optional(),
    source: Source,
    /** Row of the thought tables. */
    thought: z.int().min(0),
    seed: z.int(),
    /** The most tokens that the segment may have, including those that a branch keeps. */
    budget: z.int().min(1),
    /** Tokens that a path is forced to begin with, after those that a branch keeps. */
    forced: z.array(z.int().min(0)).optional(),
    /** Number of the entry of its parent's plan that a path was opened for (forks.ts). */
    entry: z.string().max(64).optional(),
    /** What a summary was asked to do with its paths; absent if a control token asks for it. */
    instruction: z.string().optional(),
  }),
  z.looseObject({ type: z.literal('tokens'), ...at, segment, tokens: z.array(Token) }),
  /** The segment has a new budget and continues. */
  z.looseObject({
    type: z.literal('segment-extended'),
    ...at,
    segment,
    budget: z.int().min(1),
  }),
  z.looseObject({
    type: z.literal('segment-ended'),
    ...at,
    segment,
    reason: EndReason,
    answer: Answer.nullable(),
    error: RunError.optional(),
  }),
  /**
   * The segment's cells are freed, and no summary reads it. A later `segment-ended` or
   * `segment-extended` takes it back.
   */
  z.looseObject({ type: z.literal('segment-dropped'), ...at, segment }),
  z.looseObject({
    type: z.literal('vote'),
    ...at,
    rule: ValueRule,
    /** Whose answers are counted; `judges`: each class has the points that judges gave it as its `weight`. */
    over: z.enum(['paths', 'summaries', 'judges']),
    /** What an answer counts; absent: 1. */
    weight: Weight.optional(),
    classes: z
      .array(
        z.object({
          answer: z.string().nullable(),
          members: z.array(SegmentId).max(MAX_SEGMENTS),
          /** What the members count together; their mean over the whole vote is 1. */
          weight: z.number().optional(),
        }),
      )
      .max(MAX_SEGMENTS),
    /** Index into `classes`. A tie goes to the class with the lowest member; of judges, by their rule (tournament.ts). */
    winner: z.int().min(0),
    tie: z.boolean(),
    /** The member that the user chose; its class is the winner. */
    chosen: SegmentId.optional(),
  }),
  /** Programs were compared by what they return. The latest one counts. */
  z.looseObject({
    type: z.literal('agreement'),
    ...at,
    /** The segments that the programs are from, in order. */
    of: z.array(SegmentId).max(MAX_SEGMENTS),
    /** The segment that was asked for calls. */
    probe: SegmentId.optional(),
    ...Agreement.shape,
    /** The segment whose program the user chose. */
    chosen: SegmentId.optional(),
    /** Why the programs could not be run. */
    error: RunError.optional(),
  }),
  /** A path was asked for its answer on the way: forced tokens behind its first ones (docs/strategies.md). */
  z.looseObject({
    type: z.literal('probe'),
    ...at,
    segment,
    /** How many of the path's tokens the probe read. */
    after: z.int().min(0),
    answer: z.string().nullable(),
    /** Tokens that were decoded for the probe. */
    tokens: z.int().min(0),
  }),
  /** The kind of question, once it is decided or the user chose it. */
  z.looseObject({ type: z.literal('question'), ...at, kind: QuestionKind }),
  /**
   * Something that the user should know but that is not an error; the reader words it (wording.ts).
   */
  z.looseObject({ type: z.literal('notice'), ...at, code: z.string(), params: Params.optional() }),
  /** The run has ended. Later commands may add events and another `run-ended`. */
  z.looseObject({
    type: z.literal('run-ended'),
    ...at,
    reason: z.enum(['finished', 'stopped', 'cancelled']),
    answer: z.string().nullable(),
    usage: Usage,
    timings: Timings,
  }),
  z.looseObject({ type: z.literal('run-failed'), ...at, error: RunError }),
  /** A command gave the run more to do after its end, or after an interruption. */
  z.looseObject({ type: z.literal('run-resumed'), ...at }),
])
export type RunEvent = z.infer<typeof RunEvent>
export type EventOf<T extends RunEvent['type']> = Extract<RunEvent, { type: T }>

type WithoutTime<E> = { [K in keyof E as K extends 'at' ? never : K]: E[K] }
/** An event without its time. */
export type EventDraft<T extends RunEvent['type'] = RunEvent['type']> = {
  [K in T]: WithoutTime<EventOf<K>>
}[T]
