import { abortable } from '../native/index.ts'
import { BraidError, toBraidError } from '../protocol/errors.ts'
import {
  bytesOf,
  checkMachine,
  contextKey,
  createContext,
  sharesParts,
  type ContextRequest,
  type KvModel,
} from './context.ts'
import { PoolLease, type Lease, type LeaseOptions } from './lease.ts'
import { Pool } from './pool.ts'
import { contextCells, MAX_SEQUENCES, type Size } from './size.ts'

/** The memory that pools take from. */
export interface Memory<Model extends KvModel> {
  /** Returns the free bytes on the model's device. */
  freeBytes(model: Model): number
  /**
   * Frees unused memory until this many bytes are free on the model's device; false if there was
   * none to free.
   */
  room(model: Model, bytes: number): Promise<boolean>
  retain(model: Model): void
  release(model: Model): void
}

export interface LeaseRequest<Model extends KvModel = KvModel> extends ContextRequest {
  model: Model
  size: Size
  /** Number of cells below which the run cannot start. */
  least: number
  /** Length of the prompt, in tokens. */
  prompt: number
  /** From `Pools.arrive`: who asked to work first is served first. */
  arrival: number
  /** The run shares its context with no other while it works, and starts on an empty one. */
  alone: boolean
  /** Called if memory is short: the lease has `cells` cells instead of `wanted`. */
  onShrunk: (cells: number, wanted: number) => void
  /** Called with the place in the queue from 1, when it changes; null once the wait is over. */
  onWaiting?: ((place: number | null) => void) | undefined
  onEvicted?: (() => void) | undefined
}

interface Ticket<Model extends KvModel> {
  request: LeaseRequest<Model>
  key: string
  size: Size
  place: number | null
  /** A context is being made for it. */
  making: boolean
  /** Other runs hold the memory for its context: it waits until one of them gives something back. */
  short: boolean
  resolve: (lease: Lease) => void
  reject: (error: unknown) => void
}

interface Kept<Model extends KvModel> {
  model: Model
  key: string
  pool: Pool
}

/** Factor that allows for compute buffers on top of the cells. */
const MARGIN = 1.2

/**
 * The contexts of an engine. Runs of the same model with the same context settings share a pool,
 * and wait in order of arrival if it is full. A pool is made for as many runs like its first one as
 * may work at once, but takes at most half of the device's free memory unless that one run needs
 * more; it never grows. A run that it could not hold even if empty waits until it is idle; then it
 * is replaced.
 */
export class Pools<Model extends KvModel> {
  readonly #memory: Memory<Model>
  /** Pools by age of their last use, the most recent last. */
  #kept: Kept<Model>[] = []
  #waiting: Ticket<Model>[] = []
  readonly #ids = new WeakMap<Model, number>()
  #nextId = 0
  #arrivals = 0

  /**
   * `jobs`: how many runs may work at once in a pool that is large enough. `paced`: somebody watches
   * them (`ContextOptions`).
   */
  constructor(
    memory: Memory<Model>,
    private readonly jobs: number,
    private readonly paced = true,
  ) {
    this.#memory = memory
  }

  /** Returns a run's place in the order of arrival, for its lease. */
  arrive(): number {
    return this.#arrivals++
  }

  /** Errors: `out-of-memory`, `bad-combination`, `cancelled`. */
  async lease(request: LeaseRequest<Model>): Promise<Lease> {
    const { model, settings, signal, size } = request
    const cells = contextCells(size, settings.engine.context)
    let ticket!: Ticket<Model>
    const granted = new Promise<Lease>((resolve, reject) => {
      ticket = {
        request,
        key: `${this.#id(model)} ${contextKey(request)}`,
        size: { cells, sequences: size.sequences },
        place: null,
        making: false,
        short: false,
        resolve,
        reject,
      }
    })
    this.#waiting.push(ticket)
    this.#waiting.sort((a, b) => a.request.arrival - b.request.arrival)
    this.#serve()
    try {
      return await abortable(signal, granted)
    } catch (error) {
      this.#drop(ticket)
      granted.then((lease) => lease.free()).catch(() => {})
      throw error
    }
  }

  /** Returns the pools that no run works in, with the bytes of their contexts. */
  idle(): { model: Model; bytes: number }[] {
    return this.#kept
      .filter(({ pool }) => pool.idle)
      .map(({ model, pool }) => {
        const { kvBytes, computeBytes } = pool.context.info
        return { model, bytes: kvBytes + computeBytes }
      })
  }

  /** Frees the idle pools that `which` selects; returns false if there were none. */
  async freeIdle(which: (model: Model) => boolean): Promise<boolean> {
    const going = this.#kept.filter(({ model }) => which(model))
    let freed = false
    for (const one of going) {
      // While one is freed, another may be taken by a run, replaced or freed.
      if (!one.pool.idle || this.#makes(one.key) || !this.#kept.includes(one)) continue
      freed = true
      await this.#dispose(one)
    }
    return freed
  }

  /** Frees all pools. All leases must have ended. */
  async close(): Promise<void> {
    for (const one of [...this.#kept]) await this.#dispose(one)
  }

  #id(model: Model): number {
    const id = this.#ids.get(model) ?? this.#nextId++
    this.#ids.set(model, id)
    return id
  }

  #makes(key: string): boolean {
    return this.#waiting.some((ticket) => ticket.making && ticket.key === key)
  }

  #poolOf(key: string): Kept<Model> | undefined {
    return this.#kept.find((one) => one.key === key)
  }

  /** Admits every run whose turn has come and that fits. */
  #serve(): void {
    const blocked = new Set<string>()
    for (const ticket of [...this.#waiting]) {
      if (blocked.has(ticket.key)) continue
      if (!this.#admit(ticket)) blocked.add(ticket.key)
    }
    this.#tellPlaces()
  }

  #admit(ticket: Ticket<Model>): boolean {
    const { key, size, making, short } = ticket
    if (making || short || this.#makes(key)) return false
    const kept = this.#poolOf(key)
    const usable = kept !== undefined && !kept.pool.context.info.lost
    if (usable && kept.pool.holds(size)) return this.#grant(ticket, kept, size)
    if (kept === undefined || kept.pool.idle) {
      ticket.making = true
      void this.#make(ticket, kept)
    }
    return false
  }

  #grant(ticket: Ticket<Model>, kept: Kept<Model>, { cells, sequences }: Size): boolean {
    const { request } = ticket
    const options: LeaseOptions = {
      prompt: request.prompt,
      kvType: request.settings.engine.kvType,
      thoughts: request.settings.controls.thoughtEmbedding,
      partial: sharesParts(request.model.native.info) && request.native?.swaFull !== false,
      limit: cells < ticket.size.cells ? kept.pool.size.cells : Infinity,
      onEvicted: request.onEvicted,
    }
    const lease = kept.pool.admit(
      { cells, sequences },
      request.alone,
      (taken) => new PoolLease(kept.pool, cells, taken, options),
    )
    if (lease === null) return false
    const { threads } = request.settings.engine
    const yields = threads === 0 && !request.alone
    void kept.pool.context.setThreads(threads, yields).catch(() => {})
    this.#kept = [...this.#kept.filter((one) => one !== kept), kept]
    this.#drop(ticket)
    ticket.resolve(lease)
    return true
  }

  /** Makes a pool for the ticket, in place of one that cannot hold it. */
  async #make(ticket: Ticket<Model>, before: Kept<Model> | undefined): Promise<void> {
    const { request, key, size } = ticket
    try {
      if (before !== undefined) await this.#dispose(before)
      const made = await this.#open(ticket)
      ticket.making = false
      ticket.short = made === null
      if (made === null) return
      const pool = new Pool(made.context, made.size, () => this.#freed())
      const kept = { model: request.model, key, pool }
      this.#kept.push(kept)
      this.#memory.retain(request.model)
      if (!this.#waiting.includes(ticket)) return // it was cancelled meanwhile
      const cells = Math.min(size.cells, made.size.cells)
      if (cells < size.cells) request.onShrunk(cells, size.cells)
      if (!this.#grant(ticket, kept, { cells, sequences: size.sequences }))
        throw new BraidError('internal', 'A new pool does not hold the run that it was made for.')
    } catch (error) {
      ticket.making = false
      this.#drop(ticket)
      ticket.reject(error)
    } finally {
      this.#serve()
    }
  }

  /**
   * Creates a context for several such runs, or for one. If memory is short, idle pools and models
   * are freed first; then the context is made smaller, down to half of what lies above `least`.
   * Returns null if other runs hold the memory, which they will free.
   */
  async #open({ request, size }: Ticket<Model>): Promise<{
    context: Awaited<ReturnType<typeof createContext>>
    size: Size
  } | null> {
    const { model, least } = request
    const smaller = least + Math.floor((size.cells - least) / 2)
    // Idle models are not unloaded for a context that would not fit into an empty machine.
    checkMachine(Math.min(size.cells, smaller), request)
    await this.#room(model, MARGIN * bytesOf(size, request))
    const runs = this.#runs(size, request)
    const attempt = async (one: Size) => {
      try {
        return { context: await createContext(one, request, this.paced), size: one }
      } catch (error) {
        if (toBraidError(error).code !== 'out-of-memory') throw error
        return null
      }
    }
    const several = { cells: runs * size.cells, sequences: runs * size.sequences }
    const made =
      (runs > 1 ? await attempt(several) : null) ??
      (await attempt(size)) ??
      ((await this.#room(model, Infinity)) ? await attempt(size) : null)
    if (made !== null) return made
    if (this.#kept.some(({ pool }) => !pool.idle)) return null
    const less = { cells: Math.min(smaller, size.cells), sequences: size.sequences }
    return { context: await createContext(less, request, this.paced), size: less }
  }

  /** Returns how many runs of this size a new pool is made for. */
  #runs(size: Size, request: LeaseRequest<Model>): number {
    const half = this.#memory.freeBytes(request.model) / 2
    const most = Math.min(
      this.jobs,
      Math.floor(MAX_SEQUENCES / size.sequences),
      Math.floor(half / bytesOf(size, request)),
    )
    return request.alone ? 1 : Math.max(1, most)
  }

  /**
   * Frees idle models and pools until the bytes are free, this model's pools last; returns false if
   * there were none.
   */
  async #room(model: Model, bytes: number): Promise<boolean> {
    const made = await this.#memory.room(model, bytes)
    if (this.#memory.freeBytes(model) >= bytes) return made
    return (await this.freeIdle((other) => other === model)) || made
  }

  async #dispose(kept: Kept<Model>): Promise<void> {
    this.#kept = this.#kept.filter((one) => one !== kept)
    kept.pool.evictAll()
    await kept.pool.context.free()
    this.#memory.release(kept.model)
    this.#freed()
  }

  /** Cells or sequences became free. */
  #freed(): void {
    for (const ticket of this.#waiting) ticket.short = false
    queueMicrotask(() => this.#serve())
  }

  #drop(ticket: Ticket<Model>): void {
    if (!this.#waiting.includes(ticket)) return
    this.#waiting = this.#waiting.filter((one) => one !== ticket)
    if (ticket.place !== null) ticket.request.onWaiting?.(null)
    ticket.place = null
    queueMicrotask(() => this.#serve())
  }

  #tellPlaces(): void {
    const before = new Map<string, number>()
    for (const ticket of this.#waiting) {
      const place = (before.get(ticket.key) ?? 0) + 1
      if (ticket.making) continue
      before.set(ticket.key, place)
      if (ticket.place === place) continue
      ticket.place = place
      ticket.request.onWaiting?.(place)
    }
  }
}

/** Does work with a lease in a context of its own, which is freed afterwards. Errors: as `Pools.lease`. */
export async function withLease<Model extends KvModel, T>(
  memory: Memory<Model>,
  request: Omit<LeaseRequest<Model>, 'arrival' | 'alone' | 'onShrunk' | 'onWaiting' | 'onEvicted'>,
  work: (lease: Lease) => Promise<T>,
): Promise<T> {
  const pools = new Pools(memory, 1)
  try {
    const lease = await pools.lease({ ...request, arrival: 0, alone: true, onShrunk: () => {} })
    try {
      return await work(lease)
    } finally {
      await lease.free()
    }
  } finally {
    await pools.close()
  }
}
