import type { BraidError } from '../protocol/errors.ts'
import type { RunError, RunEvent, SegmentId } from '../protocol/events.ts'
import type { RunRequest } from '../protocol/request.ts'
import type {
  Attribution,
  DeviceState,
  Fit,
  LoadedModel,
  ModelInfo,
  WorkerState,
} from '../protocol/wire.ts'
import type { Progress } from '../models/index.ts'
import type { AttributeOptions } from '../measure/index.ts'
import type { RunHandle, ThinkOptions } from '../run/index.ts'
import type { Unloaded } from '../models/index.ts'

type Settings = RunRequest['settings']

/** What the host needs from the engine; `engine/host/local.ts` assembles the real one. */
export interface HostEngine {
  /**
   * Resolves when GPU backends have been probed and native code is loaded; call `think`, `resume`
   * and `attribute` only afterwards. Never rejects: those calls report the error.
   */
  ready(): Promise<void>
  think(request: RunRequest, options: ThinkOptions): RunHandle
  /** Continues a run of the history so that it takes commands again. Emits only new events. */
  resume(events: RunEvent[], options?: ThinkOptions): RunHandle
  /** Returns what a summary of the run attended to. */
  attribute(
    events: RunEvent[],
    segment: SegmentId,
    options?: AttributeOptions,
  ): Promise<Attribution>
  devices(): Promise<DeviceState>
  /** Fetches a GPU backend. Returns the reason if the backend cannot be used. */
  fetchBackend(
    backend: string,
    options: { signal: AbortSignal; onProgress: (progress: Progress) => void },
  ): Promise<RunError | undefined>
  modelInfo(file: string): Promise<ModelInfo>
  fit(file: string, settings: Settings, promptTokens?: number): Promise<Fit>
  /** Returns how many tokens texts have (`models.count`). */
  count(file: string, texts: readonly string[]): Promise<number[]>
  /**
   * Returns the largest value of one setting that fits while the others stay unchanged; 0 if none
   * fits.
   */
  most(
    file: string,
    settings: Settings,
    of: 'paths' | 'budget' | 'gpuLayers',
    promptTokens?: number,
  ): Promise<number>
  /**
   * Sets the key of a server, which is kept in memory; null removes it. Returns the server's address
   * as Braid spells it. Throws `bad-request`.
   */
  setKey(server: string, key: string | null): string
  /** Returns the models that a server lists. `server`: as `setKey` returns it. Throws `io`, `bad-request`. */
  serverModels(server: string): Promise<string[]>
  /** Returns what the workers that this machine is paired with have. */
  workers(): Promise<WorkerState[]>
  /** Checks the pairing code of a worker and keeps it. Throws `bad-request`, `bad-combination`, `io`. */
  pairWorker(worker: string, code: string): Promise<WorkerState>
  forgetWorker(worker: string): void
  /** Returns the models in memory. */
  loaded(): LoadedModel[]
  onMemory(listener: (unloaded?: Unloaded) => void): void
  /** Sets the listener that is called once all runs have failed, since a worker is gone. */
  onLost(listener: (error: BraidError) => void): void
  /** Sets whether runs may run programs that a model wrote. Until then, they may not. */
  allowPrograms(allowed: boolean): void
  load(file: string, settings: Settings, onProgress: (fraction: number) => void): Promise<void>
  /** Unloads models that no run uses and that were last used before `since` (`Date.now()`). */
  unload(which: { file?: string; since?: number }, reason: Unloaded['reason']): Promise<void>
  version(): { version: string; llama: string }
  close(): Promise<void>
}
