import { fit, fitModel } from '../models/fit.ts'
import { modelInfo, readModelInfo, scalars } from '../models/info.ts'
import { readModelFiles } from '../models/model-files.ts'
import { loadAddon } from '../native/index.ts'
import type { RunRequest } from '../protocol/request.ts'
import type { DeviceInfo, Fit, ModelInfo } from '../protocol/wire.ts'
import { Engine } from '../think/engine.ts'
import { resolveSettings } from '../think/settings.ts'
import { braidVersion } from '../version.ts'
import type { HostEngine } from './engine.ts'
import { bundledModel } from './models.ts'

/** A problem of a few lines, where nobody says how long it is. */
const PROMPT_TOKENS = 256

/**
 * The real engine for a host. Native code is loaded at the first use, so that a host without it starts, lists and exports
 * runs, and says `native-missing` where it is needed.
 */
export function localEngine(): HostEngine {
  let engine: Engine | undefined
  const open = () => (engine ??= new Engine({ addon: loadAddon(), version: braidVersion(), bundledModel: bundledModel() ?? undefined }))
  const devices = (): DeviceInfo[] => loadAddon().devices()
  return {
    think: (request, options) => open().think(request, options),
    resume: (events, options) => open().resume(events, options),
    attribute: (events, version, options) => open().attribute(events, version, options),
    devices: async () => devices(),
    modelInfo: readModelInfo,
    fit: (file, settings, promptTokens) => measure(file, settings, promptTokens, devices()),
    version: () => ({ version: braidVersion(), llama: llamaTag() }),
    close: async () => engine?.close(),
  }
}

/** Memory that a run of this model needs, by its header and what the machine has. */
export async function measure(file: string, settings: RunRequest['settings'], promptTokens = PROMPT_TOKENS, devices: DeviceInfo[] = []): Promise<Fit> {
  return (await inspect(file, settings, promptTokens, devices)).fit
}

export async function inspect(file: string, settings: RunRequest['settings'], promptTokens = PROMPT_TOKENS, devices: DeviceInfo[] = []): Promise<{ info: ModelInfo; fit: Fit }> {
  const files = await readModelFiles(file)
  const info = await modelInfo(files)
  const resolved = resolveSettings(settings, { metadata: scalars(files.header), nativePaths: info.nativePaths })
  return { info, fit: fit(fitModel(files, info.nativePaths), resolved, promptTokens, devices) }
}

function llamaTag(): string {
  try {
    return loadAddon().llamaCpp.tag
  } catch {
    return 'not built'
  }
}
