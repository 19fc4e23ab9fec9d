import { freemem, totalmem } from 'node:os'
import { BraidError, toBraidError } from '../protocol/errors.ts'
import type { PathState } from '../protocol/fold.ts'
import type { RunSettings } from '../protocol/request.ts'
import type { ContextOptions, NativeContext } from '../native/types.ts'
import type { LoadedModel, Models } from './models.ts'
import { yarnFor } from './settings.ts'
import { abortable } from './turns.ts'

/** What the cells hold. Token i of a path stands at position `prompt.length + i`. */
export interface Contents {
  prompt: readonly number[]
  paths: readonly PathState[]
}

export interface CellsOptions {
  model: LoadedModel
  /** Those that nobody uses give way to the context. */
  models: Models
  settings: RunSettings
  signal: AbortSignal
  notice: (code: string, message: string) => void
  /** For a context that reports attention, or prefills in other steps than usual. */
  native?: Pick<ContextOptions, 'attention' | 'batch'>
}

const PROMPT = 0
/** Compute buffers come on top of the cells. */
const MARGIN = 1.2

/** The KV cells of one run: a context, the prompt in it, and which sequence holds which path. */
export class Cells {
  readonly #seqs = new Map<number, number>()
  readonly #free: number[]

  private constructor(
    readonly model: LoadedModel,
    readonly context: NativeContext,
    readonly capacity: number,
    sequences: number,
    /** Memory was too short for what was wanted. */ readonly shrunk: boolean,
    readonly thought: (row: number) => number,
  ) {
    this.#free = Array.from({ length: sequences - 1 }, (_, i) => sequences - 1 - i)
  }

  /**
   * A context of `settings.engine.context` cells, or of `cells` where that is 0. Where memory is short, models that nobody uses
   * leave it first; then the context is made smaller, once, with a notice. Errors: `out-of-memory`, `bad-combination`, `cancelled`.
   */
  static async open(
    cells: number,
    sequences: number,
    least: number,
    { model, models, settings, signal, notice, native }: CellsOptions,
  ): Promise<Cells> {
    const { kvType, flashAttention, threads, context: asked } = settings.engine
    const { metadata, trainContext } = model.native.info
    const create = async (count: number) => {
      checkMemory(count, model, settings)
      const made = model.native.createContext({
        cells: count,
        sequences,
        kvType,
        flashAttention,
        threads,
        yarn: yarnFor(metadata, settings.budget, trainContext),
        ...native,
      })
      const late = made.then(
        (context) => () => context.free(),
        () => () => Promise.resolve(),
      )
      try {
        return await abortable(signal, made)
      } catch (error) {
        if (signal.aborted) late.then((free) => free()).catch(() => {})
        throw error
      }
    }
    const wanted = asked > 0 ? asked : cells
    const smaller = least + Math.floor((wanted - least) / 2)
    let count = wanted
    checkMemory(Math.min(wanted, smaller), model, settings, totalmem()) // nothing leaves memory for what the machine could not hold empty
    await models.room(model, MARGIN * wanted * model.kvBytesPerToken[kvType])
    const context = await create(count)
      .catch(async (error: unknown) => {
        if (toBraidError(error).code !== 'out-of-memory' || !(await models.room(model, Infinity)))
          throw error
        return create(count)
      })
      .catch((error: unknown) => {
        count = smaller
        if (toBraidError(error).code !== 'out-of-memory' || count >= wanted) throw error
        return create(count)
      })
    if (count < wanted)
      notice(
        'context-shrunk',
        `Memory is short: the context has ${count} cells instead of ${wanted}. Paths that do not fit end early.`,
      )
    return new Cells(model, context, count, sequences, count < wanted, (row) =>
      settings.controls.thoughtEmbedding ? row : -1,
    )
  }

  get promptSeq(): number {
    return PROMPT
  }

  get freeSequences(): number {
    return this.#free.length
  }

  seqOf(path: number): number | undefined {
    return this.#seqs.get(path)
  }

  /** An empty sequence; errors: `too-many-paths`. */
  take(): number {
    const seq = this.#free.pop()
    if (seq === undefined)
      throw new BraidError('too-many-paths', 'The context has no sequence left for another path.')
    return seq
  }

  /** A sequence that nothing uses any more, its cells already removed. */
  give(seq: number): void {
    this.#free.push(seq)
  }

  claim(path: number): number {
    const seq = this.#seqs.get(path) ?? this.take()
    this.#seqs.set(path, seq)
    return seq
  }

  /** The path's cells are gone. */
  forget(path: number): void {
    const seq = this.#seqs.get(path)
    if (seq === undefined) return
    this.#seqs.delete(path)
    this.#free.push(seq)
  }

  async remove(path: number): Promise<void> {
    const seq = this.#seqs.get(path)
    if (seq === undefined) return
    await this.context.remove(seq)
    this.forget(path)
  }

  async removePaths(): Promise<void> {
    for (const path of [...this.#seqs.keys()]) await this.remove(path)
  }

  async prefill(
    seq: number,
    tokens: ArrayLike<number>,
    thought: number,
    signal: AbortSignal,
  ): Promise<number> {
    if (tokens.length === 0) return 0
    const { ms } = await abortable(
      signal,
      this.context.prefill({ seq, tokens, thought: this.thought(thought) }),
      () => this.context.abort(),
    )
    return ms
  }

  /**
   * Puts the cells of these paths back where they are gone, from the transcript's own tokens. Branches share what they kept:
   * a path takes the cells that any other path has of the same tokens, and prefills the rest. Returns the milliseconds it took.
   */
  async restore(
    wanted: readonly number[],
    { prompt, paths }: Contents,
    signal: AbortSignal,
  ): Promise<number> {
    const partial = this.model.native.info.cannotJoin === undefined
    let ms = 0
    for (const number of wanted) {
      const path = paths[number - 1]!
      if (this.#seqs.has(number) || path.tokens.length === 0) continue
      let kept = 0
      let from = PROMPT
      for (const [other, seq] of partial ? this.#seqs : []) {
        const shared = sharedTokens(paths, path, paths[other - 1]!)
        if (shared > kept) [kept, from] = [shared, seq]
      }
      const seq = this.claim(number)
      try {
        await this.context.copy(from, seq, from === PROMPT ? undefined : prompt.length + kept)
        ms += await this.prefill(
          seq,
          path.tokens.slice(kept).map(({ id }) => id),
          path.thought,
          signal,
        )
      } catch (error) {
        await this.remove(number)
        throw error
      }
    }
    return ms
  }

  /** Cells that the prompt and the paths take. */
  used({ prompt, paths }: Contents): number {
    return (
      prompt.length + cellsOf(paths, (path) => (this.#seqs.has(path.path) ? path.tokens.length : 0))
    )
  }

  async free(): Promise<void> {
    this.#seqs.clear()
    await this.context.free()
  }
}

/** Whose tokens a path is made of, from its first: its ancestors' up to each branch point, then its own. */
function segments(paths: readonly PathState[], path: PathState): { owner: number; end: number }[] {
  const list: { owner: number; end: number }[] = []
  let end = path.tokens.length
  for (
    let at: PathState | undefined = path;
    at !== undefined;
    at = paths[(at.parent?.path ?? 0) - 1]
  ) {
    const start = at.parent?.at ?? 0
    if (end > start) list.unshift({ owner: at.path, end })
    end = Math.min(end, start)
  }
  return list
}

/** Tokens at their start that two paths have in common by descent. */
export function sharedTokens(paths: readonly PathState[], a: PathState, b: PathState): number {
  const [left, right] = [segments(paths, a), segments(paths, b)]
  let shared = 0
  for (let i = 0; left[i] !== undefined && left[i]!.owner === right[i]?.owner; i++) {
    shared = Math.min(left[i]!.end, right[i]!.end)
    if (left[i]!.end !== right[i]!.end) break
  }
  return shared
}

/** Cells that paths of these lengths take together: a branch shares what it kept of its parent. 0: the path has none of its own. */
export function cellsOf(paths: readonly PathState[], length: (path: PathState) => number): number {
  const ends = new Map<number, number>()
  for (const path of paths) {
    let end = length(path)
    for (
      let at: PathState | undefined = path;
      at !== undefined && end > 0;
      at = paths[(at.parent?.path ?? 0) - 1]
    ) {
      ends.set(at.path, Math.max(ends.get(at.path) ?? 0, end))
      end = Math.min(end, at.parent?.at ?? 0)
    }
  }
  return paths.reduce(
    (sum, { path, parent }) => sum + Math.max(0, (ends.get(path) ?? 0) - (parent?.at ?? 0)),
    0,
  )
}

/** llama.cpp asks the system for whatever the context needs and is killed when it is not there; we ask first. */
function checkMemory(
  cells: number,
  model: LoadedModel,
  { engine }: RunSettings,
  memory = freemem(),
): void {
  const bytes = cells * model.kvBytesPerToken[engine.kvType]
  if (model.device !== 'cpu' || bytes <= memory) return
  const gb = (n: number) => `${(n / 1e9).toFixed(1)} GB`
  throw new BraidError(
    'out-of-memory',
    `The KV cache of ${cells} tokens needs ${gb(bytes)}, and ${gb(freemem())} are free. Ask for fewer paths, a smaller budget or a smaller KV type.`,
  )
}
