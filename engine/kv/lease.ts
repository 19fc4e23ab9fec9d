import { freemem, totalmem } from 'node:os'
import type { ContextOptions, NativeContext, NativeModel } from '../native/index.ts'
import { abortable } from '../native/index.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
import type { KvType, RunSettings } from '../protocol/request.ts'
import { segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import type { SegmentId, Source } from '../protocol/segments.ts'
import { copiedCells, Placement, placeParts, type Placed, type PlacingRules } from './placement.ts'
import { contextCells, type Size } from './size.ts'
import { ancestry, cellsOf, sharedTokens } from './sharing.ts'
import { yarnFor } from './yarn.ts'

/**
 * The KV cells and sequences that a run holds: one sequence for the prompt, and one for each
 * segment that has cells. Token i of a segment is at position `offset(segment) + i`.
 */
export interface Lease {
  readonly context: NativeContext
  /** Number of cells. */
  readonly capacity: number
  /** There was too little memory for the wanted size, so the run must not try a larger context. */
  readonly shrunk: boolean
  /** The sequence that holds the prompt. */
  readonly promptSeq: number
  /** Number of sequences, including the prompt's. */
  readonly sequences: number
  readonly freeSequences: number
  offset(segment: SegmentId): number
  /** Returns whether a path's cells are where it can continue and be branched (placement.ts). */
  isHome(segment: SegmentId): boolean
  /** Returns how many cells a join would copy. */
  copies(source: Source, state: RunState): number
  /** Returns where the paths' parts of a summary's join go, and takes them to be there. */
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
  free(): Promise<void>
}

/** The parts of a loaded model that a lease needs. */
export interface LeaseModel {
  native: NativeModel
  /** Name of the device that holds the model. */
  device: string
  kvBytesPerToken: Record<KvType, number>
}

export interface LeaseOptions {
  model: LeaseModel
  settings: RunSettings
  /** Length of the prompt, in tokens. */
  prompt: number
  signal: AbortSignal
  /**
   * Frees unused memory until this many bytes are free on the model's device; false if there was
   * none to free.
   */
  makeRoom: (bytes: number) => Promise<boolean>
  /** Called if memory is short: the lease has `cells` cells instead of `wanted`. */
  onShrunk: (cells: number, wanted: number) => void
  /** Set for a context that reports attention or uses another batch size. */
  native?: Pick<ContextOptions, 'attention' | 'batch'>
}

/** Factor that allows for compute buffers on top of the cells. */
const MARGIN = 1.2
const PROMPT = 0

/**
 * Opens a context of `settings.engine.context` cells, or of `size.cells` if that is 0. If memory is
 * short, idle models are unloaded first; then the context is made smaller once, down to half of
 * what lies above `least`. Errors: `out-of-memory`, `bad-combination`, `cancelled`.
 */
export async function openLease(size: Size, least: number, options: LeaseOptions): Promise<Lease> {
  const { model, settings, makeRoom, onShrunk } = options
  const { kvType, context: asked } = settings.engine
  const wanted = contextCells(size, asked)
  const smaller = least + Math.floor((wanted - least) / 2)
  // Idle models are not unloaded for a context that would not fit into an empty machine.
  checkMemory(Math.min(wanted, smaller), options, totalmem())
  await makeRoom(MARGIN * wanted * model.kvBytesPerToken[kvType])
  const create = (cells: number) => createContext(cells, size.sequences, options)
  const isMemory = (error: unknown) => toBraidError(error).code === 'out-of-memory'
  let cells = wanted
  const context = await create(wanted)
    .catch(async (error: unknown) => {
      if (!isMemory(error) || !(await makeRoom(Infinity))) throw error
      return create(wanted)
    })
    .catch((error: unknown) => {
      cells = smaller
      if (!isMemory(error) || smaller >= wanted) throw error
      return create(smaller)
    })
  if (cells < wanted) onShrunk(cells, wanted)
  return new ContextLease(context, cells, size.sequences, cells < wanted, options)
}

async function createContext(
  cells: number,
  sequences: number,
  options: LeaseOptions,
): Promise<NativeContext> {
  const { model, settings, signal, native } = options
  const { kvType, flashAttention, threads } = settings.engine
  const { metadata, trainContext } = model.native.info
  checkMemory(cells, options)
  const made = model.native.createContext({
    cells,
    sequences,
    kvType,
    flashAttention,
    threads,
    yarn: yarnFor(metadata, settings.budget, trainContext),
    ...native,
  })
  try {
    return await abortable(signal, made)
  } catch (error) {
    if (signal.aborted) made.then((context) => context.free()).catch(() => {})
    throw error
  }
}

/** Checks that memory suffices: llama.cpp allocates regardless, and may be killed for it. */
function checkMemory(cells: number, options: LeaseOptions, memory = freemem()): void {
  const { model, settings } = options
  const bytes = cells * model.kvBytesPerToken[settings.engine.kvType]
  if (model.device !== 'cpu' || bytes <= memory) return
  const gb = (n: number) => (n / 1e9).toFixed(1)
  throw fail('out-of-memory/cells', { cells, needed: gb(bytes), free: gb(freemem()) })
}

class ContextLease implements Lease {
  readonly #seqs = new Map<SegmentId, number>()
  readonly #free: number[]
  readonly #prompt: number
  readonly #placement: Placement
  readonly #kvType: KvType
  readonly #thoughts: boolean
  /**
   * Whether parts of a sequence can be shared; recurrent memories can only share whole sequences.
   */
  readonly #partial: boolean
  readonly promptSeq = PROMPT

  constructor(
    readonly context: NativeContext,
    readonly capacity: number,
    readonly sequences: number,
    readonly shrunk: boolean,
    { prompt, settings, model }: LeaseOptions,
  ) {
    this.#free = Array.from({ length: sequences - 1 }, (_, i) => sequences - 1 - i)
    this.#prompt = prompt
    this.#placement = new Placement(prompt)
    this.#kvType = settings.engine.kvType
    this.#thoughts = settings.controls.thoughtEmbedding
    this.#partial = model.native.info.cannotJoin === undefined
  }

  get freeSequences(): number {
    return this.#free.length
  }

  offset(segment: SegmentId): number {
    return this.#placement.offset(segment)
  }

  isHome(segment: SegmentId): boolean {
    return this.#placement.isHome(segment)
  }

  copies(source: Source, state: RunState): number {
    return copiedCells(placeParts(source, this.#placing(state)))
  }

  place(summary: Segment, state: RunState): Placed[] {
    const placed = placeParts(summary.source, this.#placing(state))
    this.#placement.join(summary.segment, placed)
    return placed
  }

  #placing(state: RunState): PlacingRules {
    return {
      state,
      placement: this.#placement,
      prompt: this.#prompt,
      kvType: this.#kvType,
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
      const at = this.offset(path)
      if (this.#placement.holderOf(path) === undefined) {
        await this.context.shift(seq, at, this.#prompt - at)
      } else {
        const fits = this.capacity - this.used(state) >= segmentOf(state, path)!.tokens.length
        const own = fits ? this.#free.pop() : undefined
        if (own === undefined) continue
        await this.context.copy(PROMPT, own)
        await this.context.copyMoved(seq, own, at, this.#prompt - at)
        await this.context.remove(seq)
        this.#seqs.set(path, own)
        this.#free.push(seq)
      }
      this.#placement.cameHome(path)
    }
  }

  thought(row: number): number {
    return this.#thoughts ? row : -1
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

  used({ promptTokens, paths, summaries, others }: RunState): number {
    const held = (one: Segment) => this.#seqs.has(one.segment)
    const own = [...summaries, ...others]
      .filter(held)
      .map((one) => ownCells(one) + this.#placement.copied(one.segment))
    return (
      promptTokens.length +
      cellsOf(paths, (path) => (held(path) ? path.tokens.length : 0)) +
      own.reduce((sum, cells) => sum + cells, 0)
    )
  }

  async prefill(
    seq: number,
    tokens: ArrayLike<number>,
    thought: number,
    signal: AbortSignal,
  ): Promise<number> {
    if (tokens.length === 0) return 0
    const done = this.context.prefill({ seq, tokens, thought: this.thought(thought) })
    const { ms } = await abortable(signal, done, () => this.context.abort())
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
        const end = from === PROMPT ? undefined : this.#prompt + kept
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

  /**
   * Returns the sequence with the longest prefix of a path's tokens, the path that it is of, and
   * that prefix's length. Cells that a join moved and still holds do not count.
   */
  #closest(path: Segment, { paths }: RunState): { of?: SegmentId; from: number; kept: number } {
    let best: { of?: SegmentId; from: number; kept: number } = { from: PROMPT, kept: 0 }
    if (!this.#partial) return best
    for (const [of, from] of this.#seqs) {
      const segment = ancestry.find(paths, of)
      if (!this.isHome(of) && this.#placement.holderOf(of) !== undefined) continue
      const kept = segment === undefined ? 0 : sharedTokens(paths, path, segment)
      if (kept > best.kept) best = { of, from, kept }
    }
    return best
  }

  async free(): Promise<void> {
    this.#seqs.clear()
    await this.context.free()
  }
}

/** Returns the segment's own cells: those of the text it re-reads, and of its tokens. */
function ownCells({ source, tokens }: Segment): number {
  const parts = source.type === 'join' || source.type === 'text' ? source.parts : []
  const read = parts.map((part) => ('tokens' in part ? (part.tokens as number[]).length : 0))
  return read.reduce((sum, count) => sum + count, tokens.length)
}
