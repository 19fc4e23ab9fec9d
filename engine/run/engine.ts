import type { NativeAddon, NativeDevice } from '../native/index.ts'
import {
  attribute,
  scoreFile,
  type AttributeOptions,
  type ScoreInput,
  type ScoreOptions,
  type ScoreResult,
} from '../measure/index.ts'
import { BraidError, fail } from '../protocol/errors.ts'
import type { RunEvent, SegmentId } from '../protocol/events.ts'
import { foldRun } from '../protocol/fold.ts'
import { RunRequest, type EngineOptions } from '../protocol/request.ts'
import { readModelInfo } from '../models/index.ts'
import { newRunId } from '../transcripts/index.ts'
import type { Attribution } from '../protocol/wire.ts'
import type { RunHandle, ThinkOptions } from './handle.ts'
import { Models, type Inspect, type Unloaded } from '../models/index.ts'
import { resolveSettings } from '../protocol/settings.ts'
import { Run, type EngineCore } from './run.ts'
import { Turns } from './turns.ts'

export interface EngineParts {
  addon: NativeAddon
  /** Braid's version, told in `run-started`. */
  version: string
  /** GGUF of the bundled model, for requests that name none. */
  bundledModel?: string
  /** Reads and checks a file before native code sees it. */
  inspect?: Inspect
}

/**
 * Thinks: one model in memory, one run at a time, in order of asking. A run's cells stay until another run (or `close`)
 * needs the memory; its commands work on afterwards from its own tokens.
 */
export class Engine {
  readonly #core: EngineCore
  readonly #bundled: string | undefined

  constructor({ addon, version, bundledModel, inspect = readModelInfo }: EngineParts) {
    this.#core = {
      addon,
      version,
      models: new Models(addon, inspect),
      turns: new Turns(),
      holder: null,
      runs: new Set(),
    }
    this.#bundled = bundledModel
  }

  devices(): NativeDevice[] {
    return this.#core.addon.devices()
  }

  /** Starts a run, or queues it. Errors, at once: `bad-request`, `model-not-found`; later ones are told by `run-failed`. */
  think(request: RunRequest, options: ThinkOptions = {}): RunHandle {
    const parsed = RunRequest.safeParse(request)
    if (!parsed.success) throw badRequest(parsed.error)
    try {
      resolveSettings(parsed.data.settings, { metadata: {}, nativePaths: 0 })
    } catch (error) {
      throw badRequest(error)
    }
    const file = parsed.data.model ?? this.#bundled
    if (file === undefined) throw fail('model-not-found/none')
    return new Run(options.id ?? newRunId(), this.#core, {
      conversation: options.conversation ?? [],
      asked: { request: parsed.data, file, given: options.given ?? new Map() },
      onProgress: options.onProgress,
    })
  }

  /**
   * Takes up a run from its events, all of them: opened from history or after a restart. Nothing happens until a command
   * comes; `events` tells only what is new. Errors: `bad-transcript`.
   */
  resume(events: Iterable<RunEvent>, options: ThinkOptions = {}): RunHandle {
    const state = foldRun(events, { live: false })
    if (state.settings === null || state.model === null)
      throw new BraidError('bad-transcript', 'The run never began: it has no prompt to go on from.')
    return new Run(options.id ?? state.run, this.#core, {
      conversation: options.conversation ?? [],
      state,
      onProgress: options.onProgress,
    })
  }

  /** Logprobs of given tokens under the two-phase rules (score.ts). Takes its turn between runs. */
  async score(input: ScoreInput, options: ScoreOptions = {}): Promise<ScoreResult> {
    const file = options.model ?? this.#bundled
    if (file === undefined) throw fail('model-not-found/none')
    return this.#between(options.signal, (signal) =>
      scoreFile(this.#core.models, file, input, options, signal),
    )
  }

  /** What a summary attended to while it was written (attribution.ts). Takes its turn between runs. */
  async attribute(
    events: Iterable<RunEvent>,
    segment: SegmentId,
    options: AttributeOptions = {},
  ): Promise<Attribution> {
    return this.#between(options.signal, (signal) =>
      attribute(this.#core.models, events, segment, options, signal),
    )
  }

  /** Work of its own, with the memory that the last run's cells had. */
  #between<T>(
    signal = new AbortController().signal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.#core.turns.take(signal, async () => {
      await this.#core.holder?.freeCells()
      this.#core.holder = null
      return work(signal)
    })
  }

  /** Models in memory. `heldBytes`: of a context that a run which is over keeps on the model's device; the next run frees it. */
  loaded(): (ReturnType<Models['list']>[number] & { heldBytes: number })[] {
    const { holder, models } = this.#core
    const held = holder === null || holder.active ? null : holder.held
    return models.list().map((model) => {
      const here = held?.model.file === model.file && held.model.device === model.device
      return { ...model, heldBytes: here ? held.bytes : 0 }
    })
  }

  /** Told whenever a model was loaded or left memory. */
  onMemory(listener: (unloaded?: Unloaded) => void): void {
    this.#core.models.onChange = listener
  }

  /** Loads a model before a run asks for it. Errors: those of loading; `cancelled`. */
  async load(
    file: string,
    options: EngineOptions,
    signal: AbortSignal,
    onProgress?: (fraction: number) => void,
  ): Promise<void> {
    const { models, turns } = this.#core
    await turns.take(signal, async () =>
      models.release(await models.use(file, options, signal, onProgress)),
    )
  }

  /** Frees models that no run uses, whatever another one does. The cells of a run that is over go first; they are rebuilt when it takes a command. */
  async unload(
    which: (model: { file: string; usedAt: number }) => boolean,
    reason: Unloaded['reason'],
  ): Promise<void> {
    const core = this.#core
    const held = () =>
      core.models.list().some((one) => one.file === core.holder?.held?.model.file && which(one))
    if (held() && !core.holder!.active) {
      await core.turns.take(new AbortController().signal, async () => {
        if (!held()) return
        await core.holder!.freeCells()
        core.holder = null
      })
    }
    await core.models.unload(which, reason)
  }

  /** Cancels all runs and frees everything. */
  async close(): Promise<void> {
    for (const run of [...this.#core.runs]) await run.close()
    await this.#core.turns.take(new AbortController().signal, () => this.#core.models.close())
  }
}

function badRequest(error: unknown): BraidError {
  const issue = (error as { issues?: { path: PropertyKey[]; message: string }[] }).issues?.[0]
  return new BraidError(
    'bad-request',
    issue === undefined
      ? String(error)
      : `The request is not valid: ${issue.path.join('.') || 'request'}: ${issue.message}.`,
  )
}
