import { stat } from 'node:fs/promises'
import { BraidError, fail, toBraidError } from '../protocol/errors.ts'
import { onServer, type ServerAddress } from '../protocol/address.ts'
import type { ModelRef } from '../protocol/events.ts'
import type { EngineOptions } from '../protocol/request.ts'
import type { ModelInfo } from '../protocol/wire.ts'
import type { NativeAddon, NativeDevice, NativeModel } from '../native/index.ts'
import { systemFree } from './fit.ts'
import { abortable } from '../native/index.ts'
import {
  findControlTokens,
  forkMarks,
  findThoughtMarks,
  promptTokenizer,
  type PromptTokenizer,
  type ControlTokens,
  type ThoughtMarks,
} from '../prompt/index.ts'
import { serverUrl, type Limits } from '../remote/index.ts'
import { isRemote, serverModel } from './server-model.ts'
import { Turns } from './turns.ts'
import type { Held, WorkerLinks } from '../workers/index.ts'
import type { Notice } from '../protocol/wording.ts'

/** A loaded model and what runs need to know about it. */
export interface LoadedModel extends PromptTokenizer {
  native: NativeModel
  file: string
  sizeBytes: number
  ref: ModelRef
  tokens: ControlTokens
  thought: ThoughtMarks
  kvBytesPerToken: ModelInfo['kvBytesPerToken']
  /** Name of the device that holds the model; of its workers and its device if it has workers. */
  device: string
  /** Addresses of the workers that hold layers of the model. */
  workers: readonly string[]
  /** Set if the model was not loaded as requested: fewer layers fit on the GPU. */
  notice?: Notice
}

export type Inspect = (file: string) => Promise<ModelInfo>

/** Resolves `auto` to the first GPU, else the CPU. */
export function chooseDevice(devices: readonly NativeDevice[], asked: string): string {
  if (asked !== 'auto') return asked.toLowerCase() === 'cpu' ? 'cpu' : asked
  return (
    (devices.find(({ type }) => type === 'gpu') ?? devices.find(({ type }) => type === 'igpu'))
      ?.name ?? 'cpu'
  )
}

interface Kept {
  key: string
  /** What a model over workers holds of them. */
  held: Held | null
  /** Number of layers as requested: -1 is all. */
  gpuLayers: number
  model: LoadedModel
  uses: number
  /** When the model was last used, as `Date.now()`. */
  usedAt: number
}

/**
 * Bytes that must stay free for the runs of a newly loaded model; otherwise idle models are
 * unloaded.
 */
const ELBOW_ROOM = 2 ** 30
const MARGIN = 1.2

/** Where a model is loaded: `names` are those of the workers' devices, `local` is a device here. */
interface Where extends Pick<LoadedModel, 'device' | 'workers'> {
  local: string
  names: string[] | undefined
}

export type Unloaded = { name: string; reason: 'idle' | 'room' | 'asked' }

export interface ModelsOptions {
  /** Returns the free bytes of the system. */
  free?: () => number
  /** Returns the key of a server; undefined if it needs none. */
  keyOf?: ((server: string) => string | undefined) | undefined
  /** Bounds of what is asked of servers. */
  serverLimits?: Limits | undefined
  /** Connects with workers; without it, no model uses any. */
  workers?: Pick<WorkerLinks, 'hold'> | undefined
}

/**
 * Keeps models in memory. `use` loads a model or reuses a loaded one, and uses are counted. An idle
 * model stays loaded for the next run, and is unloaded, least recently used first, if its memory is
 * needed. One model is loaded at a time.
 */
export class Models {
  /** In order of last use, the most recent last. */
  #kept: Kept[] = []
  /** Free bytes of devices with workers, when they were last asked. */
  readonly #workersFree = new Map<string, number>()
  readonly #turns = new Turns()
  /**
   * Frees contexts of matching models that no run works in, and so the models; returns false if
   * there were none. Called if unloading idle models is not enough.
   */
  freeIdle: (which: (model: LoadedModel) => boolean) => Promise<boolean> = () =>
    Promise.resolve(false)
  /** Called when the set of loaded models changes. */
  onChange: ((unloaded?: Unloaded) => void) | undefined

  constructor(
    private readonly addon: NativeAddon,
    private readonly inspect: Inspect,
    private readonly options: ModelsOptions = {},
  ) {}

  /**
   * Loads or reuses a model, or connects to one on a server. `file`: also an address (address.ts).
   * Throws `model-not-found`, `bad-model`, `unknown-device`, `out-of-memory` or `cancelled`; for a
   * server, `bad-request` or `io`.
   */
  use(
    file: string,
    options: EngineOptions,
    signal: AbortSignal,
    onProgress?: (fraction: number) => void,
  ): Promise<LoadedModel> {
    return this.#turns.take(signal, () => this.#use(file, options, signal, onProgress))
  }

  async #use(
    file: string,
    options: EngineOptions,
    signal: AbortSignal,
    onProgress?: (fraction: number) => void,
  ): Promise<LoadedModel> {
    const address = onServer(file)
    if (address !== null) return this.#take(await this.#connected(file, address, signal))
    const local = chooseDevice(this.addon.devices(), options.device)
    const { workers = [] } = options
    const device = [...workers, ...(local === 'cpu' ? [] : [local])].join(' + ') || 'cpu'
    const gpuLayers = device === 'cpu' ? 0 : options.gpuLayers
    const { size, mtimeMs } = await stat(file).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOENT'
        ? fail('model-not-found/missing', { file })
        : fail('model-not-found/unreadable', { file, reason: error.message })
    })
    const key = JSON.stringify([file, size, mtimeMs, device, gpuLayers])
    let kept = this.#kept.find((one) => one.key === key)
    if (kept === undefined) {
      const info = await abortable(signal, this.inspect(file))
      // Unload other copies of the same file: on another device, or from before it changed on disk.
      await this.freeIdle((model) => model.file === file)
      await this.#closeWhere((one) => one.model.file === file, 'room')
      const held = workers.length === 0 ? null : await this.#hold(workers, local, device)
      try {
        await this.#makeRoom(MARGIN * info.sizeBytes + ELBOW_ROOM, device)
        const where = { device, local, workers, names: held?.devices.map(({ name }) => name) }
        const open = () => this.#open(file, info, where, gpuLayers, signal, onProgress)
        const model = await open().catch(async (error: unknown) => {
          if (toBraidError(error).code !== 'out-of-memory' || !(await this.#closeAll())) throw error
          return open()
        })
        kept = { key, held, gpuLayers, model, uses: 0, usedAt: 0 }
      } catch (error) {
        await held?.release()
        throw error
      }
      this.#kept.push(kept)
    }
    return this.#take(kept)
  }

  async #hold(workers: readonly string[], local: string, device: string): Promise<Held> {
    const held = await this.options.workers?.hold(workers)
    if (held === undefined) throw fail('native-missing/rpc')
    const free = held.devices.reduce((sum, { memoryFree }) => sum + memoryFree, 0)
    this.#workersFree.set(device, free + (local === 'cpu' ? 0 : this.#freeOn(local)))
    return held
  }

  #take(kept: Kept): LoadedModel {
    kept.uses++
    this.touch(kept.model)
    this.#kept = [...this.#kept.filter((one) => one !== kept), kept]
    this.onChange?.()
    return kept.model
  }

  /** A connection is kept like a model in memory, and made again with another key. */
  async #connected(file: string, address: ServerAddress, signal: AbortSignal): Promise<Kept> {
    const secret = this.options.keyOf?.(serverUrl(address.server))
    const key = JSON.stringify([file, secret ?? null])
    const kept = this.#kept.find((one) => one.key === key)
    if (kept !== undefined) return kept
    await this.#closeWhere((one) => one.model.file === file, 'room')
    const { serverLimits } = this.options
    const model = await serverModel(file, address, { key: secret, limits: serverLimits }, signal)
    const made = { key, held: null, gpuLayers: 0, model, uses: 0, usedAt: 0 }
    this.#kept.push(made)
    return made
  }

  /** Marks the model as just used. */
  touch(model: LoadedModel): void {
    const kept = this.#of(model)
    if (kept) kept.usedAt = Date.now()
  }

  retain(model: LoadedModel): void {
    const kept = this.#of(model)
    if (kept) kept.uses++
  }

  release(model: LoadedModel): void {
    const kept = this.#of(model)
    if (kept) kept.uses--
  }

  /**
   * Lists the loaded models. `onDevice` is the approximate number of bytes on the model's device.
   */
  list(): {
    file: string
    name: string
    device: string
    workers: readonly string[]
    sizeBytes: number
    gpuLayers: number
    onDevice: number
    uses: number
    usedAt: number
  }[] {
    return this.#kept.map(
      ({ model: { file, ref, sizeBytes, device, workers, native }, gpuLayers, uses, usedAt }) => {
        const share =
          device === 'cpu' || gpuLayers < 0 ? 1 : Math.min(1, gpuLayers / (native.info.layers + 1))
        return {
          file,
          name: ref.name,
          device,
          workers,
          sizeBytes,
          gpuLayers,
          onDevice: Math.round(share * sizeBytes),
          uses,
          usedAt,
        }
      },
    )
  }

  /**
   * Ensures `bytes` are free on the model's device before its context is made: unloads idle models,
   * least recently used first, until it fits. Returns false if none was unloaded.
   */
  async room(model: LoadedModel, bytes: number): Promise<boolean> {
    if (isRemote(model)) return false
    return this.#makeRoom(bytes, model.device, model)
  }

  /** Unloads the idle models that `which` selects. */
  async unload(
    which: (model: { file: string; usedAt: number; workers: readonly string[] }) => boolean,
    reason: Unloaded['reason'],
  ): Promise<void> {
    await this.#closeWhere(
      ({ model: { file, workers }, usedAt }) => which({ file, workers, usedAt }),
      reason,
    )
  }

  /** Returns the free bytes on the model's device. */
  freeBytes(model: LoadedModel): number {
    return isRemote(model) ? Infinity : this.#freeOn(model.device)
  }

  /** Unloads all models. Throws `internal` if one is in use. */
  close(): Promise<void> {
    return this.#turns.take(new AbortController().signal, () => this.#close())
  }

  async #close(): Promise<void> {
    if (this.#kept.some(({ uses }) => uses > 0))
      throw new BraidError('internal', 'A model that is in use cannot be closed.')
    await this.#closeWhere(() => true, 'asked')
  }

  #of(model: LoadedModel): Kept | undefined {
    return this.#kept.find((one) => one.model === model)
  }

  /**
   * Unloads idle models until `bytes` are free. Weights on the CPU are mapped from their file, so
   * the system counts their memory as free; it is subtracted here, and so are weights on workers,
   * which were asked before.
   */
  async #makeRoom(bytes: number, device: string, keep?: LoadedModel): Promise<boolean> {
    const enough = () => {
      const others = this.#kept
        .filter((one) => one.model.device === device)
        .reduce((sum, { model }) => sum + model.sizeBytes, 0)
      const counted = device === 'cpu' || this.#workersFree.has(device)
      return this.#freeOn(device) - (counted ? others : 0) >= bytes
    }
    let made = false
    while (!enough()) {
      const oldest = this.#kept.find(
        ({ uses, model }) => uses === 0 && model !== keep && model.device === device,
      )
      const freed =
        oldest === undefined
          ? await this.freeIdle((model) => model.device === device && model !== keep)
          : await this.#closeWhere((one) => one === oldest, 'room')
      if (!freed) break
      made = true
    }
    return made
  }

  #freeOn(device: string): number {
    if (device === 'cpu') return (this.options.free ?? systemFree)()
    return (
      this.#workersFree.get(device) ??
      this.addon.devices().find(({ name }) => name === device)?.memoryFree ??
      0
    )
  }

  async #closeAll(): Promise<boolean> {
    const freed = await this.freeIdle(() => true)
    return (await this.#closeWhere(() => true, 'room')) || freed
  }

  /** Closes the idle models that `which` selects; returns false if there were none. */
  async #closeWhere(which: (one: Kept) => boolean, reason: Unloaded['reason']): Promise<boolean> {
    const going = this.#kept.filter((one) => one.uses === 0 && which(one))
    this.#kept = this.#kept.filter((one) => !going.includes(one))
    for (const { model, held } of going) {
      await model.native.close()
      await held?.release()
      this.onChange?.({ name: model.ref.name, reason })
    }
    return going.length > 0
  }

  async #open(
    file: string,
    info: ModelInfo,
    { device, local, workers, names }: Where,
    gpuLayers: number,
    signal: AbortSignal,
    onProgress?: (fraction: number) => void,
  ): Promise<LoadedModel> {
    const load = async (layers: number) => {
      const { done, cancel } = this.addon.openModel({
        path: info.file,
        device: local,
        ...(names !== undefined && { workers: names }),
        gpuLayers: layers,
        onProgress,
      })
      const late = done.then(
        (model) => () => model.close(),
        () => () => Promise.resolve(),
      )
      try {
        return await abortable(signal, done, cancel)
      } catch (error) {
        if (signal.aborted) late.then((close) => close()).catch(() => {})
        throw error
      }
    }
    let notice: Notice | undefined
    const native = await load(gpuLayers).catch((error: unknown) => {
      if (toBraidError(error).code !== 'out-of-memory' || gpuLayers === 0) throw error
      const fewer = Math.floor((gpuLayers < 0 ? info.layers : Math.min(gpuLayers, info.layers)) / 2)
      notice = { code: 'gpu-memory', params: { layers: fewer, all: info.layers, device } }
      return load(fewer)
    })
    const tokens = findControlTokens(native)
    const tokenizer = promptTokenizer(native)
    return {
      native,
      file,
      sizeBytes: info.sizeBytes,
      tokens,
      thought: findThoughtMarks(native),
      ...tokenizer,
      device,
      workers,
      notice,
      kvBytesPerToken: info.kvBytesPerToken,
      ref: {
        address: { file },
        name: info.name,
        architecture: info.architecture,
        sizeBytes: info.sizeBytes,
        headerSha256: info.headerSha256,
        nativePaths: tokens.pairs.length,
        thoughtRows: native.info.thoughtRows,
        ...(tokens.forks !== null && { forks: forkMarks(tokens.forks, tokenizer) }),
        scope: info.scope,
      },
    }
  }
}
