import { stat } from 'node:fs/promises'
import { BraidError, toBraidError } from '../protocol/errors.ts'
import type { ModelRef } from '../protocol/events.ts'
import type { EngineOptions } from '../protocol/request.ts'
import type { ModelInfo } from '../protocol/wire.ts'
import type { NativeAddon, NativeDevice, NativeModel } from '../native/types.ts'
import { findControlTokens, type ControlTokens } from './control.ts'
import { plainTokenizer } from './prompt.ts'
import { abortable } from './turns.ts'

/** A model in memory and what runs need to know of it. */
export interface LoadedModel {
  native: NativeModel
  ref: ModelRef
  tokens: ControlTokens
  plain: (text: string) => number[]
  kvBytesPerToken: ModelInfo['kvBytesPerToken']
  /** Name of the device that holds it. */
  device: string
  /** Something went otherwise than asked: fewer layers fit on the GPU. */
  notice?: string
}

export type Inspect = (file: string) => Promise<ModelInfo>

/** The device that `auto` means: the first GPU, else the CPU. */
export function chooseDevice(devices: readonly NativeDevice[], asked: string): string {
  if (asked !== 'auto') return asked.toLowerCase() === 'cpu' ? 'cpu' : asked
  return (devices.find(({ type }) => type === 'gpu') ?? devices.find(({ type }) => type === 'igpu'))?.name ?? 'cpu'
}

/**
 * Keeps the last model in memory. `use` opens it, or another in its place; each use is counted, and a model is closed
 * when another is wanted and nobody uses it. Called by one run at a time (`Turns`).
 */
export class Models {
  #kept: { key: string; model: LoadedModel; uses: number } | null = null

  constructor(private readonly addon: NativeAddon, private readonly inspect: Inspect) {}

  /** Errors: `model-not-found`, `bad-model`, `unknown-device`, `out-of-memory`, `cancelled`. */
  async use(file: string, options: EngineOptions, signal: AbortSignal, onProgress?: (fraction: number) => void): Promise<LoadedModel> {
    const device = chooseDevice(this.addon.devices(), options.device)
    const gpuLayers = device === 'cpu' ? 0 : options.gpuLayers
    const { size, mtimeMs } = await stat(file).catch((error: NodeJS.ErrnoException) => {
      throw new BraidError('model-not-found', error.code === 'ENOENT' ? `There is no file ${file}.` : `${file} cannot be read: ${error.message}`)
    })
    const key = JSON.stringify([file, size, mtimeMs, device, gpuLayers])
    if (this.#kept?.key !== key) {
      await this.close()
      const model = await this.#open(file, device, gpuLayers, signal, onProgress)
      this.#kept = { key, model, uses: 0 }
    }
    this.#kept.uses++
    return this.#kept.model
  }

  retain(model: LoadedModel): void {
    if (this.#kept?.model === model) this.#kept.uses++
  }

  release(model: LoadedModel): void {
    if (this.#kept?.model === model) this.#kept.uses--
  }

  async close(): Promise<void> {
    const kept = this.#kept
    if (kept === null) return
    if (kept.uses > 0) throw new BraidError('internal', 'A model that is in use cannot be closed.')
    this.#kept = null
    await kept.model.native.close()
  }

  async #open(file: string, device: string, gpuLayers: number, signal: AbortSignal, onProgress?: (fraction: number) => void): Promise<LoadedModel> {
    const info = await abortable(signal, this.inspect(file))
    const load = async (layers: number) => {
      const { done, cancel } = this.addon.openModel({ path: info.file, device, gpuLayers: layers, onProgress })
      const late = done.then((model) => () => model.close(), () => () => Promise.resolve())
      try {
        return await abortable(signal, done, cancel)
      } catch (error) {
        if (signal.aborted) late.then((close) => close()).catch(() => {})
        throw error
      }
    }
    let notice: string | undefined
    const native = await load(gpuLayers).catch((error: unknown) => {
      if (toBraidError(error).code !== 'out-of-memory' || gpuLayers === 0) throw error
      const fewer = Math.floor((gpuLayers < 0 ? info.layers : Math.min(gpuLayers, info.layers)) / 2)
      notice = `Only ${fewer} of ${info.layers} layers were put on ${device}: its memory is short.`
      return load(fewer)
    })
    const tokens = findControlTokens(native)
    return {
      native, tokens, plain: plainTokenizer(native), device, notice, kvBytesPerToken: info.kvBytesPerToken,
      ref: {
        file, name: info.name, architecture: info.architecture, sizeBytes: info.sizeBytes, headerSha256: info.headerSha256,
        nativePaths: tokens.pairs.length, thoughtRows: native.info.thoughtRows, scope: info.scope,
      },
    }
  }
}
