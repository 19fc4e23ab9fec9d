/**
 * Asks llama.cpp how much memory a model's contexts would take, using models opened without their
 * weights. Sizes are in bytes.
 */
import type { Size } from '../kv/index.ts'
import type { NativeAddon, NativeMemory, NativePlan } from '../native/index.ts'
import type { KvType, RunSettings } from '../protocol/request.ts'
import { filesOf, readModel, type KnownModel } from './info.ts'
import { stampOf } from './memo.ts'
import { triedModel } from './trial.ts'

/** Engine settings that affect memory. `device` is a device name: `cpu` or that of a GPU. */
export type PlanEngine = Pick<
  RunSettings['engine'],
  'device' | 'gpuLayers' | 'kvType' | 'flashAttention'
>

export interface Measured {
  /** Number of cells as rounded by llama.cpp. */
  cells: number
  /** Maximum number of cells that the GPU's buffers can hold. */
  mostCells: number
  /** Size of the logits of one token. */
  logitRowBytes: number
  /**
   * The CPU comes first. `weights` are counted as a loaded model takes them: repacked weights, plus
   * the range of the file that stays mapped.
   */
  devices: NativeMemory[]
  /**
   * Part of the CPU's weights that is read only once: originals of repacked weights. The system
   * reclaims it if memory is short.
   */
  droppable: number
}

export type Measure = (
  file: string,
  engine: PlanEngine,
  size: Size,
  signal?: AbortSignal,
) => Promise<Measured>

/**
 * Maximum number of cells to ask llama.cpp about. Above it the size is extrapolated: KV cells and
 * the mask of a step, both linear, outgrow everything else.
 */
const MOST_ASKED = 1 << 19
const BLOCK = 256
/** Number of plans whose answers are kept. */
const KEPT = 64

interface Entry {
  key: string
  model: KnownModel
  open: () => Promise<NativePlan>
  plan: Promise<NativePlan> | undefined
  /** Number of calls that are using the plan. */
  uses: number
  /** Bytes of the file that stay mapped, once known. */
  range: number | undefined
  readonly mostCells: Map<KvType, number>
  readonly asked: Map<string, Promise<Measured>>
}

/** Keeps the last few opened plans until they are idle for a while; keeps their answers longer. */
export class Plans {
  readonly #addon: () => Promise<Pick<NativeAddon, 'openPlan'>>
  readonly #open: number
  readonly #idleMs: number
  /** In order of last use, the most recent last. */
  readonly #entries = new Map<string, Entry>()
  #idle: NodeJS.Timeout | undefined

  constructor(
    addon: () => Promise<Pick<NativeAddon, 'openPlan'>>,
    { open = 3, idleMs = 60_000 }: { open?: number; idleMs?: number } = {},
  ) {
    this.#addon = addon
    this.#open = open
    this.#idleMs = idleMs
  }

  /**
   * Returns the memory of a context of this size, weights included. Rejects with `bad-model`,
   * `model-not-found`, `unknown-device`, `bad-combination`, `out-of-memory`, `native-missing` or
   * the signal's reason.
   */
  readonly measure: Measure = async (file, engine, size, signal) => {
    signal?.throwIfAborted()
    const entry = await this.#entry(file, engine)
    const { sequences } = size
    const { kvType, flashAttention } = engine
    const cells = Math.ceil(size.cells / BLOCK) * BLOCK
    const ask = (cells: number) => {
      signal?.throwIfAborted()
      return this.#ask(entry, { cells, sequences, kvType, flashAttention })
    }
    const most = Math.min(await this.#mostCells(entry, kvType), MOST_ASKED)
    if (cells <= most) return ask(cells)
    const [low, high] = [await ask(Math.ceil(most / 2 / BLOCK) * BLOCK), await ask(most)]
    const beyond = (cells - high.cells) / (high.cells - low.cells)
    const line = (a: number, b: number) => Math.round(b + beyond * (b - a))
    return {
      ...high,
      cells,
      devices: high.devices.map((one, i) => ({
        ...one,
        kv: line(low.devices[i]!.kv, one.kv),
        compute: line(low.devices[i]!.compute, one.compute),
      })),
    }
  }

  /** Closes the open plans once they have answered. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const entries = [...this.#entries.values()]
    await Promise.allSettled(entries.flatMap(({ asked }) => [...asked.values()]))
    await Promise.all(entries.map((entry) => this.#closePlan(entry)))
  }

  async #entry(file: string, { device, gpuLayers }: PlanEngine): Promise<Entry> {
    // Check the file before native code of this process sees it.
    const model = await readModel(file)
    const { stamp } = await stampOf(filesOf(file))
    const path = model.info.file
    const key = JSON.stringify([path, stamp, device, gpuLayers])
    if (!this.#entries.has(key)) await triedModel(file)
    const entry = this.#entries.get(key) ?? {
      key,
      model,
      open: async () => (await this.#addon()).openPlan({ path, device, gpuLayers }),
      plan: undefined,
      uses: 0,
      range: undefined,
      mostCells: new Map(),
      asked: new Map(),
    }
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    if (this.#entries.size > KEPT) {
      const oldest = [...this.#entries.values()].find(({ uses }) => uses === 0)
      if (oldest !== undefined) {
        this.#entries.delete(oldest.key)
        void this.#closePlan(oldest)
      }
    }
    return entry
  }

  #ask(entry: Entry, options: Parameters<NativePlan['measure']>[0]): Promise<Measured> {
    const key = JSON.stringify(options)
    const known = entry.asked.get(key)
    if (known !== undefined) return known
    const answer = this.#measure(entry, options)
    entry.asked.set(key, answer)
    answer.catch(() => entry.asked.delete(key))
    return answer
  }

  async #measure(entry: Entry, options: Parameters<NativePlan['measure']>[0]): Promise<Measured> {
    const mostCells = await this.#mostCells(entry, options.kvType)
    return this.#use(entry, async (plan) => {
      const { cells, logitRowBytes, devices } = await plan.measure(options)
      const [cpu, ...gpus] = devices
      const own = cpu!.weights - cpu!.repacked
      const range = Math.max(own, (entry.range ??= mappedRange(entry.model, plan.mapped)))
      return {
        cells,
        mostCells,
        logitRowBytes,
        devices: [{ ...cpu!, weights: cpu!.repacked + range }, ...gpus],
        droppable: range - own,
      }
    })
  }

  async #mostCells(entry: Entry, kvType: KvType): Promise<number> {
    const known = entry.mostCells.get(kvType)
    if (known !== undefined) return known
    const most = await this.#use(entry, (plan) => plan.mostCells(kvType))
    entry.mostCells.set(kvType, most)
    return most
  }

  async #use<T>(entry: Entry, work: (plan: NativePlan) => T | Promise<T>): Promise<T> {
    clearTimeout(this.#idle)
    entry.uses++
    try {
      return await work(await (entry.plan ??= entry.open()))
    } catch (error) {
      if (entry.uses === 1) await this.#closePlan(entry)
      throw error
    } finally {
      entry.uses--
      const open = [...this.#entries.values()].filter(({ plan }) => plan !== undefined)
      for (const one of open.slice(0, Math.max(0, open.length - this.#open)))
        if (one.uses === 0) void this.#closePlan(one)
      this.#idle = setTimeout(() => void this.close(), this.#idleMs).unref()
    }
  }

  async #closePlan(entry: Entry): Promise<void> {
    const { plan } = entry
    entry.plan = undefined
    await plan?.then(
      (opened) => opened.close(),
      () => undefined,
    )
  }
}

/**
 * Returns how many bytes of the model's files stay mapped: in each file, everything from the first
 * to the last of these tensors (llama_model_loader::get_mapping_range).
 */
function mappedRange({ tensors }: KnownModel, names: readonly string[]): number {
  const ranges = new Map<number, { first: number; last: number }>()
  for (const name of names) {
    const tensor = tensors.get(name)
    if (tensor === undefined) continue
    const { part, offset, bytes } = tensor
    const range = ranges.get(part) ?? { first: offset, last: 0 }
    ranges.set(part, {
      first: Math.min(range.first, offset),
      last: Math.max(range.last, offset + bytes),
    })
  }
  return [...ranges.values()].reduce((sum, { first, last }) => sum + last - first, 0)
}
