import {
  isFresh,
  MAX_SEQUENCES,
  openLease,
  originOf,
  sizeRun,
  SLACK,
  summaryCells,
  type Demand,
  type Lease,
} from '../kv/index.ts'
import type { LoadedModel, Models } from '../models/index.ts'
import type { EventDraft } from '../protocol/events.ts'
import { isOpen, type RunState, type Segment } from '../protocol/run-state.ts'
import type { SegmentId } from '../protocol/segments.ts'
import type { View } from '../strategies/index.ts'
import type { Clock } from './clock.ts'
import { demandOf, missingCells, spareCells } from './demand.ts'
import { goesOn } from './streams.ts'
import type { Wanted } from './wanted.ts'

export interface CellsOptions {
  models: Models
  emit: (event: EventDraft) => void
  clock: Clock
}

/** A moment of the run that needs cells. */
export interface Moment {
  model: LoadedModel
  view: View
  wanted: readonly Wanted[]
  signal: AbortSignal
}

/** The lease of a run: opened when cells are needed, exchanged for a larger one, given back. */
export class RunCells {
  lease: Lease | null = null
  #model: LoadedModel | null = null
  readonly #options: CellsOptions

  constructor(options: CellsOptions) {
    this.#options = options
  }

  /**
   * Ensures the run has a lease that holds the prompt and has the cells and sequences for what is open and wanted. A
   * context that is too small gives way to a larger one, unless the user set its size; the paths' cells are gone then.
   * `joined`: paths whose cells a summary will read.
   * Errors: those of opening a context, `cancelled`.
   */
  async ensure(joined: readonly SegmentId[], moment: Moment): Promise<Lease> {
    const { view, wanted } = moment
    const { state, settings } = view
    const demand = demandOf(view, wanted)
    const sequences = this.#newSequences(state, wanted)
    const { lease } = this
    if (lease !== null) {
      await makeRoom(lease, demand, moment)
      const missing = missingCells(state, lease, needed(joined, lease, moment))
      const free = lease.capacity - lease.used(state) - missing
      const fits = settings.engine.context > 0 || free >= demand.remaining + summaryCells(demand)
      if (fits && lease.freeSequences >= sequences) return lease
      await this.free()
    }
    return this.#open(demand, moment)
  }

  async #open(demand: Demand, { model, view, signal }: Moment): Promise<Lease> {
    const { models, emit, clock } = this.#options
    const { promptTokens } = view.state
    const lease = await openLease(sizeRun(demand), promptTokens.length + SLACK, {
      model,
      settings: view.settings,
      prompt: promptTokens.length,
      signal,
      makeRoom: (bytes) => models.room(model, bytes),
      onShrunk: (cells, wanted) =>
        emit({ type: 'notice', code: 'context-shrunk', params: { cells, wanted } }),
    })
    this.lease = lease
    this.#model = model
    models.retain(model)
    try {
      clock.add('prefillMs', await lease.prefill(lease.promptSeq, promptTokens, 0, signal))
    } catch (error) {
      await this.free() // a context without its prompt is of no use to a later command
      throw error
    }
    return lease
  }

  /** Sequences that the streams to come take. */
  #newSequences({ paths, summaries }: RunState, wanted: readonly Wanted[]): number {
    const without = [...paths, ...summaries].filter(
      (one) => isOpen(one) && this.lease?.seqOf(one.segment) === undefined,
    )
    return without.length + wanted.length
  }

  /** Puts back the cells that streams to come start from: those of open paths, and of paths that are joined. */
  async restore(joined: readonly SegmentId[], moment: Moment): Promise<void> {
    const { lease } = this
    if (lease === null) return
    const { view, signal } = moment
    const ms = await lease.restore(needed(joined, lease, moment), view.state, signal)
    this.#options.clock.add('prefillMs', ms)
  }

  /** Gives back the cells of what was dropped, of summaries, and of paths without a token of their own, which start again. */
  async removeIdle({ view, model }: Moment): Promise<void> {
    const { lease } = this
    if (lease === null) return
    const { state } = view
    const { paths, summaries } = state
    const starts = new Set(paths.filter(isOpen).map((path) => startOf(path, state, model)))
    const idle = paths.filter(
      (path) => isFresh(path) || (path.status === 'dropped' && !starts.has(path)),
    )
    for (const { segment } of [...idle, ...summaries.filter((one) => !isOpen(one))])
      await lease.remove(segment)
  }

  async free(): Promise<void> {
    const { lease } = this
    this.lease = null
    if (lease === null) return
    this.#options.models.release(this.#model!)
    await lease.free()
  }
}

/** Returns the paths whose cells streams to come start from. */
function needed(
  joined: readonly SegmentId[],
  lease: Lease,
  { model, view: { state } }: Moment,
): SegmentId[] {
  const starts = state.paths.filter(isOpen).map((path) => startOf(path, state, model).segment)
  const reading = state.summaries.filter(
    (one) => one.fusion === 'cache' && isOpen(one) && !goesOn(one, lease),
  )
  return [...new Set([...starts, ...joined, ...reading.flatMap(({ reads }) => reads)])]
}

/** Whose cells a path goes on from. Where sequences share no parts of their cells they are always its own. */
export function startOf(path: Segment, { paths }: RunState, { native }: LoadedModel): Segment {
  const partial = native.info.cannotJoin === undefined
  return (partial && isFresh(path) && originOf(paths, path)) || path
}

/** Texts that are read again take the place of the paths' own cells if there is no room for both. */
async function makeRoom(lease: Lease, demand: Demand, { view, wanted }: Moment): Promise<void> {
  const { state } = view
  const rereads = wanted.some(({ source, fusion }) => source && fusion === 'reread')
  if (!rereads || state.paths.some(isOpen)) return
  if (lease.capacity - lease.used(state) >= demand.remaining) return
  for (const { segment } of state.paths) await lease.remove(segment)
}

/** `missing`: open paths that no stream decodes. What is open does not fit, and a larger context may be made for it. */
export function outgrows(
  lease: Lease,
  { state, settings }: View,
  missing: readonly Segment[],
): boolean {
  if (settings.engine.context > 0 || lease.shrunk) return false
  const sequences = missing.filter(({ segment }) => lease.seqOf(segment) === undefined)
  const short = sequences.length > 0 && lease.freeSequences < sequences.length + 1
  return (short && lease.sequences < MAX_SEQUENCES) || spareCells(state, lease) < 0
}
