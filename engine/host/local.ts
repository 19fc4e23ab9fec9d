import { Devices } from '../devices/index.ts'
import { Fits, TokenCounter } from '../models/index.ts'
import { readModelInfo } from '../models/index.ts'
import { bundledModel } from '../models/index.ts'
import { builtFrom, loadAddon } from '../native/index.ts'
import { onServer } from '../protocol/address.ts'
import { BraidError, fail } from '../protocol/errors.ts'
import type { RunRequest } from '../protocol/request.ts'
import { resolveSettings } from '../protocol/settings.ts'
import type { DeviceInfo } from '../protocol/wire.ts'
import { Engine } from '../run/index.ts'
import { Sandbox } from '../sandbox/index.ts'
import { dataFolder } from '../transcripts/index.ts'
import { braidVersion } from '../programs/index.ts'
import { WorkerLinks } from '../workers/index.ts'
import type { HostEngine } from './engine.ts'
import { JOBS } from './jobs.ts'
import { OwnMemory } from './memory.ts'
import { Servers } from './servers.ts'

type Settings = RunRequest['settings']

/**
 * Returns the real engine for a host. Native code is loaded when first used, so that a host without
 * it can start, list and export runs, and reports `native-missing` only if it is needed. `jobs`: how
 * many runs of a model may think at once, if there is memory for them.
 */
export function localEngine(folder = dataFolder(), jobs = JOBS): HostEngine {
  const devices = new Devices(folder)
  const sandbox = new Sandbox()
  const servers = new Servers()
  const workers = new WorkerLinks(folder, { addon: loadAddon })
  let engine: Engine | undefined
  let programsAllowed = false
  let onLost: Parameters<HostEngine['onLost']>[0] = () => undefined
  let onMemory: Parameters<HostEngine['onMemory']>[0] = () => undefined
  const open = () => {
    if (engine === undefined) {
      // `ready` has loaded the addon with only the backends that passed their probe.
      engine = new Engine({
        addon: loadAddon(),
        version: braidVersion(),
        bundledModel: bundledModel() ?? undefined,
        jobs,
        keyOf: (server) => servers.keyOf(server),
        runPrograms: (job, signal) => sandbox.run(job, signal),
        workers,
      })
      engine.onLost((error) => onLost(error))
      engine.onMemory((unloaded) => onMemory(unloaded))
      engine.allowPrograms(programsAllowed)
    }
    return engine
  }
  const inMemory = () => (engine?.loaded() ?? []).filter(({ file }) => onServer(file) === null)
  const fits = new Fits(() => devices.open())
  const counter = new TokenCounter(() => devices.open())
  const memory = new OwnMemory(inMemory, (file) => fits.repacked(file))
  const closing = new AbortController()
  const question = async (file: string, settings: Settings, promptTokens?: number) => ({
    file,
    settings,
    promptTokens,
    devices: await list(),
    ...(settings.engine?.workers?.length && {
      workers: await workers.devices(settings.engine.workers),
    }),
    free: await memory.free(),
    signal: closing.signal,
  })
  const list = async (): Promise<DeviceInfo[]> => memory.devices(await devices.list())
  return {
    ready: () =>
      devices.open().then(
        () => undefined,
        () => undefined,
      ),
    think: (request, options) => open().think(request, options),
    resume: (events, options) => open().resume(events, options),
    attribute: (events, segment, options) => open().attribute(events, segment, options),
    devices: async () => ({ ...(await devices.state()), devices: await list() }),
    async fetchBackend(backend, { signal, onProgress }) {
      const offer = (await devices.offers()).find((one) => one.backend === backend)
      if (offer === undefined) throw fail('bad-request/no-backend', { backend })
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
    modelInfo: async (file) =>
      onServer(file) === null ? readModelInfo(file) : servers.info(file, closing.signal),
    fit: async (file, settings, promptTokens) =>
      onServer(file) === null
        ? fits.fit(await question(file, settings, promptTokens))
        : servers.fit,
    count: async (file, texts) =>
      onServer(file) === null ? counter.count(file, texts) : servers.count(texts),
    most: async (file, settings, of, promptTokens) =>
      onServer(file) === null
        ? fits.most(await question(file, settings, promptTokens), of)
        : servers.most(of),
    setKey: (server, key) => servers.setKey(server, key),
    serverModels: (server) => servers.models(server, closing.signal),
    workers: () => workers.states(),
    pairWorker: async (worker, code) => ({ worker, devices: await workers.pair(worker, code) }),
    forgetWorker: (worker) => workers.known.set(worker, null),
    loaded: () =>
      // A connection to a server takes no memory here.
      inMemory().map(({ file, name, device, sizeBytes, gpuLayers, inUse }) => ({
        file,
        name,
        device,
        sizeBytes,
        gpuLayers,
        inUse,
      })),
    onMemory: (listener) => void (onMemory = listener),
    onLost: (listener) => void (onLost = listener),
    allowPrograms(allowed) {
      programsAllowed = allowed
      engine?.allowPrograms(allowed)
    },
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
    async close() {
      closing.abort(new BraidError('cancelled', 'The engine was closed.'))
      await fits.close()
      await counter.close()
      await engine?.close()
      await sandbox.close()
    },
  }
}

function llamaTag(): string {
  try {
    return builtFrom().tag
  } catch {
    return 'not built'
  }
}
