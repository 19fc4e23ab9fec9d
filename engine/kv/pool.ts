import type { NativeContext } from '../native/index.ts'
import { sharedPrefix } from '../protocol/tokens.ts'
import type { Size } from './size.ts'

/** A holder of cells and sequences of a pool. */
export interface Tenant {
  /** Number of cells. */
  readonly capacity: number
  /** Number of sequences. */
  readonly sequences: number
  /** Returns everything that the tenant holds to the pool, because others need the room. */
  evict(): void
}

/** A prompt whose cells are in a pool. */
export interface Prompt {
  seq: number
  tokens: readonly number[]
  /** Native row of the thought tables; -1: none. */
  thought: number
}

/**
 * The accounts of one context that several leases share. Reserved cells are a number only, because
 * llama.cpp chooses which ones a batch uses. A tenant either works or rests: the cells of resting
 * tenants are kept until others need the room, and the one that has rested longest goes first.
 */
export class Pool {
  #cells: number
  readonly #sequences: number[]
  readonly #working = new Set<Tenant>()
  readonly #resting = new Set<Tenant>()
  readonly #prompts = new Map<Tenant, Prompt>()
  /** The working tenant that no other may join. */
  #alone: Tenant | null = null

  /** `onFreed` is called whenever cells or sequences become free. */
  constructor(
    readonly context: NativeContext,
    readonly size: Size,
    private readonly onFreed: () => void,
  ) {
    this.#cells = size.cells
    this.#sequences = Array.from({ length: size.sequences }, (_, i) => size.sequences - 1 - i)
  }

  /** Whether no tenant works. */
  get idle(): boolean {
    return this.#working.size === 0
  }

  /** Returns whether the pool would hold this if it were empty. */
  holds({ cells, sequences }: Size): boolean {
    return cells <= this.size.cells && sequences <= this.size.sequences
  }

  /**
   * Admits the tenant that `make` returns if there is room, evicting those that rest; null if there
   * is not. With `alone`, the pool must be idle, is emptied first, and admits nobody else while the
   * tenant works.
   */
  admit<T extends Tenant>(size: Size, alone: boolean, make: (sequences: number[]) => T): T | null {
    if (this.#alone !== null || (alone && !this.idle)) return null
    if (alone) this.#empty()
    const sequences = this.reserve(size)
    if (sequences === null) return null
    const tenant = make(sequences)
    this.#working.add(tenant)
    if (alone) this.#alone = tenant
    return tenant
  }

  /**
   * Takes cells and sequences, evicting tenants that rest. Returns the sequences; null, without
   * effect, if there is too little.
   */
  reserve({ cells, sequences }: Size): number[] | null {
    const fits = () => this.#cells >= cells && this.#sequences.length >= sequences
    const held = (of: 'capacity' | 'sequences') =>
      [...this.#resting].reduce((sum, tenant) => sum + tenant[of], 0)
    if (this.#cells + held('capacity') < cells) return null
    if (this.#sequences.length + held('sequences') < sequences) return null
    this.#evictUntil(fits)
    this.#cells -= cells
    return this.#sequences.splice(this.#sequences.length - sequences, sequences)
  }

  /** Returns cells and sequences, whose cells were removed from the context. */
  restore(cells: number, sequences: readonly number[]): void {
    this.#cells += cells
    this.#sequences.push(...sequences)
    if (cells > 0 || sequences.length > 0) this.onFreed()
  }

  /** The tenant keeps what it holds until others need the room. */
  rest(tenant: Tenant): void {
    if (!this.#working.delete(tenant)) return
    if (this.#alone === tenant) this.#alone = null
    this.#resting.add(tenant)
    this.onFreed()
  }

  /** A resting tenant works again. */
  wake(tenant: Tenant): void {
    if (this.#resting.delete(tenant)) this.#working.add(tenant)
  }

  /** Removes a tenant that returned everything. */
  leave(tenant: Tenant): void {
    this.#working.delete(tenant)
    this.#resting.delete(tenant)
    this.#prompts.delete(tenant)
    if (this.#alone === tenant) this.#alone = null
    this.onFreed()
  }

  /** Evicts all tenants; what follows is computed as in a new context. */
  #empty(): void {
    this.evictAll()
    void this.context.clear().catch(() => {})
  }

  evictAll(): void {
    this.#evictUntil(() => false)
  }

  /** Notes that the tenant's prompt is in the context. */
  keepPrompt(tenant: Tenant, prompt: Prompt): void {
    this.#prompts.set(tenant, prompt)
  }

  /** Returns the prompt that shares the longest beginning with this one, and how many tokens. */
  closest(tokens: readonly number[], thought: number): { seq: number; shared: number } | null {
    let best: { seq: number; shared: number } | null = null
    for (const prompt of this.#prompts.values()) {
      if (prompt.thought !== thought) continue
      const shared = sharedPrefix(prompt.tokens, tokens)
      if (shared > (best?.shared ?? 0)) best = { seq: prompt.seq, shared }
    }
    return best
  }

  #evictUntil(enough: () => boolean): void {
    for (const tenant of this.#resting) {
      if (enough()) return
      tenant.evict()
    }
  }
}
