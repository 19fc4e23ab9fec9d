/**
 * Compares the memory that a run needs with the memory that is free, before anything is loaded.
 * llama.cpp reports the size of the context and the weights (plans.ts); `engine/kv` decides how
 * large the context is. Sizes are in bytes.
 */
import { freemem, totalmem } from 'node:os'
import {
  contextCells,
  newRunDemand,
  sizeRun,
  SPARE_SEQUENCES,
  trainedPositions,
  type Size,
} from '../kv/index.ts'
import type { NativeAddon, NativeMemory } from '../native/index.ts'
import {
  KvType,
  MAX_BUDGET,
  MAX_PATHS,
  type RunRequest,
  type RunSettings,
} from '../protocol/request.ts'
import type { DeviceInfo, Fit, ModelInfo } from '../protocol/wire.ts'
import { budgetWithin, resolveSettings, summaryBudgetFor } from '../protocol/settings.ts'
import { fusionOf } from '../protocol/shapes.ts'
import type { WorkerDevice } from '../protocol/workers.ts'
import { fitOverWorkers } from './fit-workers.ts'
import { readModel } from './info.ts'
import { KV_BYTES } from './kv.ts'
import { Plans, type Measured } from './plans.ts'

/** Share of a device's free memory that a run may take before it is reported as slow. */
const COMFORT = 0.9
/** Assumed prompt length in tokens if the caller gives none: a problem of a few lines. */
const PROMPT_TOKENS = 256

type Settings = RunRequest['settings']

/** A run whose memory is to be estimated. */
export interface FitQuestion {
  file: string
  settings: Settings
  promptTokens?: number
  devices: readonly DeviceInfo[]
  /** The devices of the workers that the settings name. */
  workers?: readonly WorkerDevice[]
  /** Free system memory in bytes. */
  free: number
  signal?: AbortSignal
}

/** Returns the bytes of memory that programs can still take, within a container's limit. */
export function systemFree(): number {
  // Available since Node 20.13.
  return (process as { availableMemory?: () => number }).availableMemory?.() ?? freemem()
}

/** Returns the bytes of memory that this machine or its container has. */
export function systemTotal(): number {
  // Available since Node 19.6.
  const limit = (process as { constrainedMemory?: () => number }).constrainedMemory?.() ?? 0
  return limit > 0 && limit < totalmem() ? limit : totalmem()
}

/** Returns the context that a new run opens. */
export function sizeNewRun(
  settings: RunSettings,
  { nativePaths, cannotJoin, thinks }: Pick<ModelInfo, 'nativePaths' | 'cannotJoin' | 'thinks'>,
  promptTokens: number,
): Size {
  const trained = nativePaths > 0
  const fusion = fusionOf(settings.controls.fusion, cannotJoin === undefined)
  const model = { trained, fusion, thinks: thinks === true }
  const size = sizeRun(newRunDemand(settings, { ...model, promptTokens }))
  return { ...size, cells: contextCells(size, settings.engine.context) }
}

/**
 * Estimates the memory of runs. Calls may run beside a decode; all reject with the errors of
 * `Plans.measure`.
 */
export class Fits {
  readonly #plans: Plans

  constructor(addon: () => Promise<Pick<NativeAddon, 'openPlan'>>) {
    this.#plans = new Plans(addon)
  }

  /**
   * Returns whether the run fits its device. `auto` is the first GPU, else the CPU; an unknown
   * device counts as the CPU.
   */
  async fit(question: FitQuestion): Promise<Fit> {
    const { info, metadata, settings } = await resolve(question)
    const positions = trainedPositions({ ...info, metadata }, settings)
    const fit = await this.#judge(question, info, settings)
    return Number.isFinite(positions) ? { ...fit, positions } : fit
  }

  /**
   * Returns the largest value of one setting that fits while the others stay unchanged; 0 if none
   * fits. Paths and budgets leave the margin (`COMFORT`) below which a run may be slow; they are used
   * as they are offered. Paths are limited to the model's trained paths if the run forks from control tokens. For
   * layers, the output counts as one.
   */
  async most(question: FitQuestion, of: 'paths' | 'budget' | 'gpuLayers'): Promise<number> {
    const { info, settings } = await resolve(question)
    const { promptTokens = PROMPT_TOKENS } = question
    const within = (share: number) => ({
      ...question,
      free: question.free * share,
      devices: question.devices.map((one) => ({ ...one, memoryFree: one.memoryFree * share })),
      ...(question.workers && {
        workers: question.workers.map((one) => ({ ...one, memoryFree: one.memoryFree * share })),
      }),
    })
    const room = within(of === 'gpuLayers' ? 1 : COMFORT)
    const at = (change: Partial<RunSettings>) => this.#judge(room, info, { ...settings, ...change })
    if (of === 'gpuLayers' && question.workers !== undefined)
      return largest(info.layers + 1, (gpuLayers) =>
        at({ engine: { ...settings.engine, gpuLayers } }),
      )
    if (of === 'gpuLayers') {
      const device = deviceOf(settings.engine.device, question.devices)
      if (device === undefined) return 0
      return mostLayers(info.layers + 1, device, (gpuLayers) =>
        at({ engine: { ...settings.engine, gpuLayers } }),
      )
    }
    if (of === 'budget') {
      const { summaryBudget: asked } = question.settings
      // A path and its summary stand in one sequence.
      const left = Math.max(1, info.trainContext - promptTokens)
      const trained = asked === undefined ? budgetWithin(left) : left - asked
      return largest(Math.min(MAX_BUDGET, Math.max(1, trained)), (budget) =>
        at({ budget, summaryBudget: asked ?? summaryBudgetFor(budget) }),
      )
    }
    const fork = settings.strategy.startsWith('parallel') && !settings.reuseTokens
    const limit = fork && info.nativePaths > 0 ? info.nativePaths : MAX_PATHS
    return largest(limit, (paths) => at({ paths }))
  }

  /**
   * Returns the bytes of weights that the CPU repacks into its own layout, in addition to the
   * mapped file; 0 if the model cannot be read.
   */
  async repacked(file: string): Promise<number> {
    const engine = { device: 'cpu', gpuLayers: 0, kvType: 'f16', flashAttention: 'auto' } as const
    return this.#plans.measure(file, engine, { cells: 1, sequences: 1 }).then(
      ({ devices }) => devices[0]!.repacked,
      () => 0,
    )
  }

  close(): Promise<void> {
    return this.#plans.close()
  }

  async #judge(
    { file, promptTokens = PROMPT_TOKENS, devices, workers, free, signal }: FitQuestion,
    info: ModelInfo,
    settings: RunSettings,
  ): Promise<Fit> {
    // The layers of a model over workers are shared out by rule, without asking the workers.
    const device = workers === undefined ? deviceOf(settings.engine.device, devices) : undefined
    const size = sizeNewRun(settings, info, promptTokens)
    const gpuLayers = device === undefined ? 0 : layersOf(settings, info)
    const engine = {
      ...settings.engine,
      device: device?.name ?? 'cpu',
      gpuLayers: gpuLayers > info.layers ? -1 : gpuLayers,
    }
    const measured = await this.#plans.measure(file, engine, size, signal)
    const fit = judge(measured, {
      size,
      device,
      wholly: gpuLayers > info.layers,
      kvType: engine.kvType,
      free,
    })
    if (workers === undefined) return fit
    const share = Math.min(1, layersOf(settings, info) / (info.layers + 1))
    return fitOverWorkers(fit, workers, { share, comfort: COMFORT })
  }
}

async function resolve({ file, settings }: FitQuestion) {
  const { info, metadata } = await readModel(file)
  return {
    info,
    metadata,
    settings: resolveSettings(settings, { metadata, nativePaths: info.nativePaths }),
  }
}

const layersOf = ({ engine }: RunSettings, { layers }: ModelInfo) =>
  engine.gpuLayers < 0 ? layers + 1 : engine.gpuLayers

const total = ({ weights, kv, compute }: Pick<NativeMemory, 'weights' | 'kv' | 'compute'>) =>
  weights + kv + compute

/**
 * Compares the measured memory with the free memory. `wholly` is true if every layer is on the GPU.
 */
export function judge(
  measured: Measured,
  {
    size,
    device,
    wholly,
    kvType,
    free,
  }: {
    size: Size
    device: DeviceInfo | undefined
    wholly: boolean
    kvType: KvType
    free: number
  },
): Fit {
  // The engine keeps logits for the last token of the prompt, of each path and of each summary.
  const tails = (size.sequences - SPARE_SEQUENCES) * measured.logitRowBytes
  const [cpu, gpu] = measured.devices.map(({ device: name, weights, kv, compute }, i) => ({
    name,
    weights,
    kv,
    compute: compute + (i === 0 ? tails : 0),
    free: i === 0 ? free : device!.memoryFree,
  }))
  const shared = gpu !== undefined && device?.type === 'igpu' // its memory is the system's memory
  const needed = total(cpu!) - measured.droppable + (shared ? total(gpu) : 0)
  const beyond =
    gpu === undefined || measured.cells <= measured.mostCells
      ? 0
      : Math.ceil(gpu.kv * (1 - measured.mostCells / measured.cells))
  const short = [
    { device: cpu!.name, bytes: needed - free },
    { device: gpu?.name ?? cpu!.name, bytes: gpu ? total(gpu) - gpu.free : -1 },
    { device: gpu?.name ?? cpu!.name, bytes: beyond },
  ].reduce((a, b) => (b.bytes > a.bytes ? b : a))
  const tight = device
    ? !wholly || (gpu !== undefined && total(gpu) > COMFORT * gpu.free)
    : total(cpu!) > COMFORT * free
  const sum = (part: 'weights' | 'kv' | 'compute') => cpu![part] + (gpu?.[part] ?? 0)
  const kv = sum('kv')
  return {
    weights: sum('weights'),
    kv,
    compute: sum('compute'),
    total: total(cpu!) + (gpu ? total(gpu) : 0),
    free: device && device.type !== 'igpu' ? device.memoryFree + free : free,
    verdict: short.bytes > 0 ? 'wont-fit' : tight ? 'may-be-slow' : 'fits',
    ...(short.bytes > 0 && { short }),
    cells: measured.cells,
    devices: gpu ? [cpu!, gpu] : [cpu!],
    kvByType: Object.fromEntries(
      KvType.options.map((type) => [type, Math.round((kv * KV_BYTES[type]) / KV_BYTES[kvType])]),
    ) as Fit['kvByType'],
  }
}

function deviceOf(name: string, devices: readonly DeviceInfo[]): DeviceInfo | undefined {
  if (name === 'auto')
    return devices.find(({ type }) => type === 'gpu') ?? devices.find(({ type }) => type === 'igpu')
  return devices.find((device) => device.name === name && device.type !== 'cpu')
}

/** Returns the largest number up to `limit` whose run fits; 0 if none does. */
async function largest(limit: number, at: (n: number) => Promise<Fit>): Promise<number> {
  let [low, high] = [0, limit]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((await at(middle)).verdict === 'wont-fit') high = middle - 1
    else low = middle
  }
  return low
}

/**
 * Returns the largest number of GPU layers that fits. Each number needs another plan, so the next
 * one to try is interpolated linearly to save measurements.
 */
async function mostLayers(
  all: number,
  { name, memoryFree }: DeviceInfo,
  at: (layers: number) => Promise<Fit>,
): Promise<number> {
  const onGpu = ({ devices }: Fit) => total(devices.find((one) => one.name === name)!)
  const whole = await at(all)
  if (whole.verdict !== 'wont-fit') return all
  let [low, lowBytes] = [0, 0]
  let [high, highBytes] = [all, onGpu(whole)]
  while (high - low > 1) {
    const guess = low + ((memoryFree - lowBytes) / (highBytes - lowBytes)) * (high - low)
    // If the guess is at or above the upper bound, something other than GPU memory is short, so
    // bisect.
    const next = guess < high ? Math.max(low + 1, Math.floor(guess)) : (low + high) >> 1
    const fit = await at(next)
    if (fit.verdict === 'wont-fit') [high, highBytes] = [next, onGpu(fit)]
    else [low, lowBytes] = [next, onGpu(fit)]
  }
  return low
}
