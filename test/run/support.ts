import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll } from 'vitest'
import { loadAddon, type NativeModel } from '../../engine/native/index.ts'
import type { RunCommand, RunEvent } from '../../engine/protocol/events.ts'
import { foldRun, type RunState } from '../../engine/protocol/fold.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { Engine } from '../../engine/think/engine.ts'
import type { RunHandle, ThinkOptions } from '../../engine/think/handle.ts'
import type { ScoreResult } from '../../engine/think/score.ts'
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

/** Closed when the test file is done, and the models' files are removed. */
export function newEngine(): Engine {
  const engine = new Engine({ addon: loadAddon({ gpu: false }), version: 'test' })
  engines.push(engine)
  return engine
}

export function tinyFile(options: Partial<TinyOptions> = {}): { model: TinyModel; file: string } {
  const model = tinyModel({ shape: 'qwen2', ...options })
  const file = writeTiny(model)
  files.push(file)
  return { model, file }
}

/** A run under a test's eye: its events so far, and a wait for what comes. */
export class Watched {
  readonly events: RunEvent[]
  readonly #before: number
  #wake = new Set<() => void>()

  constructor(
    readonly handle: RunHandle,
    before: readonly RunEvent[] = [],
  ) {
    this.events = [...before]
    this.#before = before.length
    void this.#read()
  }

  get state(): RunState {
    return foldRun(this.events)
  }

  get added(): RunEvent[] {
    return this.events.slice(this.#before)
  }

  /** Of path `path`, or of summary version `-version`. */
  ids(path: number): number[] {
    const stream =
      path > 0
        ? this.state.paths[path - 1]!
        : this.state.summaries.find(({ version }) => version === -path)!
    return stream.tokens.slice().map(({ id }) => id)
  }

  async until(done: (event: RunEvent, run: Watched) => boolean): Promise<this> {
    let seen = 0
    for (;;) {
      for (; seen < this.events.length; seen++) {
        const event = this.events[seen]!
        if (done(event, this)) return this
        if (event.type === 'run-failed' && seen >= this.#before)
          throw new Error(`The run failed: ${event.error.code}: ${event.error.message}`)
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
  async after(command: RunCommand): Promise<this> {
    const ends = this.events.filter(
      ({ type }) => type === 'run-ended' || type === 'run-failed',
    ).length
    await this.handle.command(command)
    return this.end(ends + 1)
  }

  async #read(): Promise<void> {
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

/** The same tokens scored from scratch: what every logprob of a run must agree with. */
export function rescore(
  engine: Engine,
  model: string,
  run: Watched,
  version: number,
): Promise<ScoreResult> {
  const { state } = run
  const summary = state.summaries.find((summary) => summary.version === version)!
  return engine.score(
    {
      prompt: [...state.promptTokens],
      paths: summary.paths.map((path) => ({
        thought: state.paths[path - 1]!.thought,
        tokens: run.ids(path),
      })),
      summary: run.ids(-version),
    },
    { model, engine: EXACT, budget: state.settings!.budget },
  )
}

/** The greatest difference between the logprobs of a run's paths and summary and those of a score. */
export function disagreement(run: Watched, version: number, scored: ScoreResult): number {
  const { state } = run
  const summary = state.summaries.find((summary) => summary.version === version)!
  const pairs = [
    ...summary.paths.flatMap((path, i) =>
      state.paths[path - 1]!.tokens.slice().map((token, k) => [
        token.logprob,
        scored.paths[i]![k]!.logprob,
      ]),
    ),
    ...summary.tokens.slice().map((token, k) => [token.logprob, scored.summary[k]!.logprob]),
  ]
  return Math.max(
    ...pairs.map(([a, b]) =>
      a === null || b === null ? (a === b ? 0 : Infinity) : Math.abs(a! - b!),
    ),
  )
}

/** Events without times and batches: what must be the same for the same request, seed, model and device. */
export function timeless(run: Watched): unknown {
  const { state } = run
  const stream = ({
    tokens,
    reason,
    answer,
  }: RunState['paths'][number] | RunState['summaries'][number]) => ({
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
      ...stream(path),
      thought: path.thought,
      seed: path.seed,
      group: path.group,
    })),
    summaries: state.summaries.map((summary) => ({ ...stream(summary), paths: summary.paths })),
  }
}

/** A real model that answers otherwise where a test says so. */
export const wrapModel = (model: NativeModel, other: Partial<NativeModel>): NativeModel => ({
  info: model.info,
  tokenize: (text, options) => model.tokenize(text, options),
  tokenBytes: (id) => model.tokenBytes(id),
  specialTokens: () => model.specialTokens(),
  createContext: (options) => model.createContext(options),
  close: () => model.close(),
  ...other,
})
