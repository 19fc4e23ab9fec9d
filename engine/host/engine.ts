import type { RunEvent, SegmentId } from '../protocol/events.ts'
import type { RunRequest } from '../protocol/request.ts'
import type { Attribution, DeviceState, Fit, LoadedModel, ModelInfo } from '../protocol/wire.ts'
import type { Progress } from '../models/index.ts'
import type { AttributeOptions } from '../measure/index.ts'
import type { RunHandle, ThinkOptions } from '../run/index.ts'
import type { Unloaded } from '../models/index.ts'

type Settings = RunRequest['settings']

/** What the host needs of the engine; `engine/host/local.ts` joins the real parts. */
export interface HostEngine {
  /** Resolves when native code is loaded, its GPU backends tried before; `think`, `resume` and `attribute` come after. Never rejects: they say what is wrong. */
  ready(): Promise<void>
  think(request: RunRequest, options: ThinkOptions): RunHandle
  /** A run of the history that takes commands again; its events are the new ones only. */
  resume(events: RunEvent[], options?: ThinkOptions): RunHandle
  /** Returns what a summary of the run attended to. */
  attribute(
    events: RunEvent[],
    segment: SegmentId,
    options?: AttributeOptions,
  ): Promise<Attribution>
  devices(): Promise<DeviceState>
  /** Fetches a GPU backend; what it cannot be used for, if so. */
  fetchBackend(
    backend: string,
    options: { signal: AbortSignal; onProgress: (progress: Progress) => void },
  ): Promise<string | undefined>
  modelInfo(file: string): Promise<ModelInfo>
  fit(file: string, settings: Settings, promptTokens?: number): Promise<Fit>
  /** The most of one setting that fits, the others as they are; 0: none. */
  most(
    file: string,
    settings: Settings,
    of: 'paths' | 'budget' | 'gpuLayers',
    promptTokens?: number,
  ): Promise<number>
  /** Models in memory. */
  loaded(): LoadedModel[]
  onMemory(listener: (unloaded?: Unloaded) => void): void
  load(file: string, settings: Settings, onProgress: (fraction: number) => void): Promise<void>
  /** Frees models that no run uses and that were last wanted before `since` (`Date.now()`). */
  unload(which: { file?: string; since?: number }, reason: Unloaded['reason']): Promise<void>
  version(): { version: string; llama: string }
  close(): Promise<void>
}
