/** Predicted memory against what real contexts allocate: the rows of `npm run fit:table`, and of a test. */
import { join } from 'node:path'
import { fitModel, predict } from '../../engine/models/fit.ts'
import { modelInfo } from '../../engine/models/info.ts'
import { readModelFiles } from '../../engine/models/model-files.ts'
import { loadAddon } from '../../engine/native/index.ts'
import type { FlashAttention, KvType } from '../../engine/protocol/request.ts'
import { tinyModel, writeTiny, type TinyOptions } from '../support/tiny-models.ts'

export interface FitCase { cells: number; sequences: number; kvType: KvType; flashAttention: FlashAttention }

export const CASES: readonly FitCase[] = [
  { cells: 1024, sequences: 4, kvType: 'f16', flashAttention: 'auto' },
  { cells: 4096, sequences: 12, kvType: 'f16', flashAttention: 'off' },
  { cells: 8192, sequences: 20, kvType: 'q8_0', flashAttention: 'on' },
  { cells: 16_384, sequences: 12, kvType: 'f16', flashAttention: 'auto' },
]

export interface Sizes { weights: number; kv: number; compute: number }
export interface FitRow { model: string; setting: FitCase; predicted: Sizes; actual: Sizes }
export const sum = ({ weights, kv, compute }: Sizes) => weights + kv + compute
export const ratio = ({ predicted, actual }: FitRow) => sum(predicted) / sum(actual)

/** Small models of several shapes, two of them quantised by the engine. */
export async function smallModels(folder: string): Promise<{ name: string; file: string }[]> {
  const wide: TinyOptions = { shape: 'llama', layers: 3, heads: 8, kvHeads: 2, headDim: 64, ff: 1024, thoughts: 0, pairs: 2 }
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
  for (const type of ['q4_0', 'q4_k_m']) {
    const file = join(folder, `wide-${type}.gguf`)
    await loadAddon().quantize(models[2]!.file, file, type, 1)
    models.push({ name: `wide Llama ${type.toUpperCase()}`, file })
  }
  return models
}

/** Opens a model on a device and makes a context a setting. llama.cpp's figures count a mapped original beside its repacked copy. */
export async function measure(model: { name: string; file: string }, device: string, cases: readonly FitCase[] = CASES): Promise<FitRow[]> {
  const files = await readModelFiles(model.file)
  const info = await modelInfo(files)
  const fit = fitModel(files, info.nativePaths)
  const native = await loadAddon().openModel({ path: model.file, device, gpuLayers: device === 'cpu' ? 0 : -1 }).done
  const rows: FitRow[] = []
  for (const setting of cases) {
    const { kvType, flashAttention } = setting
    const { cpu, gpu, mappedTwice } = predict(fit, { ...info.defaults.engine, device, gpuLayers: -1, kvType, flashAttention }, setting)
    const context = await native.createContext({ ...setting, threads: 1 })
    const { weightBytes, kvBytes, computeBytes } = context.info
    await context.free()
    rows.push({
      model: model.name, setting,
      predicted: { weights: cpu.weights + gpu.weights + mappedTwice, kv: cpu.kv + gpu.kv, compute: cpu.compute + gpu.compute },
      actual: { weights: weightBytes, kv: kvBytes, compute: computeBytes },
    })
  }
  await native.close()
  return rows
}
