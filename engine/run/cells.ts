import {
  isBefore,
  isFresh,
  originOf,
  rootOf,
  sequencesOf,
  sharesParts,
  sizeRun,
  SLACK,
  summaryCells,
  type Demand,
  type Lease,
  type Pools,
} from '../kv/index.ts'
import type { LoadedModel } from '../models/index.ts'
import { mayThink } from '../prompt/index.ts'
import type { EventDraft } from '../protocol/events.ts'
import { isOpen, reading, segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import type { RunSettings } from '../protocol/request.ts'
import { shapeOf } from '../protocol/shapes.ts'
import { numberOf, type SegmentId } from '../protocol/segments.ts'
import type { View } from '../strategies/index.ts'
import type { Clock } from './clock.ts'
import { demandOf, isSpent, missingCells, sequencesFor, spareCells } from './demand.ts'
import { goesOn, startsBehind } from './streams.ts'
import type { Wanted } from './wanted.ts'

export interface CellsOptions {
  pools: Pools<LoadedModel>
  emit: (event: EventDraft) => void
  /** No command will follow. */
  final: boolean
  /** When the run asked to work, in the order of `Pools.arrive`. */
  arrival: () => number
  /** Called with the run's place in the queue for cells, from 1; null once it does not wait. */
  onWaiting: (place: number | null) => void
  clock: Clock
}

/** What the run needs cells for at one moment. */
export interface Moment {
  model: LoadedModel
  view: View
  wanted: readonly Wanted[]
  signal: AbortSignal
}

/**
 * The lease of a run. It is taken from a pool when cells are needed, grows or is replaced by a larger
 * one, gives back what the run no longer needs, and is freed.
 */
export class RunCells {
  lease: Lease | null = null
  readonly #options: CellsOptions

  constructor(options: CellsOptions) {
    this.#options = options
  }

  /**
   * Ensures the run has a lease that holds the prompt and has the cells and sequences for what is
   * open and wanted. A lease that is too small takes what the pool has free. If that is not enough,
   * it is given back, which loses the paths' cells, and the run waits for a larger one; but not if
   * the user limited its size.
   * `joined`: paths whose cells a summary will read. Errors: those of opening a context, `cancelled`.
   */
  async ensure(joined: readonly SegmentId[], moment: Moment): Promise<Lease> {
    const { view, wanted } = moment
    const { state, settings } = view
    const demandWith = (lease: Lease | null) =>
      demandOf(view, wanted, { lease, thinks: mayThink(moment.model.thought) })
    if (this.lease?.context.info.lost === true) await this.free()
    const { lease } = this
    if (lease !== null) {
      lease.wake()
      const grow = () => {
        const needs = withRead(startsFrom(joined, lease, moment), lease, moment)
        const demand = demandWith(lease)
        const missing = missingCells(state, lease, needs)
        const cells = lease.used(state) + missing + demand.remaining + summaryCells(demand)
        const open = [...state.paths, ...reading(state)].filter(isOpen)
        const without = [...needs, ...open.flatMap(sequencesOf)].filter(
          (segment) => lease.seqOf(segment) === undefined,
        )
        // A path that a join moved is brought home in a sequence of its own.
        const away = needs.filter((path) => lease.seqOf(path) !== undefined && !lease.isHome(path))
        const waiting = wanted.reduce((sum, one) => sum + sequencesFor(one), 0)
        const sequences = new Set(without).size + away.length + waiting
        return lease.grow({
          cells: Math.min(cells, this.limit(settings)),
          sequences: lease.sequences + Math.max(0, sequences - lease.freeSequences),
        })
      }
      if (grow() && !(await makeRoom(lease, demandWith(lease), moment))) return lease
      if (grow()) return lease
      await this.free()
    }
    return this.#open(demandWith(null), moment)
  }

  /**
   * Takes cells for what is open, and sequences for segments that have none, if the pool has them.
   * Returns false, without effect, if it has not.
   */
  grow(missing: readonly Segment[], { state, settings }: View): boolean {
    const lease = this.lease!
    const without = missing.filter(({ segment }) => lease.seqOf(segment) === undefined)
    // One sequence stays free for a summary.
    const more = without.length === 0 ? 0 : without.length + 1 - lease.freeSequences
    const cells = lease.capacity - Math.min(0, spareCells(state, lease))
    return lease.grow({
      cells: Math.max(lease.capacity, Math.min(cells, this.limit(settings))),
      sequences: lease.sequences + Math.max(0, more),
    })
  }

  /** Returns the most cells that the run may have; Infinity: as many as it needs. */
  limit({ engine: { context } }: RunSettings): number {
    return Math.min(context > 0 ? context : Infinity, this.lease?.limit ?? Infinity)
  }

  /** Gives back the cells that nothing open or to come can use. */
  trim({ view, wanted, model }: Moment): void {
    const { lease } = this
    if (lease === null) return
    const demand = demandOf(view, wanted, { lease, thinks: mayThink(model.thought) })
    lease.trim(lease.used(view.state) + demand.remaining + summaryCells(demand) + SLACK)
  }

  /** The run works no more: its cells stay only until other runs need the room. */
  rest({ state }: View): void {
    this.lease?.trim(this.lease.used(state) + SLACK)
    this.lease?.rest()
  }

  async #open(demand: Demand, { model, view, signal }: Moment): Promise<Lease> {
    const { pools, emit, final, arrival, onWaiting, clock } = this.#options
    const { promptTokens } = view.state
    let since: number | null = null
    const lease = await pools.lease({
      model,
      settings: view.settings,
      size: sizeRun(demand),
      least: promptTokens.length + SLACK,
      prompt: promptTokens.length,
      native: final ? windowOnly(model, view) : undefined,
      arrival: arrival(),
      alone: view.settings.alone === true,
      signal,
      onShrunk: (cells, wanted) =>
        emit({ type: 'notice', code: 'context-shrunk', params: { cells, wanted } }),
      onWaiting: (place) => {
        const now = performance.now()
        if (place === null) clock.add('totalMs', (since ?? now) - now)
        since = place === null ? null : (since ?? now)
        onWaiting(place)
      },
      onEvicted: () => (this.lease = null),
    })
    this.lease = lease
    try {
      clock.add('prefillMs', await lease.fillPrompt(promptTokens, signal))
    } catch (error) {
      await this.free() // a later command cannot use a context without its prompt
      throw error
    }
    return lease
  }

  /**
   * Restores the cells that the next streams start from: of open paths and of joined paths. Cells
   * that only other paths had to read are freed behind the last of these, so that no more rounds
   * have cells at a time than when they were written.
   */
  async restore(joined: readonly SegmentId[], moment: Moment): Promise<void> {
    const { lease } = this
    if (lease === null) return
    const { view, signal } = moment
    const { state } = view
    const begun = startsFrom(joined, lease, moment)
    const all = withRead(begun, lease, moment)
    const missing = all.filter((segment) => lease.seqOf(segment) === undefined)
    const reads = missing.map((segment) => readsOf(segment, lease, state))
    for (const [i, segment] of missing.entries()) {
      this.#options.clock.add('prefillMs', await lease.restore([segment], state, signal))
      const wanted = new Set([...begun, ...missing.slice(i + 1), ...reads.slice(i + 1).flat()])
      for (const read of missing.slice(0, i)) if (!wanted.has(read)) await lease.remove(read)
    }
    await lease.bringHome([...starts(moment), ...merged(moment)], state)
  }

  /** Frees the cells of dropped paths, ended summaries and probes, and paths that have to start over. */
  async removeIdle({ view, model }: Moment): Promise<void> {
    const { lease } = this
    if (lease === null) return
    const { state } = view
    const { paths } = state
    const starts = new Set(paths.filter(isOpen).map((path) => startOf(path, state, model)))
    const idle = paths.filter(
      (path) =>
        isFresh(path) || (!starts.has(path) && (path.status === 'dropped' || isSpent(path, view))),
    )
    for (const one of [...idle, ...reading(state).filter((one) => !isOpen(one))])
      for (const segment of sequencesOf(one)) await lease.remove(segment)
  }

  async free(): Promise<void> {
    const { lease } = this
    this.lease = null
    await lease?.free()
  }
}

/** Returns the paths that open paths continue from. */
const starts = ({ model, view: { state } }: Moment): SegmentId[] =>
  state.paths.filter(isOpen).map((path) => startOf(path, state, model).segment)

/** Returns the paths that merged answers go on from. */
const merged = ({ view: { state }, wanted }: Moment): SegmentId[] =>
  [
    ...state.summaries.filter((one) => one.source.type === 'merge' && isOpen(one)),
    ...wanted.filter((one) => one.role === 'summary' && one.merge === true),
  ].flatMap(({ reads }) => reads)

/** Returns the paths whose cells the next streams start from. */
function startsFrom(joined: readonly SegmentId[], lease: Lease, moment: Moment): SegmentId[] {
  const { state } = moment.view
  const joining = [
    ...reading(state).filter((one) => isOpen(one) && !goesOn(one, lease)),
    ...state.paths.filter((one) => isOpen(one) && startsBehind(one)),
  ].filter(({ fusion, source }) => fusion === 'cache' || source.type === 'merge')
  return [...starts(moment), ...joined, ...joining.flatMap(({ reads }) => reads)]
}

/** Returns these paths and those that must be there to restore them, each behind those that it reads. */
function withRead(paths: readonly SegmentId[], lease: Lease, { view }: Moment): SegmentId[] {
  const all = new Set(paths)
  for (const segment of all) for (const read of readsOf(segment, lease, view.state)) all.add(read)
  return [...all].sort((a, b) => numberOf(a) - numberOf(b))
}

/** Returns the paths whose cells must be there to restore those of a path. */
function readsOf(segment: SegmentId, lease: Lease, state: RunState): SegmentId[] {
  const path = segmentOf(state, segment)
  if (path === undefined || lease.seqOf(segment) !== undefined) return []
  const root = rootOf(state.paths, path)
  if (root.fusion !== 'cache' || startsBehind(root)) return []
  return root.reads.filter((read) => isBefore(read, root.segment))
}

/**
 * Returns the path whose cells a path continues from: its own, if sequences cannot share parts of
 * their cells.
 */
export function startOf(path: Segment, { paths }: RunState, { native }: LoadedModel): Segment {
  return (sharesParts(native.info) && isFresh(path) && originOf(paths, path)) || path
}

/**
 * Frees the paths' cells if summaries re-read their text and there is no room for both. Returns
 * whether it did.
 */
async function makeRoom(lease: Lease, demand: Demand, { view, wanted }: Moment): Promise<boolean> {
  const { state } = view
  const rereads = wanted.some(
    (one) => one.source?.type === 'text' && (one.role === 'summary' || one.role === 'judge'),
  )
  if (!rereads || state.paths.some(isOpen)) return false
  if (lease.capacity - lease.used(state) >= demand.remaining) return false
  for (const { segment } of state.paths) await lease.remove(segment)
  return true
}

/** Returns the options of a context for a run in which nothing is joined or branched. */
function windowOnly(
  { native }: LoadedModel,
  { settings, trained }: View,
): { swaFull: false } | undefined {
  const { summaries, judgements } = shapeOf(settings, trained)
  const whole = !summaries && judgements === 0 && settings.probeEvery === undefined
  return native.info.slidingWindow && whole ? { swaFull: false } : undefined
}
