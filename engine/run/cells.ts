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

/** What the run needs cells for at one moment. */
export interface Moment {
  model: LoadedModel
  view: View
  wanted: readonly Wanted[]
  signal: AbortSignal
}

/** The lease of a run. It is opened when cells are needed, replaced by a larger one, and freed. */
export class RunCells {
  lease: Lease | null = null
  #model: LoadedModel | null = null
  readonly #options: CellsOptions

  constructor(options: CellsOptions) {
    this.#options = options
  }

  /**
   * Ensures the run has a lease that holds the prompt and has the cells and sequences for what is
   * open and wanted. A context that is too small is replaced by a larger one, which loses the
   * paths' cells, unless the user set its size.
   * `joined`: paths whose cells a summary will read. Errors: those of opening a context, `cancelled`.
   */
  async ensure(joined: readonly SegmentId[], moment: Moment): Promise<Lease> {
    const { view, wanted } = moment
    const { state, settings } = view
    const demandWith = (lease: Lease | null) =>
      demandOf(view, wanted, { lease, thinks: moment.model.thought.closes.length > 0 })
    const sequences = this.#newSequences(state, wanted)
    if (this.lease?.context.info.lost === true) await this.free()
    const { lease } = this
    if (lease !== null) {
      const demand = demandWith(lease)
      await makeRoom(lease, demand, moment)
      const missing = missingCells(state, lease, needed(joined, lease, moment))
      const free = lease.capacity - lease.used(state) - missing
      const fits = settings.engine.context > 0 || free >= demand.remaining + summaryCells(demand)
      if (fits && lease.freeSequences >= sequences) return lease
      await this.free()
    }
    return this.#open(demandWith(null), moment)
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
      await this.free() // a later command cannot use a context without its prompt
      throw error
    }
    return lease
  }

  /** Returns how many more sequences the next streams need. */
  #newSequences({ paths, summaries }: RunState, wanted: readonly Wanted[]): number {
    const without = [...paths, ...summaries].filter(
      (one) => isOpen(one) && this.lease?.seqOf(one.segment) === undefined,
    )
    return without.length + wanted.length
  }

  /** Restores the cells that the next streams start from: of open paths and of joined paths. */
  async restore(joined: readonly SegmentId[], moment: Moment): Promise<void> {
    const { lease } = this
    if (lease === null) return
    const { view, signal } = moment
    const ms = await lease.restore(needed(joined, lease, moment), view.state, signal)
    await lease.bringHome(starts(moment), view.state)
    this.#options.clock.add('prefillMs', ms)
  }

  /** Frees the cells of dropped paths, ended summaries and paths that have to start over. */
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

/** Returns the paths that open paths continue from. */
const starts = ({ model, view: { state } }: Moment): SegmentId[] =>
  state.paths.filter(isOpen).map((path) => startOf(path, state, model).segment)

/** Returns the paths whose cells the next streams start from. */
function needed(joined: readonly SegmentId[], lease: Lease, moment: Moment): SegmentId[] {
  const { state } = moment.view
  const reading = state.summaries.filter(
    (one) => one.fusion === 'cache' && isOpen(one) && !goesOn(one, lease),
  )
  return [...new Set([...starts(moment), ...joined, ...reading.flatMap(({ reads }) => reads)])]
}

/**
 * Returns the path whose cells a path continues from: its own, if sequences cannot share parts of
 * their cells.
 */
export function startOf(path: Segment, { paths }: RunState, { native }: LoadedModel): Segment {
  const partial = native.info.cannotJoin === undefined
  return (partial && isFresh(path) && originOf(paths, path)) || path
}

/** Frees the paths' cells if summaries re-read their text and there is no room for both. */
async function makeRoom(lease: Lease, demand: Demand, { view, wanted }: Moment): Promise<void> {
  const { state } = view
  const rereads = wanted.some(({ source, fusion }) => source && fusion === 'reread')
  if (!rereads || state.paths.some(isOpen)) return
  if (lease.capacity - lease.used(state) >= demand.remaining) return
  for (const { segment } of state.paths) await lease.remove(segment)
}

/**
 * Returns whether what is open needs a larger context that may be made. `missing`: open paths that
 * no stream decodes.
 */
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
