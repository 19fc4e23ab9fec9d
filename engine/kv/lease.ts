import { freemem, totalmem } from 'node:os'
import type { ContextOptions, NativeContext, NativeModel } from '../native/index.ts'
import { abortable } from '../native/index.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
import type { KvType, RunSettings } from '../protocol/request.ts'
import type { RunState, Segment } from '../protocol/run-state.ts'
import type { SegmentId } from '../protocol/segments.ts'
import { contextCells, type Size } from './size.ts'
import { ancestry, cellsOf, sharedTokens } from './sharing.ts'
import { yarnFor } from './yarn.ts'

/**
 * KV cells and sequences that one run holds: the prompt, and a sequence for each segment that has cells. Token i of a
 * segment stands at position `offset(segment) + i`.
 */
export interface Lease {
  readonly context: NativeContext
  /** Cells of the lease. */
  readonly capacity: number
  /** Memory was too short for what was wanted: the capacity does not grow. */
  readonly shrunk: boolean
  /** The sequence that holds the prompt. */
  readonly promptSeq: number
  /** Sequences of the context, the prompt's included. */
  readonly sequences: number
  readonly freeSequences: number
  offset(segment: SegmentId): number
  /** The native row of a thought; -1 if the run adds no thought embedding. */
  thought(row: number): number
  seqOf(segment: SegmentId): number | undefined
  /** The segment's sequence, an empty one if it had none. Errors: `too-many-paths`. */
  claim(segment: SegmentId): number
  /** The segment's cells are gone: its sequence is free. */
  forget(segment: SegmentId): void
  remove(segment: SegmentId): Promise<void>
  /** Cells that the prompt and the segments of the run take. */
  used(state: RunState): number
  /**
   * Puts the cells of these paths back where they are gone, from the transcript's own tokens. A path takes the cells
   * that another one has of the same tokens, and prefills the rest. Returns the milliseconds that it took.
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

/** What a lease needs of a model in memory. */
export interface LeaseModel {
  native: NativeModel
  /** Name of the device that holds it. */
  device: string
  kvBytesPerToken: Record<KvType, number>
}

export interface LeaseOptions {
  model: LeaseModel
  settings: RunSettings
  /** Length of the prompt. */
  prompt: number
  signal: AbortSignal
  /** Frees memory that nothing uses, until this many bytes are free on the model's device; false: there was none. */
  makeRoom: (bytes: number) => Promise<boolean>
  /** Memory is short: the lease has `cells` cells instead of `wanted`. */
  onShrunk: (cells: number, wanted: number) => void
  /** For a context that reports attention, or prefills in other steps than usual. */
  native?: Pick<ContextOptions, 'attention' | 'batch'>
}

/** Compute buffers come on top of the cells. */
const MARGIN = 1.2
const PROMPT = 0

/**
 * Opens a context of `settings.engine.context` cells, or of `size.cells` if that is 0. If memory is short, idle models
 * are unloaded first; then the context is made smaller once, down to half of what lies above `least`. Errors:
 * `out-of-memory`, `bad-combination`, `cancelled`.
 */
export async function openLease(size: Size, least: number, options: LeaseOptions): Promise<Lease> {
  const { model, settings, makeRoom, onShrunk } = options
  const { kvType, context: asked } = settings.engine
  const wanted = contextCells(size, asked)
  const smaller = least + Math.floor((wanted - least) / 2)
  // Nothing leaves memory for what the machine could not hold empty.
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

/** llama.cpp asks the system for whatever the context needs and is killed when it is not there; Braid asks first. */
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
  readonly #thoughts: boolean
  /** Parts of a sequence can be shared; recurrent memories share whole ones only. */
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
    this.#thoughts = settings.controls.thoughtEmbedding
    this.#partial = model.native.info.cannotJoin === undefined
  }

  get freeSequences(): number {
    return this.#free.length
  }

  /** Every segment stands behind the prompt; a join that moves cells will keep its own offsets here. */
  offset(_segment: SegmentId): number {
    return this.#prompt
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
      const { from, kept } = this.#closest(path, state)
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

  /** The sequence that holds most of the tokens that a path begins with. */
  #closest(path: Segment, { paths }: RunState): { from: number; kept: number } {
    let best = { from: PROMPT, kept: 0 }
    if (!this.#partial) return best
    for (const [other, from] of this.#seqs) {
      const segment = ancestry.find(paths, other)
      const kept = segment === undefined ? 0 : sharedTokens(paths, path, segment)
      if (kept > best.kept) best = { from, kept }
    }
    return best
  }

  async free(): Promise<void> {
    this.#seqs.clear()
    await this.context.free()
  }
}

/** Cells of a segment that are its own: what was decoded for it to read, and its tokens. */
function ownCells({ source, tokens }: Segment): number {
  const parts = source.type === 'join' || source.type === 'text' ? source.parts : []
  const read = parts.map((part) => ('tokens' in part ? (part.tokens as number[]).length : 0))
  return read.reduce((sum, count) => sum + count, tokens.length)
}
