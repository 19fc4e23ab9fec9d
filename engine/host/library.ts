import { basename, join } from 'node:path'
import { givenPath } from '../files/index.ts'
import { nameOf } from '../models/convert/index.ts'
import { look, planOf, searchHub } from '../models/download/index.ts'
import { systemFree } from '../models/index.ts'
import { Hub } from '../models/index.ts'
import { convertedName, jobs, takeMade } from '../models/index.ts'
import { layersToPut } from '../models/index.ts'
import { findModels } from '../models/link/index.ts'
import { readCatalogue } from '../models/index.ts'
import { ModelRegistry } from '../models/index.ts'
import { Tasks } from '../models/index.ts'
import { serverUrl } from '../remote/index.ts'
import { onServer, serverAddress } from '../protocol/address.ts'
import { fail } from '../protocol/errors.ts'
import type { RunRequest } from '../protocol/request.ts'
import type { CatalogueItem, Fit, Method, METHODS, Offer, Result, Task } from '../protocol/wire.ts'
import type { z } from 'zod'
import type { HostEngine } from './engine.ts'

export type LibraryMethod = Extract<
  Method,
  | `models.${string}`
  | `servers.${string}`
  | `workers.${string}`
  | `tasks.${string}`
  | `devices.${string}`
  | 'hub.token'
  | 'engine.loaded'
  | 'engine.unload'
>
type Handlers = {
  [M in LibraryMethod]: (
    params: z.output<(typeof METHODS)[M]['params']>,
  ) => Result<M> | Promise<Result<M>>
}

/**
 * For a model that is not here yet: its weights in memory take about its size times MARGIN, and its
 * runs about RUN_BYTES more.
 */
const MARGIN = 1.1
const RUN_BYTES = 512 * 2 ** 20

/** Recorded per token, for the window's inspector, unless a request says otherwise. */
const ALTERNATIVES = 5

export interface LibraryParts {
  /** Data folder. */
  folder: string
  engine: HostEngine
  onModels: () => void
  onDevices: () => void
  onTasks: (tasks: Task[]) => void
}

/**
 * Handles the requests about models and devices. Only `models.offer`, `models.search`,
 * `models.get`, `devices.fetch`, `servers.*`, `workers.*` and requests about models on servers connect to other machines.
 */
export class Library {
  readonly registry: ModelRegistry
  readonly #engine: HostEngine
  readonly #onModels: () => void
  readonly #hub = new Hub()
  readonly #tasks: Tasks
  readonly handlers: Handlers

  constructor({ folder, engine, onModels, onDevices, onTasks }: LibraryParts) {
    this.#engine = engine
    this.#onModels = onModels
    const registry = (this.registry = new ModelRegistry(folder))
    const work = jobs({
      hub: this.#hub,
      registry,
      onModel: onModels,
      fetchBackend: async (backend, options) => {
        const reason = await engine.fetchBackend(backend, options)
        onDevices()
        return reason
      },
    })
    this.#tasks = new Tasks(join(folder, 'tasks.json'), work, onTasks)
    const listed = <T>(result: T): T => {
      onModels()
      return result
    }
    this.handlers = {
      'models.list': () => registry.list(),
      'models.add': async ({ file }) => listed(await registry.add(givenPath(file))),
      'models.addFolder': async ({ folder: from }) =>
        listed(await registry.addFolder(givenPath(from))),
      'models.find': async () => {
        const known = new Set((await registry.list()).map(({ file }) => file))
        return (await findModels()).map((model) => ({ ...model, known: known.has(model.file) }))
      },
      'models.addFound': async ({ files }) => listed(await registry.addFiles(files)),
      'models.relink': async ({ file, to }) => listed(await registry.relink(file, givenPath(to))),
      'models.remove': async ({ file, deleteFiles }) => {
        if (deleteFiles === true) await this.#unload(file)
        return listed({ deleted: await registry.remove(file, { deleteFiles }) })
      },
      'models.setDevice': async ({ file, device }) => {
        await registry.setDevice(file, device)
        return listed({})
      },
      'models.info': ({ file }) => this.#info(file),
      'models.fit': async ({ file, settings, promptTokens }) =>
        engine.fit(file, await this.settle(file, settings), promptTokens),
      'models.most': async ({ file, settings, promptTokens, of }) => ({
        value: await engine.most(
          file,
          await this.settle(file, settings, of !== 'gpuLayers'),
          of,
          promptTokens,
        ),
      }),
      'models.count': async ({ file, texts }) => ({ tokens: await engine.count(file, texts) }),
      'models.catalogue': () => this.#catalogue(),
      'models.offer': ({ ref }) => this.#offer(ref),
      'models.search': ({ query }) => this.#search(query),
      'models.get': (wanted) => this.#get(wanted),
      'models.convert': ({ folder: given, type }) => {
        const from = givenPath(given)
        const output = convertedName(registry.downloads, nameOf(from), type)
        return this.#tasks.add(basename(output), { kind: 'convert', folder: from, type, output })
      },
      'tasks.list': () => this.#tasks.list(),
      'tasks.command': async ({ task, command }) => {
        await this.#tasks.command(task, command)
        return {}
      },
      'servers.models': async ({ server }) => ({
        models: await engine.serverModels(serverUrl(server)),
      }),
      'servers.add': async ({ server: url, name }) => {
        const server = serverUrl(url)
        await engine.modelInfo(serverAddress({ server, name }))
        return listed(await registry.addServer({ server, name }))
      },
      'servers.key': ({ server, key }) => ({ server: engine.setKey(server, key) }),
      'workers.list': () => engine.workers(),
      'workers.pair': ({ worker, code }) => engine.pairWorker(worker, code),
      'workers.forget': ({ worker }) => {
        engine.forgetWorker(worker)
        return {}
      },
      'hub.token': ({ token }) => {
        this.#hub.token = token
        return {}
      },
      'devices.list': async () => (await engine.devices()).devices,
      'devices.state': () => engine.devices(),
      'devices.fetch': ({ backend }) => this.#tasks.add(backend, { kind: 'backend', backend }),
      'engine.loaded': () => engine.loaded(),
      'engine.unload': async ({ file }) => {
        await this.#unload(file)
        return {}
      },
    }
  }

  close(): Promise<void> {
    return this.#tasks.close()
  }

  /**
   * Completes a run's settings where the request gives none: the device that was chosen for its
   * model, and as many layers on a GPU as fit. Ignores errors, because the run itself reports them.
   */
  async settle(
    file: string,
    settings: RunRequest['settings'],
    layers = true,
  ): Promise<RunRequest['settings']> {
    const chosen =
      settings.engine?.device ?? (await this.registry.device(file).catch(() => undefined))
    const next = {
      ...settings,
      alternatives: settings.alternatives ?? ALTERNATIVES,
      ...(chosen !== undefined && { engine: { ...settings.engine, device: chosen } }),
    }
    // All layers of a model over workers leave this machine, unless the user says how many.
    if (onServer(file) !== null || next.engine?.workers?.length) return next
    if (!layers || next.engine?.gpuLayers !== undefined || chosen?.toLowerCase() === 'cpu')
      return next
    try {
      const { devices } = await this.#engine.devices()
      const fits = await layersToPut(
        devices,
        () => this.#engine.most(file, next, 'gpuLayers'),
        () => this.#engine.modelInfo(file).then(({ layers }) => layers),
      )
      if (fits === undefined) return next
      // A model that is loaded with fewer layers stays as it is: an additional layer is not worth a
      // reload.
      const now = this.#engine
        .loaded()
        .find((one) => one.file === file && one.device !== 'cpu' && one.gpuLayers >= 0)?.gpuLayers
      return {
        ...next,
        engine: { ...next.engine, gpuLayers: now !== undefined && now <= fits ? now : fits },
      }
    } catch {
      return next
    }
  }

  /** Unloads a model. Throws `bad-request` if a run is using it. */
  async #unload(file: string): Promise<void> {
    if (this.#engine.loaded().some((one) => one.file === file && one.inUse))
      throw fail('bad-request/model-in-use')
    await this.#engine.unload({ file }, 'asked')
  }

  async #info(file: string): ReturnType<HostEngine['modelInfo']> {
    const [info, device] = await Promise.all([
      this.#engine.modelInfo(file),
      this.registry.device(file),
    ])
    const { engine } = info.defaults
    return {
      ...info,
      defaults: {
        ...info.defaults,
        alternatives: ALTERNATIVES,
        ...(device !== undefined && { engine: { ...engine, device } }),
      },
    }
  }

  /** Returns the models to recommend, with what is known of them without the hub. */
  async #catalogue(): Promise<CatalogueItem[]> {
    const room = await this.#room()
    return readCatalogue().map(
      ({ id, name, repo, kind, choice, licence, goodFor, parallel, aboutBytes }) => ({
        id,
        name,
        repo,
        kind,
        choice,
        licence,
        goodFor,
        parallel,
        aboutBytes,
        ...(aboutBytes !== undefined && { verdict: room(kind, aboutBytes) }),
      }),
    )
  }

  async #offer(ref: string): Promise<Offer> {
    const net = this.#hub.open()
    try {
      const found = await look(net, ref, readCatalogue())
      if (found.kind === 'url')
        return {
          gated: false,
          choices: [{ name: found.name, kind: 'gguf', files: found.files.length, sizeBytes: null }],
          chosen: found.name,
        }
      const { repo, chosen } = found
      const room = await this.#room()
      return {
        repo: repo.repo,
        gated: repo.gated,
        ...(repo.licence !== undefined && { licence: repo.licence }),
        ...(chosen !== undefined && { chosen: chosen.name }),
        choices: repo.choices.map(({ name, kind, files, sizeBytes }) => ({
          name,
          kind,
          files: files.length,
          sizeBytes,
          verdict: room(kind, sizeBytes),
        })),
      }
    } finally {
      await net.close()
    }
  }

  async #search(query: string): Promise<Result<'models.search'>> {
    const net = this.#hub.open()
    try {
      return await searchHub(net, query)
    } finally {
      await net.close()
    }
  }

  async #get({
    ref,
    choice,
    type = 'q8_0',
    sha256,
  }: z.output<(typeof METHODS)['models.get']['params']>): Promise<Task> {
    const net = this.#hub.open()
    try {
      const found = await look(net, ref, readCatalogue())
      const { name, folder, files, convertTo } = planOf(net, found, choice, sha256)
      const root = this.registry.downloads
      const at = join(root, folder)
      const job = {
        kind: 'download' as const,
        folder: at,
        files,
        ...(convertTo !== undefined && {
          convert: { type, output: join(at, '..', `${convertTo}-${type}.gguf`) },
        }),
      }
      // Add the model to the list again before anything is downloaded, so that cancelling the
      // download does not delete it.
      if (await takeMade(this.registry, job).catch(() => undefined)) this.#onModels()
      return this.#tasks.add(name, job)
    } finally {
      await net.close()
    }
  }

  /**
   * Returns a function that judges a model by the size of its download: whether it fits on a GPU or
   * in system memory.
   */
  async #room(): Promise<(kind: 'gguf' | 'folder', sizeBytes: number) => Fit['verdict']> {
    const devices = await this.#engine.devices().then(
      (state) => state.devices,
      () => [],
    )
    const [gpu, system] = [
      Math.max(
        0,
        ...devices.filter(({ type }) => type === 'gpu').map(({ memoryFree }) => memoryFree),
      ),
      systemFree(),
    ]
    return (kind, sizeBytes) => {
      // A folder is converted to about half the size of its 16-bit weights by default.
      const need = MARGIN * (kind === 'folder' ? sizeBytes / 2 : sizeBytes) + RUN_BYTES
      return need <= gpu || (gpu === 0 && need <= 0.9 * system)
        ? 'fits'
        : need <= system
          ? 'may-be-slow'
          : 'wont-fit'
    }
  }
}
