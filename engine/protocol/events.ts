import { z } from 'zod'
import { BraidError, ERROR_CODES, type ErrorCode } from './errors.ts'
import { Answer, Token } from './tokens.ts'
import { EngineOptions, Fusion, MAX_PROBLEM_CHARS, RunSettings, VoteRule } from './request.ts'
import { Role, SegmentId, Source } from './segments.ts'
import { ERRORS, render, sentenceOf, type ErrorDetail, type WordParams } from './wording.ts'

export * from './commands.ts'
export * from './segments.ts'
export * from './tokens.ts'

/**
 * A run is its events. One event is one line of a transcript, one message to the UI and one line of
 * `braid solve --json`. Unknown fields are kept, so that newer transcripts stay readable. docs/transcript.md
 * describes them; format1.ts reads the events of format 1.
 */

export const FORMAT_VERSION = 2

/** Why a segment ended: by itself, at its budget, by the user, by the finish rule, ... `interrupted`: the engine died. */
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

const Params = z.record(z.string(), z.union([z.string(), z.number()]))

/** `detail` and `params` are worded by the reader (wording.ts); an error that nobody foresaw has a `message` instead. */
export const RunError = z.looseObject({
  code: z.string(),
  detail: z.string().optional(),
  params: Params.optional(),
  message: z.string().optional(),
})
export type RunError = z.infer<typeof RunError>

/** Returns an error as events hold it. */
export function runError({ code, message, detail }: BraidError): RunError {
  return detail === undefined ? { code, message } : { code, ...detail }
}

/** Returns an error in English. */
export function errorText({ code, detail, params, message }: RunError): string {
  const sentence = sentenceOf(ERRORS, detail)
  return sentence === undefined ? (message ?? code) : render(sentence, (params ?? {}) as WordParams)
}

/** Returns the error that an event or an answer holds, to be thrown; a code that this version does not know is `internal`. */
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

/** Where a model is: a file of this machine, or a name on a server. */
export const ModelAddress = z.union([
  z.looseObject({ file: z.string() }),
  z.looseObject({ server: z.string(), name: z.string() }),
])
export type ModelAddress = z.infer<typeof ModelAddress>

export const ModelRef = z.looseObject({
  address: ModelAddress,
  name: z.string(),
  /** Absent, as the next two are, where a server does not say. */
  architecture: z.string().optional(),
  sizeBytes: z.number().optional(),
  /**
   * sha256 of the header (metadata and tensor table), hex. It distinguishes models of other shapes, names, types or
   * vocabularies, not weights: checkpoints of one model, exported alike, share it.
   */
  headerSha256: z.string().optional(),
  /** Trained pairs of control tokens; 0: the model does not think in parallel natively. */
  nativePaths: z.int(),
  thoughtRows: z.int(),
  /** `parathinker.scope`: what the model was trained for. */
  scope: z.string().optional(),
})
export type ModelRef = z.infer<typeof ModelRef>

/** The model's file; undefined if it is on a server. */
export const fileOf = ({ address }: ModelRef): string | undefined =>
  'file' in address ? (address.file as string) : undefined

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
  /** All the run's work, without the time that it waited for other runs. */
  totalMs: z.number(),
})

/** Milliseconds since the run began. */
const at = { at: z.number() }
const segment = SegmentId
/** A group (1..runs) belongs to one summary. */
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
    /** Ids of the prompt that all paths share; absent where an engine does not tell them. */
    promptTokens: z.array(z.int()).optional(),
    /** How the run's own summaries read its paths. */
    fusion: Fusion,
    followUp: z.object({ run: z.string(), segment: SegmentId }).optional(),
    /** Name of the client that asked, where one gave a name. */
    client: z.string().optional(),
  }),
  z.looseObject({
    type: z.literal('segment-started'),
    ...at,
    segment,
    role: Role,
    /** The group that a path belongs to, or that a summary is of; a summary that was asked for later belongs to none. */
    group: group.optional(),
    source: Source,
    /** Row of the thought tables. */
    thought: z.int().min(0),
    seed: z.int(),
    /** Tokens that it may have, those that a branch keeps included. */
    budget: z.int().min(1),
    /** Token that a branch is forced to begin with, behind what it keeps. */
    forced: z.array(z.int().min(0)).optional(),
    /** The instruction that a summary was asked to follow, where it was not the usual one. */
    instruction: z.string().optional(),
  }),
  z.looseObject({ type: z.literal('tokens'), ...at, segment, tokens: z.array(Token) }),
  /** The segment got a new budget and thinks on. */
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
  /** Its cells are gone; no summary reads it. */
  z.looseObject({ type: z.literal('segment-dropped'), ...at, segment }),
  z.looseObject({
    type: z.literal('vote'),
    ...at,
    rule: VoteRule,
    /** Whose answers are counted. */
    over: z.enum(['paths', 'summaries']),
    classes: z.array(z.object({ answer: z.string().nullable(), members: z.array(SegmentId) })),
    /** Index into `classes`. A tie goes to the class with the lowest member. */
    winner: z.int().min(0),
    tie: z.boolean(),
    /** The member that a user chose; its class is the winner. */
    chosen: SegmentId.optional(),
  }),
  /** What kind of question this is, once it was decided. */
  z.looseObject({
    type: z.literal('question'),
    ...at,
    kind: z.enum(['value', 'text', 'code']),
  }),
  /** Something the user should know that is not an error; worded by the reader (wording.ts). */
  z.looseObject({ type: z.literal('notice'), ...at, code: z.string(), params: Params.optional() }),
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

type WithoutTime<E> = { [K in keyof E as K extends 'at' ? never : K]: E[K] }
/** An event before it has a time. */
export type EventDraft<T extends RunEvent['type'] = RunEvent['type']> = {
  [K in T]: WithoutTime<EventOf<K>>
}[T]
