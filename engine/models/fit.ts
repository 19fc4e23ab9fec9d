/**
 * Memory of a run before anything is loaded: weights, KV cells and compute buffers a device, against what is free.
 * Weights and KV follow from the tensor table and the metadata; the compute buffer is the peak of llama.cpp's graph,
 * worked out from its stages and held against real contexts by `npm run fit:table`. Sizes in bytes.
 */
import { freemem } from 'node:os'
import { KvType, type RunSettings } from '../protocol/request.ts'
import type { DeviceInfo, Fit } from '../protocol/wire.ts'
import { cannotJoin } from './architectures.ts'
import { repacks } from './repack.ts'
import { KV_BYTES, kvElementsByLayer } from './kv.ts'
import { integerOf } from './keys.ts'
import type { ModelFiles } from './model-files.ts'

/** Tokens of one prefill step, and rows of logits at least kept for one (engine/native/core/context-params.cpp). */
const BATCH = 512
const LEAST_OUTPUTS = 32
/** KV cells come in blocks of this many. */
const CELL_BLOCK = 256
/** Kept for extending paths, and for rounding (engine/think/prepare.ts). */
const HEADROOM = 1024
const SLACK = 64
const SPARE_SEQUENCES = 8
/** Of a device's free memory, what a run may take before it is called slow. */
const COMFORT = 0.9

/** What the prediction needs of a model; cheap to keep. */
export interface FitModel {
  layers: number
  embedding: number
  /** Width of all feed-forward parts that a token goes through at once. */
  feedForward: number
  /** Heads and their width together. */
  heads: number
  attention: number
  vocabulary: number
  nativePaths: number
  joinable: boolean
  layerBytes: readonly number[]
  /** Token embedding: always in the CPU's memory. */
  inputBytes: number
  /** Output matrix, norms and what else is not in a layer. */
  outputBytes: number
  /** Where the token embedding is the output matrix too: the copy that a GPU needs of it, and the CPU where it keeps another layout. */
  tiedBytes: number
  tiedRepackedBytes: number
  /** Part of the layers' and the output's bytes that the CPU keeps in another layout; the mapped originals are not read again. */
  repackedBytes: number
  kvElements: readonly number[]
}

export function fitModel(files: ModelFiles, nativePaths: number): FitModel {
  const { header, tensors, dimensions: d } = files
  const key = (name: string) => integerOf(header, `${d.architecture}.${name}`, 0, 2 ** 24, 0)
  const layerBytes = new Array<number>(d.layers).fill(0)
  let inputBytes = 0, outputBytes = 0, repackedBytes = 0
  for (const tensor of tensors) {
    const layer = /^blk\.(\d+)\./.exec(tensor.name)
    if (layer && Number(layer[1]) < d.layers) layerBytes[Number(layer[1])]! += tensor.bytes
    else if (tensor.name === 'token_embd.weight') inputBytes += tensor.bytes
    else outputBytes += tensor.bytes
    if (tensor.name !== 'token_embd.weight' && repacks(tensor)) repackedBytes += tensor.bytes
  }
  const embedding = tensors.find(({ name }) => name === 'token_embd.weight')!
  const tied = !tensors.some(({ name }) => name === 'output.weight')
  const heads = Math.max(...d.heads)
  return {
    layers: d.layers, embedding: d.embedding, heads, attention: Math.max(d.embedding, heads * d.keyLength), vocabulary: d.vocabulary,
    feedForward: Math.max(d.feedForward, key('expert_used_count') * key('expert_feed_forward_length') + key('expert_shared_feed_forward_length')),
    nativePaths, joinable: cannotJoin(header, d.architecture) === undefined,
    layerBytes, inputBytes, outputBytes,
    tiedBytes: tied ? inputBytes : 0,
    tiedRepackedBytes: tied && repacks(embedding) ? inputBytes : 0,
    repackedBytes,
    kvElements: kvElementsByLayer(header, d),
  }
}

export interface Need { weights: number; kv: number; compute: number }
export interface Prediction {
  cells: number
  cpu: Need
  gpu: Need
  /** Layers of the model on the GPU, the output among them as one more. */
  gpuLayers: number
  /** Mapped parts of the file that are read once, at loading: counted by llama.cpp, needed by nobody. */
  mappedTwice: number
}

/** KV cells and sequences that a run asks for (engine/think/prepare.ts). */
export function contextOf(model: FitModel, settings: RunSettings, promptTokens: number): { cells: number; sequences: number } {
  const { strategy, paths, runs, budget, summaryBudget, engine, controls } = settings
  const groups = strategy === 'majority' ? paths : strategy === 'parallel-majority' ? runs : 1
  const size = strategy === 'majority' || strategy === 'sequential' ? 1 : paths
  const all = groups * size
  const summaries = model.nativePaths > 0 || strategy === 'parallel' || strategy === 'parallel-majority'
  const reread = controls.fusion === 'reread' || (controls.fusion === 'auto' && (model.nativePaths === 0 || !model.joinable))
  const summaryCells = summaries ? groups * (summaryBudget + (reread ? promptTokens + 128 : 0)) + (reread ? 24 * all : 0) : 0
  const wanted = engine.context > 0 ? engine.context : promptTokens + all * budget + summaryCells + Math.min(budget, HEADROOM) + SLACK
  return { cells: Math.ceil(wanted / CELL_BLOCK) * CELL_BLOCK, sequences: Math.min(256, 1 + all + 2 * groups + SPARE_SEQUENCES) }
}

/** Memory of a context of this size, with the settings' device (`cpu` or a GPU) and layers. */
export function predict(model: FitModel, engine: RunSettings['engine'], { cells, sequences }: { cells: number; sequences: number }): Prediction {
  const onGpu = engine.device.toLowerCase() === 'cpu' ? 0 : engine.gpuLayers < 0 ? model.layers + 1 : Math.min(engine.gpuLayers, model.layers + 1)
  // llama.cpp counts the output as the last layer and takes layers from the end.
  const first = model.layers + 1 - onGpu
  const isGpu = (layer: number) => layer >= first
  const split = (values: readonly number[], gpu: boolean) => values.reduce((sum, value, layer) => sum + (isGpu(layer) === gpu ? value : 0), 0)
  const outputOnGpu = onGpu > 0
  const perElement = KV_BYTES[engine.kvType]
  const compute = computeBytes(model, engine, cells, sequences)
  const cpu: Need = {
    weights: model.inputBytes + split(model.layerBytes, false) + (outputOnGpu ? 0 : model.outputBytes + model.tiedRepackedBytes),
    kv: split(model.kvElements, false) * cells * perElement,
    compute: onGpu === 0 ? compute : onGpu > model.layers ? handedOver(model, engine, cells) : compute,
  }
  const gpu: Need = {
    weights: onGpu === 0 ? 0 : split(model.layerBytes, true) + model.outputBytes + model.tiedBytes,
    kv: split(model.kvElements, true) * cells * perElement,
    compute: onGpu === 0 ? 0 : compute,
  }
  return { cells, cpu, gpu, gpuLayers: onGpu, mappedTwice: onGpu === 0 ? model.repackedBytes : 0 }
}

/** What the CPU hands to a GPU: embeddings and mask of one step. */
function handedOver({ embedding }: FitModel, { flashAttention }: RunSettings['engine'], cells: number): number {
  return BATCH * (embedding * 4 + cells * (flashAttention !== 'off' ? 2 : 4))
}

/**
 * The largest of the stages of one prefill step, with the mask beside them:
 * feed-forward (three rows of its width, four of the model's), attention (scores of every head without flash
 * attention) and output (logits of a step's sequences).
 */
function computeBytes(model: FitModel, { flashAttention }: RunSettings['engine'], cells: number, sequences: number): number {
  const batch = Math.max(BATCH, sequences)
  const rounded = Math.min(cells, batch)
  const tokens = Math.ceil(rounded / sequences) * sequences
  const flash = flashAttention !== 'off'
  const feedForward = tokens * 4 * (3 * model.feedForward + 4 * model.embedding)
  const attention = tokens * 4 * (6 * model.attention + (flash ? 0 : model.heads * cells))
  const output = Math.min(batch, Math.max(sequences, LEAST_OUTPUTS)) * model.vocabulary * 4 + tokens * 4 * model.embedding
  return tokens * cells * (flash ? 2 : 4) + Math.max(feedForward, attention, output)
}

/** Memory that programs may still take, within a container's limit. */
export function systemFree(): number {
  // From Node 20.13 on.
  return (process as { availableMemory?: () => number }).availableMemory?.() ?? freemem()
}

const total = ({ weights, kv, compute }: Need) => weights + kv + compute

/** Whether the run fits its device: `auto` is the first GPU, else the CPU. Error: none; an unknown device counts as the CPU. */
export function fit(model: FitModel, settings: RunSettings, promptTokens: number, devices: readonly DeviceInfo[], free = systemFree()): Fit {
  const device = deviceOf(settings.engine.device, devices)
  const engine = { ...settings.engine, device: device?.name ?? 'cpu' }
  const { cells, cpu, gpu, gpuLayers } = predict(model, engine, contextOf(model, settings, promptTokens))
  const short = [
    // An integrated GPU takes its memory from the system.
    { device: 'CPU', bytes: total(cpu) + (device?.type === 'igpu' ? total(gpu) : 0) - free },
    { device: device?.name ?? 'CPU', bytes: device ? total(gpu) - device.memoryFree : -1 },
  ].reduce((a, b) => (b.bytes > a.bytes ? b : a))
  const kvElements = model.kvElements.reduce((sum, one) => sum + one, 0)
  const tight = device ? total(gpu) > COMFORT * device.memoryFree || gpuLayers <= model.layers : total(cpu) > COMFORT * free
  return {
    weights: cpu.weights + gpu.weights, kv: cpu.kv + gpu.kv, compute: cpu.compute + gpu.compute, total: total(cpu) + total(gpu),
    free: device && device.type !== 'igpu' ? device.memoryFree + free : free,
    verdict: short.bytes > 0 ? 'wont-fit' : tight ? 'may-be-slow' : 'fits',
    ...(short.bytes > 0 && { short }),
    cells,
    devices: [{ name: 'CPU', ...cpu, free }, ...(device && gpuLayers > 0 ? [{ name: device.name, ...gpu, free: device.memoryFree }] : [])],
    kvByType: Object.fromEntries(KvType.options.map((type) => [type, Math.round(kvElements * cells * KV_BYTES[type])])) as Fit['kvByType'],
  }
}

function deviceOf(name: string, devices: readonly DeviceInfo[]): DeviceInfo | undefined {
  if (name === 'auto') return devices.find(({ type }) => type === 'gpu') ?? devices.find(({ type }) => type === 'igpu')
  return devices.find((device) => device.name === name && device.type !== 'cpu')
}

/** The most layers that fit on the device, the output counted as one; 0: none, or no GPU. */
export function mostGpuLayers(model: FitModel, settings: RunSettings, promptTokens: number, devices: readonly DeviceInfo[], free = systemFree()): number {
  if (!deviceOf(settings.engine.device, devices)) return 0
  return largest(model.layers + 1, (gpuLayers) => ({ ...settings, engine: { ...settings.engine, gpuLayers } }), model, promptTokens, devices, free)
}

/** The most paths of this budget that fit; 0: not one. */
export function mostPaths(model: FitModel, settings: RunSettings, promptTokens: number, devices: readonly DeviceInfo[], limit: number, free = systemFree()): number {
  return largest(limit, (paths) => ({ ...settings, paths }), model, promptTokens, devices, free)
}

/** The longest budget that fits with these paths; 0: none. */
export function longestBudget(model: FitModel, settings: RunSettings, promptTokens: number, devices: readonly DeviceInfo[], limit: number, free = systemFree()): number {
  return largest(limit, (budget) => ({ ...settings, budget }), model, promptTokens, devices, free)
}

function largest(limit: number, change: (n: number) => RunSettings, model: FitModel, promptTokens: number, devices: readonly DeviceInfo[], free: number): number {
  let [low, high] = [0, limit]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (fit(model, change(middle), promptTokens, devices, free).verdict === 'wont-fit') high = middle - 1
    else low = middle
  }
  return low
}
