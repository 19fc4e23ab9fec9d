import type { RunEvent } from '../protocol/events.ts'
import type { RunRequest } from '../protocol/request.ts'
import type { DeviceInfo, Fit, ModelInfo } from '../protocol/wire.ts'
import type { RunHandle, ThinkOptions } from '../think/handle.ts'

/** What the host needs of the engine; `engine/host/local.ts` joins the real parts. */
export interface HostEngine {
  think(request: RunRequest, options: ThinkOptions): RunHandle
  /** A run of the history that takes commands again; its events are the new ones only. */
  resume(events: RunEvent[], options?: ThinkOptions): RunHandle
  devices(): Promise<DeviceInfo[]>
  modelInfo(file: string): Promise<ModelInfo>
  fit(file: string, settings: RunRequest['settings'], promptTokens?: number): Promise<Fit>
  version(): { version: string; llama: string }
  close(): Promise<void>
}
