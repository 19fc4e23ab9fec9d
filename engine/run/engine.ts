import { abandonAddon, type NativeAddon, type NativeDevice } from '../native/index.ts'
import type { WorkerLinks } from '../workers/index.ts'
import {
  attribute,
  scoreFile,
  type AttributeOptions,
  type ScoreInput,
  type ScoreOptions,
  type ScoreResult,
} from '../measure/index.ts'
import { BraidError, fail, toBraidError } from '../protocol/errors.ts'
import type { RunEvent, SegmentId } from '../protocol/events.ts'
import { foldRun } from '../protocol/fold.ts'
import { RunRequest, type EngineOptions } from '../protocol/request.ts'
import { triedModelInfo } from '../models/index.ts'
import { newRunId } from '../transcripts/index.ts'
import type { Attribution } from '../protocol/wire.ts'
import type { ResumeOptions, RunHandle, ThinkOptions } from './handle.ts'
import { Pools } from '../kv/index.ts'
import { Models, type Inspect, type ModelsOptions, type Unloaded } from '../models/index.ts'
import { resolveSettings } from '../protocol/settings.ts'
import type { RunPrograms } from './comparing.ts'
import { Run, type EngineCore } from './run.ts'

export interface EngineParts {
  addon: NativeAddon
  /** Braid's version, reported in `run-started`. */
  version: string
  /** GGUF of the bundled model, used by requests that name no model. */
  bundledModel?: string
  /** Reads and validates a file before native code opens it. */
  inspect?: Inspect
  /** How many runs of a model may work at once, memory permitting. Default: 1. */
  jobs?: number
  /**
   * Whether somebody watches the runs. If nobody does, a prompt that is read makes the other runs
   * wait, and all of them are done sooner. Default: true.
   */
  watched?: boolean
  /** Returns the key of a server, as `serverUrl` spells it; undefined if it needs none. */
  keyOf?: (server: string) => string | undefined
  /** Bounds of what is asked of servers; default: `LIMITS` of engine/remote. */
  serverLimits?: ModelsOptions['serverLimits']
  /** Runs programs that a model wrote. Without it, no run compares programs. */
  runPrograms?: RunPrograms
  /** Connects with workers. Without it, no model uses any. */
  workers?: WorkerLinks
}

/**
 * Runs requests, several at once if their model, device and context settings agree and the pool has
 * room; the others wait in order. A run's cells stay in memory until another run needs the room or
 * the engine closes; after that, commands to the run restore them from its tokens.
 */
export class Engine {
  readonly #core: EngineCore
  readonly #bundled: string | undefined
  readonly #workers: WorkerLinks | undefined
  #lost: BraidError | undefined
  /** Workers whose models are being unloaded since they are gone. */
  readonly #leaving = new Set<string>()
  #onLost: ((error: BraidError) => void) | undefined

  constructor({
    addon,
    version,
    bundledModel,
    inspect = triedModelInfo,
    jobs = 1,
    watched = true,
    keyOf,
    serverLimits,
    runPrograms,
    workers,
  }: EngineParts) {
    const models = new Models(addon, inspect, { keyOf, serverLimits, workers })
    const pools = new Pools(models, jobs, watched)
    models.freeIdle = (which) => pools.freeIdle(which)
    this.#core = {
      addon,
      version,
      models,
      pools,
      runs: new Set(),
      runPrograms,
      programsAllowed: true,
    }
    this.#bundled = bundledModel
    this.#workers = workers
    if (workers !== undefined)
      workers.onLost = (worker, error) => void this.#lose(worker, toBraidError(error))
  }

  /**
   * A worker is gone. If something computes with it, native code waits for ever: every run ends with
   * an error, nothing more can be done, and the owner is told to end the process. Else what is held
   * of it is let go.
   */
  async #lose(worker: string, error: BraidError): Promise<void> {
    const { runs, pools, models } = this.#core
    if (this.#lost !== undefined || this.#leaving.has(worker)) return
    const of = this.loaded().filter(({ workers }) => workers.includes(worker))
    const loading = this.#workers?.isConnecting(worker) === true || of.length === 0
    const busy = of.some(({ inUse }) => inUse) || [...runs].some((run) => run.computesOn(worker))
    if (!loading && !busy) {
      this.#leaving.add(worker)
      await pools.freeIdle((model) => model.workers.includes(worker))
      await models.unload((model) => model.workers.includes(worker), 'asked')
      return void this.#leaving.delete(worker)
    }
    this.#lost = error
    abandonAddon()
    for (const run of [...runs]) run.lose(error)
    this.#onLost?.(error)
  }

  /** Sets the listener that is called once nothing more can be done, since a worker is gone. */
  onLost(listener: (error: BraidError) => void): void {
    this.#onLost = listener
  }

  devices(): NativeDevice[] {
    return this.#core.addon.devices()
  }

  /**
   * Starts or queues a run. Throws `bad-request` or `model-not-found` at once; later errors are
   * reported by `run-failed`.
   */
  think(request: RunRequest, options: ThinkOptions = {}): RunHandle {
    if (this.#lost !== undefined) throw this.#lost
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
      final: options.final,
      onProgress: options.onProgress,
      onWaiting: options.onWaiting,
      onReading: options.onReading,
    })
  }

  /**
   * Resumes a run from all of its events, for example one from the history. Nothing happens until a
   * command arrives, unless the strategy is to go on; the handle's `events` yields only new events.
   * Errors: `bad-transcript`.
   */
  resume(events: Iterable<RunEvent>, options: ResumeOptions = {}): RunHandle {
    const state = foldRun(events, { live: false })
    if (state.settings === null || state.model === null)
      throw new BraidError('bad-transcript', 'The run never started, so it cannot be continued.')
    return new Run(options.id ?? state.run, this.#core, {
      conversation: options.conversation ?? [],
      state,
      goOn: options.goOn,
      onProgress: options.onProgress,
      onWaiting: options.onWaiting,
      onReading: options.onReading,
    })
  }

  /**
   * Returns log-probabilities of given tokens under the two-phase rules (score.ts), in a
   * context of its own.
   */
  async score(input: ScoreInput, options: ScoreOptions = {}): Promise<ScoreResult> {
    const file = options.model ?? this.#bundled
    if (file === undefined) throw fail('model-not-found/none')
    const { signal = new AbortController().signal } = options
    return scoreFile(this.#core.models, file, input, options, signal)
  }

  /**
   * Returns what a summary attended to while it was written (attribution.ts), in a context of
   * its own.
   */
  async attribute(
    events: Iterable<RunEvent>,
    segment: SegmentId,
    options: AttributeOptions = {},
  ): Promise<Attribution> {
    const { signal = new AbortController().signal } = options
    return attribute(this.#core.models, events, segment, options, signal)
  }

  /**
   * Returns the models in memory. `heldBytes`: contexts that no run works in, on the model's device;
   * they are freed if their memory is needed. `inUse`: a run or an attribution works with it.
   */
  loaded(): (ReturnType<Models['list']>[number] & { heldBytes: number; inUse: boolean })[] {
    const { pools, models } = this.#core
    const idle = pools.idle()
    return models.list().map((model) => {
      const held = idle.filter(
        ({ model: { file, device } }) => file === model.file && device === model.device,
      )
      return {
        ...model,
        heldBytes: held.reduce((sum, { bytes }) => sum + bytes, 0),
        inUse: model.uses > held.length, // each context is a use
      }
    })
  }

  /** Sets the listener that is called whenever a model is loaded or unloaded. */
  onMemory(listener: (unloaded?: Unloaded) => void): void {
    this.#core.models.onChange = listener
  }

  /**
   * Sets whether programs may run. If not, no run starts to compare programs, whatever it was asked
   * for; a comparison that has begun ends.
   */
  allowPrograms(allowed: boolean): void {
    this.#core.programsAllowed = allowed
  }

  /** Loads a model before a run asks for it. Errors: those of loading; `cancelled`. */
  async load(
    file: string,
    options: EngineOptions,
    signal: AbortSignal,
    onProgress?: (fraction: number) => void,
  ): Promise<void> {
    const { models } = this.#core
    models.release(await models.use(file, options, signal, onProgress))
  }

  /**
   * Unloads matching models that no run uses, even while another run works. The cells of an ended
   * run are freed first; they are restored if that run gets a command.
   */
  async unload(
    which: (model: { file: string; usedAt: number }) => boolean,
    reason: Unloaded['reason'],
  ): Promise<void> {
    const { models, pools } = this.#core
    const used = new Map(models.list().map(({ file, usedAt }) => [file, usedAt]))
    await pools.freeIdle(({ file }) => which({ file, usedAt: used.get(file) ?? 0 }))
    await models.unload(which, reason)
  }

  /** Cancels all runs and frees everything, unless a worker is gone with which something computed. */
  async close(): Promise<void> {
    if (this.#lost !== undefined) return
    for (const run of [...this.#core.runs]) await run.close()
    await this.#core.pools.close()
    await this.#core.models.close()
    this.#workers?.close()
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
