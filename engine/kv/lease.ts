import type { NativeContext } from '../native/index.ts'
import { abortable } from '../native/index.ts'
import { fail } from '../protocol/errors.ts'
import type { KvType } from '../protocol/request.ts'
import { segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import { decodedTokens, partsOf, widthOf, type SegmentId } from '../protocol/segments.ts'
import { idsOf } from '../protocol/tokens.ts'
import {
  copiedCells,
  Placement,
  placeParts,
  type Placed,
  type PlacingRules,
  type Reader,
} from './placement.ts'
import type { Pool } from './pool.ts'
import {
  ancestry,
  cellsOf,
  homeOf,
  lengthOfPart,
  rootOf,
  heldTokens,
  sourceCells,
} from './sharing.ts'
import type { Size } from './size.ts'

/**
 * The KV cells and sequences that a run holds: one sequence for the prompt, and one for each
 * segment that has cells. Token i of a path is at position `offset(path) + i`.
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
  /** Whether the beginning of a sequence can be shared with another one. */
  readonly partial: boolean
  /** Number of sequences, including the prompt's. */
  readonly sequences: number
  readonly freeSequences: number
  offset(path: Segment, state: RunState): number
  /** Returns whether a path's cells are where it can continue and be branched (placement.ts). */
  isHome(segment: SegmentId): boolean
  /** Returns how many cells a join would copy. */
  copies(reader: Reader, state: RunState): number
  /** Returns where the paths' parts of a segment's join go, and takes them to be there. */
  place(summary: Segment, state: RunState): Placed[]
  /** After a decode that broke off: finds the paths that a join may have moved. */
  findMoved(state: RunState): Promise<void>
  /**
   * Puts the cells of paths that joins moved back to where they can continue. A path whose moved
   * cells a summary still reads gets its own copy, or stays where it is if there is no room.
   */
  bringHome(paths: readonly SegmentId[], state: RunState): Promise<void>
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
  kvType: KvType
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
  readonly partial: boolean
  readonly #pool: Pool
  readonly #options: LeaseOptions
  readonly #seqs = new Map<SegmentId, number>()
  readonly #free: number[]
  readonly #placement = new Placement()
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
    this.partial = options.partial
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

  offset(path: Segment, state: RunState): number {
    return this.#placement.offset(path, state)
  }

  isHome(segment: SegmentId): boolean {
    return this.#placement.isHome(segment)
  }

  copies(reader: Reader, state: RunState): number {
    return copiedCells(placeParts(reader, this.#placing(state)))
  }

  place(summary: Segment, state: RunState): Placed[] {
    const placed = placeParts(summary, this.#placing(state))
    if (summary.role !== 'path') this.#placement.join(summary.segment, placed)
    return placed
  }

  #placing(state: RunState): PlacingRules {
    return {
      state,
      placement: this.#placement,
      prompt: this.#options.prompt,
      kvType: this.#options.kvType,
      holds: (segment) => this.#seqs.has(segment),
    }
  }

  async findMoved(state: RunState): Promise<void> {
    const began = (summary: SegmentId) => (segmentOf(state, summary)?.tokens.length ?? 0) > 0
    for (const path of this.#placement.unsure(began)) {
      const last = await this.context.lastPosition(this.#seqs.get(path)!)
      this.#placement.found(path, last + 1 - segmentOf(state, path)!.tokens.length)
    }
  }

  async bringHome(paths: readonly SegmentId[], state: RunState): Promise<void> {
    for (const path of paths) {
      const seq = this.#seqs.get(path)
      if (seq === undefined || this.isHome(path)) continue
      const at = this.offset(segmentOf(state, path)!, state)
      if (this.#placement.holderOf(path) === undefined) {
        await this.context.shift(seq, at, this.#options.prompt - at)
      } else {
        const fits = this.capacity - this.used(state) >= segmentOf(state, path)!.tokens.length
        const own = fits ? this.#free.pop() : undefined
        if (own === undefined) continue
        // Whatever happens, the sequence that is left over is emptied before another segment gets it.
        let left = own
        try {
          await this.context.copy(this.promptSeq, own)
          await this.context.copyMoved(seq, own, at, this.#options.prompt - at)
          this.#seqs.set(path, own)
          left = seq
        } finally {
          await this.context.remove(left)
          this.#free.push(left)
        }
      }
      this.#placement.cameHome(path)
    }
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
    this.#placement.forget(segment)
    this.#free.push(seq)
  }

  async remove(segment: SegmentId): Promise<void> {
    const seq = this.#seqs.get(segment)
    if (seq === undefined) return
    await this.context.remove(seq)
    this.forget(segment)
  }

  used(state: RunState): number {
    const { promptTokens, paths, summaries, others } = state
    const held = (one: Segment) => this.#seqs.has(one.segment)
    const own = [...summaries, ...others]
      .filter(held)
      .map(
        ({ segment, source, tokens }) =>
          decodedTokens(source) + tokens.length * widthOf(source) + this.#placement.copied(segment),
      )
    return (
      promptTokens.length +
      cellsOf(paths, (path) => (held(path) ? path.tokens.length : 0)) +
      sourceCells(paths.filter(held), state) +
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
    this.#pool.rest(this)
  }

  wake(): void {
    this.#pool.wake(this)
  }

  async fillPrompt(tokens: readonly number[], signal: AbortSignal): Promise<number> {
    const thought = this.thought(0)
    const same = this.partial ? this.#pool.closest(tokens, thought) : null
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
      const { of, from, kept } = this.#closest(path, state)
      if (of !== undefined) await this.bringHome([of], state)
      const seq = this.claim(segment)
      try {
        const root = rootOf(state.paths, path)
        if (of === undefined && root.reads.length > 0)
          ms += await this.#readSource(root, seq, state, signal)
        else await this.context.copy(from, seq, of === undefined ? of : homeOf(path, state) + kept)
        ms += await this.prefill(seq, idsOf(path.tokens.slice(kept)), path.thought, signal)
      } catch (error) {
        await this.remove(segment)
        throw error
      }
    }
    return ms
  }

  /** Fills a sequence with what a path reads, as its stream would. Returns the milliseconds of prefill. */
  async #readSource(
    path: Segment,
    seq: number,
    state: RunState,
    signal: AbortSignal,
  ): Promise<number> {
    let ms = 0
    const placed = placeParts(path, this.#placing(state))
    for (const part of partsOf(path.source)) {
      if ('tokens' in part) {
        const thought = (part.thought as number | undefined) ?? 0
        ms += await this.prefill(seq, part.tokens as number[], thought, signal)
      } else if ('segment' in part) {
        const segment = part.segment as SegmentId
        const from = this.#seqs.get(segment)!
        const of = ancestry.find(state.paths, segment)!
        const at = placed.shift()
        if (at === undefined) {
          await this.context.copy(from, seq, homeOf(of, state) + lengthOfPart(part, state))
        } else {
          const delta = at.target - this.offset(of, state)
          await this.context.copyMoved(from, seq, at.start, delta)
          await this.context.remove(seq, at.end + delta)
        }
      } else {
        await this.context.copy(this.promptSeq, seq, part.to as number | undefined)
      }
    }
    return ms
  }

  /**
   * Returns the sequence with the longest prefix of a path's tokens, the path that it is of, and
   * that prefix's length. Cells that a join moved and still holds do not count.
   */
  #closest(path: Segment, { paths }: RunState): { of?: SegmentId; from: number; kept: number } {
    let best: { of?: SegmentId; from: number; kept: number } = { from: this.promptSeq, kept: 0 }
    if (!this.partial) return best
    const held = heldTokens(path, paths)
    for (const [of, from] of this.#seqs) {
      if (!this.isHome(of) && this.#placement.holderOf(of) !== undefined) continue
      const kept = held.get(of) ?? 0
      if (kept > best.kept) best = { of, from, kept }
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
