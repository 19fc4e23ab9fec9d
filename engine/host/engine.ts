import type { RunEvent } from '../protocol/events.ts'
import type { RunRequest } from '../protocol/request.ts'
import type { Attribution, DeviceInfo, Fit, ModelInfo } from '../protocol/wire.ts'
import type { AttributeOptions } from '../think/attribution.ts'
import type { RunHandle, ThinkOptions } from '../think/handle.ts'

/** What the host needs of the engine; `engine/host/local.ts` joins the real parts. */
export interface HostEngine {
  think(request: RunRequest, options: ThinkOptions): RunHandle
  /** A run of the history that takes commands again; its events are the new ones only. */
  resume(events: RunEvent[], options?: ThinkOptions): RunHandle
  /** What a summary of the run attended to. */
  attribute(events: RunEvent[], version: number, options?: AttributeOptions): Promise<Attribution>
  devices(): Promise<DeviceInfo[]>
  modelInfo(file: string): Promise<ModelInfo>
  fit(file: string, settings: RunRequest['settings'], promptTokens?: number): Promise<Fit>
  version(): { version: string; llama: string }
  close(): Promise<void>
}
