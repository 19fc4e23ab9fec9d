import { Devices } from '../devices/index.ts'
import {
  fit,
  fitModel,
  longestBudget,
  mostGpuLayers,
  mostPaths,
  systemFree,
  type FitModel,
} from '../models/fit.ts'
import { modelInfo, readModelInfo, scalars } from '../models/info.ts'
import { bundledModel } from '../models/manifest.ts'
import { readModelFiles } from '../models/model-files.ts'
import { builtFrom, loadAddon } from '../native/index.ts'
import { BraidError } from '../protocol/errors.ts'
import { MAX_BUDGET, MAX_PATHS, type RunRequest, type RunSettings } from '../protocol/request.ts'
import type { DeviceInfo, Fit, ModelInfo } from '../protocol/wire.ts'
import { resolveSettings } from '../protocol/settings.ts'
import { Engine } from '../run/engine.ts'
import { dataFolder } from '../transcripts/folder.ts'
import { braidVersion } from '../version.ts'
import type { HostEngine } from './engine.ts'
import { OwnMemory } from './memory.ts'

/** A problem of a few lines, where nobody says how long it is. */
const PROMPT_TOKENS = 256

type Settings = RunRequest['settings']

/**
 * The real engine for a host. Native code is loaded at the first use, so that a host without it starts, lists and exports
 * runs, and says `native-missing` where it is needed.
 */
export function localEngine(folder = dataFolder()): HostEngine {
  const devices = new Devices(folder)
  let engine: Engine | undefined
  let onMemory: Parameters<HostEngine['onMemory']>[0] = () => undefined
  const open = () => {
    if (engine === undefined) {
      // `ready` has loaded it, and only what passed its probe.
      engine = new Engine({
        addon: loadAddon(),
        version: braidVersion(),
        bundledModel: bundledModel() ?? undefined,
      })
      engine.onMemory((unloaded) => onMemory(unloaded))
    }
    return engine
  }
  const memory = new OwnMemory(() => engine?.loaded() ?? [])
  const list = async (): Promise<DeviceInfo[]> => memory.devices((await devices.open()).devices())
  return {
    ready: () =>
      devices.open().then(
        () => undefined,
        () => undefined,
      ),
    think: (request, options) => open().think(request, options),
    resume: (events, options) => open().resume(events, options),
    attribute: (events, segment, options) => open().attribute(events, segment, options),
    devices: () => devices.state(),
    async fetchBackend(backend, { signal, onProgress }) {
      const offer = (await devices.offers()).find((one) => one.backend === backend)
      if (offer === undefined)
        throw new BraidError('bad-request', `There is no ${backend} backend for this machine.`)
      const { reason } = await devices.fetch(offer, {
        signal,
        onProgress: (progress) =>
          onProgress(
            progress.phase === 'unpack'
              ? { phase: 'unpack', fraction: null }
              : { ...progress, fraction: progress.total ? progress.done / progress.total : null },
          ),
      })
      return reason
    },
    modelInfo: readModelInfo,
    fit: async (file, settings, promptTokens) =>
      measure(file, settings, promptTokens, await list(), await memory.free()),
    most: async (file, settings, of, promptTokens) =>
      most(file, settings, of, promptTokens, await list(), await memory.free()),
    loaded: () =>
      (engine?.loaded() ?? []).map(
        ({ uses, heldBytes, file, name, device, sizeBytes, gpuLayers }) => ({
          file,
          name,
          device,
          sizeBytes,
          gpuLayers,
          inUse: uses > (heldBytes > 0 ? 1 : 0),
        }),
      ),
    onMemory: (listener) => void (onMemory = listener),
    async load(file, settings, onProgress) {
      await devices.open()
      const { engine: options } = resolveSettings(settings, { metadata: {}, nativePaths: 0 })
      await open().load(file, options, new AbortController().signal, onProgress)
    },
    unload: async ({ file, since = Infinity }, reason) =>
      engine?.unload(
        (model) => (file === undefined || model.file === file) && model.usedAt < since,
        reason,
      ),
    version: () => ({ version: braidVersion(), llama: llamaTag() }),
    close: async () => engine?.close(),
  }
}

/** Memory that a run of this model needs, by its header and what the machine has. */
export async function measure(
  file: string,
  settings: Settings,
  promptTokens = PROMPT_TOKENS,
  devices: DeviceInfo[] = [],
  free = systemFree(),
): Promise<Fit> {
  return (await inspect(file, settings, promptTokens, devices, free)).fit
}

export async function inspect(
  file: string,
  settings: Settings,
  promptTokens = PROMPT_TOKENS,
  devices: DeviceInfo[] = [],
  free = systemFree(),
): Promise<{ info: ModelInfo; fit: Fit }> {
  const { info, model, resolved } = await resolve(file, settings)
  return { info, fit: fit(model, resolved, promptTokens, devices, free) }
}

/** The most of one setting that fits: of paths as many as the model has trained, where the run forks from control tokens. */
export async function most(
  file: string,
  settings: Settings,
  of: 'paths' | 'budget' | 'gpuLayers',
  promptTokens = PROMPT_TOKENS,
  devices: DeviceInfo[] = [],
  free = systemFree(),
): Promise<number> {
  const { info, model, resolved } = await resolve(file, settings)
  if (of === 'gpuLayers') return mostGpuLayers(model, resolved, promptTokens, devices, free)
  if (of === 'budget')
    return longestBudget(
      model,
      resolved,
      promptTokens,
      devices,
      Math.min(MAX_BUDGET, Math.max(1, info.trainContext - promptTokens - resolved.summaryBudget)),
      free,
    )
  const trained =
    resolved.strategy.startsWith('parallel') && info.nativePaths > 0 && !resolved.reuseTokens
  return mostPaths(
    model,
    resolved,
    promptTokens,
    devices,
    trained ? info.nativePaths : MAX_PATHS,
    free,
  )
}

async function resolve(
  file: string,
  settings: Settings,
): Promise<{ info: ModelInfo; model: FitModel; resolved: RunSettings }> {
  const files = await readModelFiles(file)
  const info = await modelInfo(files)
  return {
    info,
    model: fitModel(files, info.nativePaths),
    resolved: resolveSettings(settings, {
      metadata: scalars(files.header),
      nativePaths: info.nativePaths,
    }),
  }
}

function llamaTag(): string {
  try {
    return builtFrom().tag
  } catch {
    return 'not built'
  }
}
