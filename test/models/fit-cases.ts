/** Predicted memory against what real contexts allocate: the rows of `npm run fit:table` and of a test. */
import { join } from 'node:path'
import { Plans } from '../../engine/models/plans.ts'
import { loadAddon, type NativeMemory } from '../../engine/native/load.ts'
import type { FlashAttention, KvType } from '../../engine/protocol/request.ts'
import { tinyModel, writeTiny, type TinyOptions } from '../support/tiny-models.ts'

export interface FitCase {
  cells: number
  sequences: number
  kvType: KvType
  flashAttention: FlashAttention
}

export const CASES: readonly FitCase[] = [
  { cells: 1024, sequences: 4, kvType: 'f16', flashAttention: 'auto' },
  { cells: 4096, sequences: 12, kvType: 'f16', flashAttention: 'off' },
  { cells: 8192, sequences: 20, kvType: 'q8_0', flashAttention: 'on' },
  { cells: 16_384, sequences: 128, kvType: 'f16', flashAttention: 'auto' },
]

/** Memory of one context on one device. */
export interface FitRow {
  model: string
  setting: FitCase
  gpuLayers: number
  predicted: NativeMemory
  actual: NativeMemory
}
export const sum = ({ weights, kv, compute }: NativeMemory) => weights + kv + compute
export const ratio = ({ predicted, actual }: FitRow) => sum(predicted) / sum(actual)

/** Writes small models of several shapes, some of them quantised by the engine into types that CPUs repack. */
export async function smallModels(folder: string): Promise<{ name: string; file: string }[]> {
  const wide: TinyOptions = {
    shape: 'llama',
    layers: 3,
    heads: 8,
    kvHeads: 2,
    headDim: 64,
    ff: 1024,
    thoughts: 0,
    pairs: 2,
  }
  const make = (name: string, options: TinyOptions) => {
    const file = join(folder, `${name.replaceAll(' ', '-')}.gguf`)
    return { name, file: writeTiny(tinyModel(options), folder, file) }
  }
  const models = [
    make('tiny Qwen2 F32', { shape: 'qwen2' }),
    make('tiny Llama F32 tied', { shape: 'llama', tied: true, layers: 6, headDim: 64 }),
    make('wide Llama F32', wide),
    make('wide Llama F16 tied', { ...wide, type: 'f16', tied: true }),
  ]
  for (const type of ['q4_0', 'q4_1', 'q4_k_m', 'q8_0']) {
    for (const { name, file: from } of models.slice(2, 4)) {
      const file = from.replace('.gguf', `-${type}.gguf`)
      await loadAddon().quantize(from, file, type, 1)
      models.push({ name: `${name.replace(/F\d+/, type.toUpperCase())}`, file })
    }
  }
  return models
}

/** Opens a model on a device and makes a context per case: returns a row per device on which it takes memory. */
export async function measure(
  model: { name: string; file: string },
  device: string,
  gpuLayers = device === 'cpu' ? 0 : -1,
  cases: readonly FitCase[] = CASES,
): Promise<FitRow[]> {
  const addon = loadAddon()
  const plans = new Plans(() => Promise.resolve(addon))
  const native = await addon.openModel({ path: model.file, device, gpuLayers }).done
  const rows: FitRow[] = []
  for (const setting of cases) {
    const measured = await plans.measure(model.file, { ...setting, device, gpuLayers }, setting)
    const context = await native.createContext({ ...setting, threads: 1 })
    const { cells, devices } = context.info
    await context.free()
    if (measured.cells !== cells || measured.devices.length !== devices.length)
      throw new Error(`${model.name}: ${JSON.stringify(measured)} for ${JSON.stringify(devices)}`)
    for (const [i, actual] of devices.entries())
      rows.push({
        model: model.name,
        setting,
        gpuLayers,
        predicted: measured.devices[i]!,
        actual,
      })
  }
  await plans.close()
  await native.close()
  return rows
}
