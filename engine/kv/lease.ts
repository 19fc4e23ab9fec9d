import type { NativeContext } from '../native/index.ts'
import { abortable } from '../native/index.ts'
import { fail } from '../protocol/errors.ts'
import type { RunState, Segment } from '../protocol/run-state.ts'
import type { SegmentId } from '../protocol/segments.ts'
import type { Pool } from './pool.ts'
import { ancestry, cellsOf, sharedTokens } from './sharing.ts'
import type { Size } from './size.ts'

/**
 * The KV cells and sequences that a run holds: one sequence for the prompt, and one for each
 * segment that has cells. Token i of a segment is at position `offset(segment) + i`.
 */
export interface Lease {
  readonly context: NativeContext
  /** Number of cells. */
  readonly capacity: number
  /**
   * The most cells that the run may have: Infinity, or what fitted if there was too little memory
   * for the wanted size.
   */
  readonly limit: number
  /** The sequence that holds the prompt. */
  readonly promptSeq: number
  /** Number of sequences, including the prompt's. */
  readonly sequences: number
  readonly freeSequences: number
  offset(segment: SegmentId): number
  /** Returns the native row of a thought; -1 if the run adds no thought embedding. */
  thought(row: number): number
  seqOf(segment: SegmentId): number | undefined
  /** Returns the segment's sequence, taking a free one if it has none. Errors: `too-many-paths`. */
  claim(segment: SegmentId): number
  /** Frees the segment's sequence, whose cells were already removed. */
  forget(segment: SegmentId): void
  remove(segment: SegmentId): Promise<void>
  /** Returns how many cells the prompt and the segments of the run use. */
  used(state: RunState): number
  /** Takes more from the pool if it has fewer than this; returns false, without effect, if the pool has too little. */
  grow(to: Size): boolean
  /** Returns the cells above this number to the pool. */
  trim(cells: number): void
  /** Keeps its cells only until other runs need the room. */
  rest(): void
  /** Ends `rest`. */
  wake(): void
  /**
   * Fills the prompt's sequence, sharing the cells of a prompt in the pool that begins alike.
   * Returns the milliseconds spent in prefill.
   */
  fillPrompt(tokens: readonly number[], signal: AbortSignal): Promise<number>
  /**
   * Restores missing cells of these paths from the tokens in `state`. A path shares the cells that
   * another path has for the same tokens and prefills the rest. Returns the milliseconds spent in
   * prefill.
   */
  restore(paths: readonly SegmentId[], state: RunState, signal: AbortSignal): Promise<number>
  prefill(
    seq: number,
    tokens: ArrayLike<number>,
    thought: number,
    signal: AbortSignal,
  ): Promise<number>
  /** Returns everything to the pool. */
  free(): Promise<void>
}

export interface LeaseOptions {
  /** Length of the prompt, in tokens. */
  prompt: number
  /** Whether tokens get a thought embedding. */
  thoughts: boolean
  /** Whether parts of a sequence can be shared; recurrent memories can only share whole sequences. */
  partial: boolean
  /** As `Lease.limit`. */
  limit: number
  /** Called when the cells of a resting lease are gone; the lease must not be used any more. */
  onEvicted?: (() => void) | undefined
}

export class PoolLease implements Lease {
  readonly context: NativeContext
  readonly limit: number
  readonly promptSeq: number
  readonly #pool: Pool
  readonly #options: LeaseOptions
  readonly #seqs = new Map<SegmentId, number>()
  readonly #free: number[]
  #capacity: number
  #held: number

  /** `sequences`: at least one, which becomes the prompt's. */
  constructor(pool: Pool, cells: number, sequences: readonly number[], options: LeaseOptions) {
    this.#pool = pool
    this.#options = options
    this.#capacity = cells
    this.#held = sequences.length
    this.#free = [...sequences]
    this.promptSeq = this.#free.pop()!
    this.context = pool.context
    this.limit = options.limit
  }

  get capacity(): number {
    return this.#capacity
  }

  get sequences(): number {
    return this.#held
  }

  get freeSequences(): number {
    return this.#free.length
  }

  /** Every segment starts right after the prompt. */
  offset(_segment: SegmentId): number {
    return this.#options.prompt
  }

  thought(row: number): number {
    return this.#options.thoughts ? row : -1
  }

  seqOf(segment: SegmentId): number | undefined {
    return this.#seqs.get(segment)
  }

  claim(segment: SegmentId): number {
    const seq = this.#seqs.get(segment) ?? this.#free.pop()
    if (seq === undefined) throw fail('too-many-paths/sequences')
    this.#seqs.set(segment, seq)
    return seq
  }

  forget(segment: SegmentId): void {
    const seq = this.#seqs.get(segment)
    if (seq === undefined) return
    this.#seqs.delete(segment)
    this.#free.push(seq)
  }

  async remove(segment: SegmentId): Promise<void> {
    const seq = this.#seqs.get(segment)
    if (seq === undefined) return
    await this.context.remove(seq)
    this.forget(segment)
  }

  used({ promptTokens, paths, summaries, others }: RunState): number {
    const held = (one: Segment) => this.#seqs.has(one.segment)
    const own = [...summaries, ...others].filter(held).map(ownCells)
    return (
      promptTokens.length +
      cellsOf(paths, (path) => (held(path) ? path.tokens.length : 0)) +
      own.reduce((sum, cells) => sum + cells, 0)
    )
  }

  grow({ cells, sequences }: Size): boolean {
    const more = {
      cells: Math.max(0, cells - this.#capacity),
      sequences: Math.max(0, sequences - this.#held),
    }
    const taken = this.#pool.reserve(more)
    if (taken === null) return false
    this.#capacity += more.cells
    this.#held += more.sequences
    this.#free.push(...taken)
    return true
  }

  trim(cells: number): void {
    const extra = this.#capacity - cells
    if (extra <= 0) return
    this.#capacity = cells
    this.#pool.restore(extra, [])
  }

  rest(): void {
    const unused = this.#free.splice(0)
    this.#held -= unused.length
    this.#pool.restore(0, unused)
    this.#pool.rest(this)
  }

  wake(): void {
    this.#pool.wake(this)
  }

  async fillPrompt(tokens: readonly number[], signal: AbortSignal): Promise<number> {
    const thought = this.thought(0)
    const same = this.#options.partial ? this.#pool.closest(tokens, thought) : null
    // The last token is read in any case, since its logits begin every path.
    const shared = Math.min(same?.shared ?? 0, tokens.length - 1)
    if (shared > 0) await this.context.copy(same!.seq, this.promptSeq, shared)
    const ms = await this.prefill(this.promptSeq, tokens.slice(shared), 0, signal)
    this.#pool.keepPrompt(this, { seq: this.promptSeq, tokens, thought })
    return ms
  }

  async prefill(
    seq: number,
    tokens: ArrayLike<number>,
    thought: number,
    signal: AbortSignal,
  ): Promise<number> {
    if (tokens.length === 0) return 0
    const done = this.context.prefill({ seq, tokens, thought: this.thought(thought) })
    const { ms } = await abortable(signal, done, () => done.cancel())
    return ms
  }

  async restore(
    wanted: readonly SegmentId[],
    state: RunState,
    signal: AbortSignal,
  ): Promise<number> {
    let ms = 0
    for (const segment of wanted) {
      const path = ancestry.find(state.paths, segment)
      if (path === undefined || this.#seqs.has(segment) || path.tokens.length === 0) continue
      const { from, kept } = this.#closest(path, state)
      const seq = this.claim(segment)
      try {
        const end = from === this.promptSeq ? undefined : this.#options.prompt + kept
        await this.context.copy(from, seq, end)
        const rest = path.tokens.slice(kept).map(({ id }) => id ?? 0)
        ms += await this.prefill(seq, rest, path.thought, signal)
      } catch (error) {
        await this.remove(segment)
        throw error
      }
    }
    return ms
  }

  /** Returns the sequence with the longest prefix of a path's tokens, and that prefix's length. */
  #closest(path: Segment, { paths }: RunState): { from: number; kept: number } {
    let best = { from: this.promptSeq, kept: 0 }
    if (!this.#options.partial) return best
    for (const [other, from] of this.#seqs) {
      const segment = ancestry.find(paths, other)
      const kept = segment === undefined ? 0 : sharedTokens(paths, path, segment)
      if (kept > best.kept) best = { from, kept }
    }
    return best
  }

  evict(): void {
    void this.free().catch(() => {})
    this.#options.onEvicted?.()
  }

  async free(): Promise<void> {
    const used = [this.promptSeq, ...this.#seqs.values()]
    const all = [...used, ...this.#free.splice(0)]
    const cells = this.#capacity
    this.#seqs.clear()
    this.#capacity = 0
    this.#held = 0
    // Native work is done in order of request, so these sequences are empty before anyone uses them.
    const removed = used.map((seq) => this.context.remove(seq))
    this.#pool.restore(cells, all)
    this.#pool.leave(this)
    await Promise.all(removed)
  }
}

/** Returns the segment's own cells: those of the text it re-reads, and of its tokens. */
function ownCells({ source, tokens }: Segment): number {
  const parts = source.type === 'join' || source.type === 'text' ? source.parts : []
  const read = parts.map((part) => ('tokens' in part ? (part.tokens as number[]).length : 0))
  return read.reduce((sum, count) => sum + count, tokens.length)
}
