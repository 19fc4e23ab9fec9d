import { z } from 'zod'
import { Answer, EndReason, pathId, summaryId, Timings, Token, Usage } from '../protocol/events.ts'
import type { EventOf, Part, RunEvent, SegmentId, Source } from '../protocol/events.ts'
import { MAX_KEPT, MAX_SEGMENTS } from '../protocol/limits.ts'
import {
  EngineOptions,
  Fusion,
  MAX_PROBLEM_CHARS,
  RunSettings,
  ValueRule,
} from '../protocol/request.ts'
import { shapeOf } from '../protocol/shapes.ts'
import { summarySeed } from '../strategies/index.ts'

/**
 * Reads transcripts of format 1, which Braid 0.1.0 wrote. Its events address a path by a number,
 * from 1 across the whole run, and a summary by path 0 and a version, from 1. `Format1` converts
 * these events to format 2 as they are read; nothing writes format 1.
 */

/** The largest number that an address in format 2 can hold. */
const MOST = 9_999_999
const number = z.int().min(1).max(MOST)
const at = { at: z.number() }
const fused = { version: number, paths: z.array(number).max(MAX_SEGMENTS), fusion: Fusion }
const Failure = z.object({ code: z.string(), message: z.string() })
const ended = { reason: EndReason, answer: Answer.nullable(), error: Failure.optional() }

export const Format1Event = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('run-started'),
    ...at,
    format: z.literal(1),
    run: z.string(),
    time: z.string(),
    problem: z.string().max(MAX_PROBLEM_CHARS),
    settings: RunSettings,
    model: z.looseObject({
      file: z.string(),
      name: z.string(),
      architecture: z.string(),
      sizeBytes: z.number(),
      headerSha256: z.string(),
      nativePaths: z.int(),
      thoughtRows: z.int(),
      scope: z.string().optional(),
    }),
    engine: z.object({
      version: z.string(),
      llama: z.string(),
      device: z.string(),
      options: EngineOptions,
    }),
    promptTokens: z.array(z.int()),
    fusion: Fusion,
    followUp: z.object({ run: z.string(), version: z.int().max(MOST) }).optional(),
  }),
  z.looseObject({
    type: z.literal('path-started'),
    ...at,
    path: number,
    group: z.int().min(1),
    thought: z.int().min(0),
    seed: z.int(),
    parent: z.object({ path: number, at: z.int().min(0) }).optional(),
  }),
  z.looseObject({
    type: z.literal('tokens'),
    ...at,
    /** 0 means a summary. */
    path: z.int().min(0).max(MOST),
    version: number.optional(),
    tokens: z.array(Token.required({ id: true })),
  }),
  z.looseObject({ type: z.literal('path-extended'), ...at, path: number, budget: z.int().min(1) }),
  z.looseObject({ type: z.literal('path-ended'), ...at, path: number, ...ended }),
  z.looseObject({ type: z.literal('path-dropped'), ...at, path: number }),
  z.looseObject({
    type: z.literal('joined'),
    ...at,
    ...fused,
    /** Tokens removed from the middle of paths that were too long to be read again completely. */
    cuts: z
      .array(z.object({ path: number, removed: z.int() }))
      .max(MAX_SEGMENTS)
      .optional(),
  }),
  z.looseObject({ type: z.literal('summary-started'), ...at, ...fused }),
  z.looseObject({ type: z.literal('summary-ended'), ...at, version: number, ...ended }),
  z.looseObject({
    type: z.literal('vote'),
    ...at,
    rule: ValueRule,
    /** Members are path numbers or summary versions. */
    over: z.enum(['paths', 'summaries']),
    classes: z.array(z.object({ answer: z.string().nullable(), members: z.array(number) })),
    winner: z.int().min(0),
    tie: z.boolean(),
    /** True if a user chose the winner. */
    override: z.boolean().optional(),
  }),
  z.looseObject({ type: z.literal('notice'), ...at, code: z.string(), message: z.string() }),
  z.looseObject({
    type: z.literal('run-ended'),
    ...at,
    reason: z.enum(['finished', 'stopped', 'cancelled']),
    answer: z.string().nullable(),
    usage: Usage,
    timings: Timings,
  }),
  z.looseObject({ type: z.literal('run-failed'), ...at, error: Failure }),
])
export type Format1Event = z.infer<typeof Format1Event>
type Of<T extends Format1Event['type']> = Extract<Format1Event, { type: T }>

/** Returns the address of what format 1 calls a path and a version; path 0 is a summary. */
export const segmentOf1 = (path: number, version = 1): SegmentId =>
  path > 0 ? pathId(path) : summaryId(version)

interface Path {
  group: number
  thought: number
  ids: number[]
}

/** The events would become far more in format 2, which repeats ids. */
export class TooLarge extends Error {}

/** Converts the events of one run, in order. Unknown fields are kept. */
export class Format1 {
  /** Ids that were repeated, for branches and for summaries that read paths again. */
  #repeated = 0
  #start: Of<'run-started'> | undefined
  readonly #paths = new Map<number, Path>()
  /** Versions that were joined but have not started. */
  readonly #joined = new Set<number>()
  /** True once the run has ended: segments that begin later were requested by a command. */
  #over = false
  /** A branch that is held back: the next event may give its budget. */
  #branch: EventOf<'segment-started'> | undefined

  /**
   * Returns the equivalent events of format 2. A branch is returned together with the event that
   * follows it. Throws `TooLarge`.
   */
  convert(event: Format1Event): RunEvent[] {
    const branch = this.#branch
    this.#branch = undefined
    if (event.type === 'path-extended' && branch?.segment === pathId(event.path))
      return [{ ...branch, budget: event.budget }]
    const before = branch === undefined ? [] : [branch]
    if (event.type === 'path-started' && event.parent !== undefined) {
      this.#branch = this.#path(event)
      return before
    }
    return [...before, ...this.#convert(event)]
  }

  /** Returns the branch that was still held back at the end of the transcript. */
  end(): RunEvent[] {
    return this.#branch === undefined ? [] : [this.#branch]
  }

  #convert(event: Format1Event): RunEvent[] {
    switch (event.type) {
      case 'run-started':
        this.#start = event
        return [start(event)]
      case 'path-started':
        return [this.#path(event)]
      case 'tokens': {
        const { path, version, ...rest } = event
        const ids = this.#paths.get(path)?.ids
        for (const { id } of event.tokens) ids?.push(id)
        return [{ ...rest, segment: segmentOf1(path, version) }]
      }
      case 'path-extended': {
        const { path, ...rest } = event
        return [{ ...rest, type: 'segment-extended', segment: pathId(path) }]
      }
      case 'path-ended': {
        const { path, ...rest } = event
        return [{ ...rest, type: 'segment-ended', segment: pathId(path) }]
      }
      case 'path-dropped': {
        const { path, ...rest } = event
        return [{ ...rest, type: 'segment-dropped', segment: pathId(path) }]
      }
      case 'joined':
        this.#joined.add(event.version)
        return [this.#summary(event)]
      case 'summary-started':
        return this.#joined.delete(event.version) ? [] : [this.#summary(event)]
      case 'summary-ended': {
        const { version, ...rest } = event
        return [{ ...rest, type: 'segment-ended', segment: summaryId(version) }]
      }
      case 'vote':
        return [vote(event)]
      case 'notice': {
        const { message, ...rest } = event
        return [{ ...rest, params: { message } }]
      }
      case 'run-ended':
      case 'run-failed':
        this.#over = true
        return [event]
    }
  }

  #path({ path, parent, ...rest }: Of<'path-started'>): EventOf<'segment-started'> {
    const { group, thought } = rest
    const kept = parent && this.#repeat(this.#paths.get(parent.path)?.ids ?? [], parent.at)
    this.#paths.set(path, { group, thought, ids: kept ?? [] })
    return {
      ...rest,
      type: 'segment-started',
      segment: pathId(path),
      role: 'path',
      source:
        parent === undefined
          ? { type: 'prompt' }
          : { type: 'branch', of: pathId(parent.path), at: parent.at },
      budget: this.#start?.settings.budget ?? 1,
    }
  }

  #summary(event: Of<'joined'> | Of<'summary-started'>): EventOf<'segment-started'> {
    const { version, paths, fusion, cuts, ...rest } = event as Of<'joined'>
    const { seed = 0, summaryBudget = 1 } = this.#start?.settings ?? {}
    return {
      ...rest,
      type: 'segment-started',
      segment: summaryId(version),
      role: 'summary',
      ...(this.#isOfGroup(version, paths) && { group: version }),
      source: this.#source(paths, fusion, cuts ?? []),
      thought: 0,
      seed: summarySeed(seed, version),
      budget: summaryBudget,
    }
  }

  /**
   * Returns whether the strategy wrote this summary, for the group with its number. Summaries of
   * commands have higher numbers.
   */
  #isOfGroup(version: number, paths: readonly number[]): boolean {
    if (this.#start === undefined || this.#over) return false
    const { groups, summaries } = shapeOf(this.#start.settings, this.#trained)
    return (
      summaries &&
      version <= groups &&
      paths.every((path) => this.#paths.get(path)?.group === version)
    )
  }

  get #trained(): boolean {
    return (this.#start?.model.nativePaths ?? 0) > 0
  }

  #source(
    paths: readonly number[],
    fusion: Fusion,
    cuts: readonly { path: number; removed: number }[],
  ): Source {
    const prompt: Part = { prompt: true }
    if (fusion === 'cache') {
      const parts = paths.map((path): Part => ({ segment: pathId(path) }))
      return { type: 'join', layout: 'shared', parts: [prompt, ...parts] }
    }
    const removedFrom = (path: number) => cuts.find((cut) => cut.path === path)?.removed ?? 0
    if (!this.#trained) {
      // The texts were tokenized again for a separate prompt, whose ids format 1 does not contain.
      const parts = paths.map((path) => textOf(path, [], removedFrom(path)))
      return { type: 'text', parts }
    }
    const parts = paths.map((path) => {
      const { ids = [], thought = 0 } = this.#paths.get(path) ?? {}
      const removed = removedFrom(path)
      return { ...textOf(path, withoutMiddle(this.#repeat(ids), removed), removed), thought }
    })
    return { type: 'join', layout: 'consecutive', parts: [prompt, ...parts] }
  }

  /** Returns a copy of the first ids, unless too many were copied already. */
  #repeat(ids: readonly number[], to = ids.length): number[] {
    this.#repeated += Math.min(ids.length, to)
    if (this.#repeated > MAX_KEPT)
      throw new TooLarge(`its branches and summaries repeat more than ${MAX_KEPT} tokens.`)
    return ids.slice(0, to)
  }
}

const textOf = (path: number, tokens: number[], removed: number): Part => ({
  tokens,
  of: pathId(path),
  ...(removed > 0 && { removed }),
})

/** Removes tokens from the middle as 0.1.0 did for paths that did not fit. */
function withoutMiddle(ids: number[], removed: number): number[] {
  if (removed <= 0) return ids
  const keep = Math.max(0, ids.length - Math.max(0, removed))
  const head = Math.ceil(keep / 2)
  return [...ids.slice(0, head), ...ids.slice(ids.length - (keep - head))]
}

function start({ model, followUp, ...rest }: Of<'run-started'>): RunEvent {
  const { file, ...ref } = model
  return {
    ...rest,
    format: 2,
    model: { address: { file }, ...ref },
    ...(followUp !== undefined && {
      followUp: { run: followUp.run, segment: summaryId(Math.max(1, followUp.version)) },
    }),
  }
}

function vote({ override, classes, ...rest }: Of<'vote'>): RunEvent {
  const idOf = rest.over === 'paths' ? pathId : summaryId
  const named = classes.map((one) => ({ ...one, members: one.members.map(idOf) }))
  const chosen = override === true ? named[rest.winner]?.members[0] : undefined
  return { ...rest, classes: named, ...(chosen !== undefined && { chosen }) }
}
