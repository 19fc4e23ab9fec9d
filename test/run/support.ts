import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll } from 'vitest'
import { loadAddon, type NativeModel } from '../../engine/native/load.ts'
import type { ScoreResult } from '../../engine/measure/index.ts'
import {
  errorText,
  type CommandResult,
  type RunCommand,
  type RunEvent,
  type SegmentId,
} from '../../engine/protocol/events.ts'
import { foldRun, segmentOf, type RunState, type Segment } from '../../engine/protocol/fold.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import {
  Engine,
  type RunHandle,
  type RunPrograms,
  type ThinkOptions,
} from '../../engine/run/index.ts'
import { tinyModel, writeTiny, type TinyModel, type TinyOptions } from '../support/tiny-models.ts'

export type Settings = RunRequest['settings']

/** Exact enough that a decode step and a prefill of the same tokens agree closely. */
export const EXACT = { device: 'cpu', threads: 1, kvType: 'f32', flashAttention: 'off' } as const

const engines: Engine[] = []
const files: string[] = []
afterAll(async () => {
  for (const engine of engines) await engine.close()
  for (const file of files) rmSync(dirname(file), { recursive: true })
})

/** Opens an engine that is closed, and whose model files are removed, at the end of the test file. */
export function newEngine(jobs = 1, runPrograms?: RunPrograms): Engine {
  const engine = new Engine({
    addon: loadAddon({ gpu: false }),
    version: 'test',
    jobs,
    ...(runPrograms !== undefined && { runPrograms }),
  })
  engines.push(engine)
  return engine
}

export function tinyFile(options: Partial<TinyOptions> = {}): { model: TinyModel; file: string } {
  const model = tinyModel({ shape: 'qwen2', ...options })
  const file = writeTiny(model)
  files.push(file)
  return { model, file }
}

export const idsOf = ({ tokens }: Pick<Segment, 'tokens'>): number[] =>
  tokens.slice().map(({ id }) => id!)

/** A run that a test watches: its events so far, and waits for later ones. */
export class Watched {
  readonly events: RunEvent[]
  readonly #before: number
  readonly #read: Promise<void>
  #wake = new Set<() => void>()

  constructor(
    readonly handle: RunHandle,
    before: readonly RunEvent[] = [],
  ) {
    this.events = [...before]
    this.#before = before.length
    this.#read = this.#readAll()
  }

  get state(): RunState {
    return foldRun(this.events)
  }

  get added(): RunEvent[] {
    return this.events.slice(this.#before)
  }

  /** Returns the code and English text of the error that the run failed with. */
  get failure(): { code: string; text: string } | null {
    const { error } = this.state
    return error === null ? null : { code: error.code, text: errorText(error) }
  }

  segment(segment: SegmentId): Segment {
    return segmentOf(this.state, segment)!
  }

  ids(segment: SegmentId): number[] {
    return idsOf(this.segment(segment))
  }

  async until(done: (event: RunEvent, run: Watched) => boolean): Promise<this> {
    let seen = 0
    for (;;) {
      for (; seen < this.events.length; seen++) {
        const event = this.events[seen]!
        if (done(event, this)) return this
        if (event.type === 'run-failed' && seen >= this.#before)
          throw new Error(`The run failed: ${event.error.code}: ${errorText(event.error)}`)
      }
      await new Promise<void>((resolve) => this.#wake.add(resolve))
    }
  }

  /** Waits for the n-th end of this run (counted over all events). */
  async end(n = 1): Promise<this> {
    let ends = 0
    return this.until(
      (event) => (event.type === 'run-ended' || event.type === 'run-failed') && ++ends === n,
    )
  }

  /** Sends a command to a run that has ended and waits until it ends again. */
  async after(command: RunCommand): Promise<CommandResult> {
    const ends = this.events.filter(
      ({ type }) => type === 'run-ended' || type === 'run-failed',
    ).length
    const result = await this.handle.command(command)
    await this.end(ends + 1)
    return result
  }

  /** Closes the handle; afterwards, every event of the run has arrived. */
  async close(): Promise<this> {
    await this.handle.close()
    await this.#read
    return this
  }

  async #readAll(): Promise<void> {
    for await (const event of this.handle.events) {
      this.events.push(event)
      for (const wake of this.#wake) wake()
      this.#wake = new Set()
    }
  }
}

export const start = (
  engine: Engine,
  model: string,
  problem: string,
  settings: Settings,
  options?: ThinkOptions,
): Watched =>
  new Watched(
    engine.think(
      { problem, model, settings: { ...settings, engine: { ...EXACT, ...settings.engine } } },
      options,
    ),
  )

export const solve = (...args: Parameters<typeof start>): Promise<Watched> => start(...args).end()

/** What a summary with the layout `consecutive` read, in turn. */
export function readInTurn(run: Watched, summary: SegmentId) {
  const { source } = run.segment(summary)
  if (source.type !== 'join' || source.layout !== 'consecutive')
    throw new Error(`${summary} is a ${source.type}`)
  const { promptTokens } = run.state
  const prompt = source.parts.find((part) => 'prompt' in part)
  return {
    keep: (prompt?.to as number | undefined) ?? (prompt ? promptTokens.length : 0),
    /** One per path, and the words before the summary. */
    separators: source.parts.flatMap((part) => ('tokens' in part ? [part.tokens as number[]] : [])),
    parts: source.parts.flatMap((part) => {
      if (!('segment' in part)) return []
      const segment = part.segment as SegmentId
      return [{ segment, from: (part.from as number | undefined) ?? 0, to: part.to as number }]
    }),
  }
}

/** Scores the same tokens from scratch: every logprob of a run must agree with the result. */
export function rescore(
  engine: Engine,
  model: string,
  run: Watched,
  summary: SegmentId,
): Promise<ScoreResult> {
  const { promptTokens, settings } = run.state
  if (isConsecutive(run.segment(summary))) return rescoreInTurn(engine, model, run, summary)
  return engine.score(
    {
      prompt: [...promptTokens],
      paths: run
        .segment(summary)
        .reads.map((path) => ({ thought: run.segment(path).thought, tokens: run.ids(path) })),
      summary: run.ids(summary),
    },
    { model, engine: EXACT, budget: settings!.budget },
  )
}

export const isConsecutive = ({ source }: Segment): boolean =>
  source.type === 'join' &&
  source.layout === 'consecutive' &&
  source.parts.some((part) => 'segment' in part)

/** As `rescore`; the summary must read whole paths. */
async function rescoreInTurn(
  engine: Engine,
  model: string,
  run: Watched,
  summary: SegmentId,
): Promise<ScoreResult> {
  const { keep, separators, parts } = readInTurn(run, summary)
  const [closing, ...before] = separators.reverse()
  const result = await engine.score(
    {
      layout: 'consecutive',
      keep,
      separators: before.reverse(),
      prompt: [...run.state.promptTokens],
      paths: parts.map(({ segment, from, to }) => {
        if (from > 0) throw new Error(`${summary} reads a part of ${segment}`)
        return { thought: run.segment(segment).thought, tokens: run.ids(segment).slice(0, to) }
      }),
      summary: [...closing!, ...run.ids(summary)],
    },
    { model, engine: EXACT, budget: run.state.settings!.budget },
  )
  return { ...result, summary: result.summary.slice(closing!.length) }
}

/** Returns the greatest difference between the logprobs of a summary and of the paths that it reads, and those of a score. */
export function disagreement(run: Watched, summary: SegmentId, scored: ScoreResult): number {
  const { reads, tokens } = run.segment(summary)
  const pairs = [
    ...reads.flatMap((path, i) =>
      run
        .segment(path)
        .tokens.slice()
        .map((token, k) => [token.logprob, scored.paths[i]![k]!.logprob]),
    ),
    ...tokens.slice().map((token, k) => [token.logprob, scored.summary[k]!.logprob]),
  ]
  return Math.max(
    ...pairs.map(([a, b]) =>
      a === null || b === null ? (a === b ? 0 : Infinity) : Math.abs(a! - b!),
    ),
  )
}

/** Returns events without times and batches: what must be equal for the same request, seed, model and device. */
export function timeless(run: Watched): unknown {
  const { state } = run
  const decoded = ({ tokens, reason, answer }: Segment) => ({
    tokens: tokens.slice(),
    reason,
    answer,
  })
  return {
    settings: state.settings,
    prompt: state.promptTokens,
    answer: state.answer,
    votes: state.votes.map(({ at: _, ...vote }) => vote),
    notices: state.notices.map(({ code }) => code),
    paths: state.paths.map((path) => ({
      ...decoded(path),
      thought: path.thought,
      seed: path.seed,
      group: path.group,
    })),
    summaries: state.summaries.map((summary) => ({ ...decoded(summary), reads: summary.reads })),
  }
}

/** Wraps a real model, some of whose answers a test replaces. */
export const wrapModel = (model: NativeModel, other: Partial<NativeModel>): NativeModel => ({
  info: model.info,
  tokenize: (text, options) => model.tokenize(text, options),
  tokenBytes: (id) => model.tokenBytes(id),
  specialTokens: () => model.specialTokens(),
  schemaGrammar: (schema) => model.schemaGrammar(schema),
  createContext: (options) => model.createContext(options),
  close: () => model.close(),
  ...other,
})
