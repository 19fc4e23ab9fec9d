import {
  cellsOf,
  isFresh,
  MAX_SEQUENCES,
  openLease,
  originOf,
  sizeRun,
  summaryCells,
  summaryReserve,
  type Demand,
  type Lease,
} from '../kv/index.ts'
import type { Turn } from '../prompt/index.ts'
import { fail } from '../protocol/errors.ts'
import type { EndReason, EventDraft, RunError, SegmentId, Source } from '../protocol/events.ts'
import { isOpen, segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import { shapeOf } from '../protocol/shapes.ts'
import { isReadable, type OpenSummary, type View } from '../strategies/index.ts'
import { prefixOf } from './begin.ts'
import { decodingPart, type Clock } from './clock.ts'
import { Decoding, type SegmentEnd, type Streamed } from './decoding.ts'
import type { LoadedModel, Models } from '../models/loaded.ts'
import { goesOn, pathStream, summaryStream, type StreamRun } from './streams.ts'
import { sourceOf } from './summaries.ts'

export interface DriverOptions {
  models: Models
  conversation: readonly Turn[]
  view: () => View
  emit: (event: EventDraft) => void
  ended: (segment: SegmentId, reason: EndReason, error?: RunError) => void
  /** Asks the strategy what happens next. */
  next: () => void
  clock: Clock
}

/** A summary that waits for the segments that it reads. */
interface Pending extends OpenSummary {
  source?: Source
  resolving?: true
}

/**
 * Decodes what the run's state says is open. It holds what events do not say: the lease of cells, the decode under
 * way, summaries that wait for their paths, and segments that were told to stop.
 */
export class Driver {
  lease: Lease | null = null
  #pending: Pending[] = []
  readonly #stops = new Map<SegmentId, 'stopped' | 'cut'>()
  readonly #options: DriverOptions
  #model: LoadedModel | null = null
  #decoding: Decoding | null = null
  #failure: { error: unknown } | null = null
  #signal: AbortSignal = new AbortController().signal

  constructor(options: DriverOptions) {
    this.#options = options
  }

  get decoding(): boolean {
    return this.#decoding !== null
  }

  get pending(): readonly OpenSummary[] {
    return this.#pending
  }

  /** The summary is opened once every segment that it reads has ended. */
  want(summary: OpenSummary): void {
    this.#pending.push({ ...summary })
  }

  /** Nothing is wanted any more. */
  forget(): void {
    this.#pending = []
    this.#stops.clear()
  }

  /** The segment ends: after its last token if it is being decoded, else at once. */
  cut(segment: SegmentId, reason: 'stopped' | 'cut'): void {
    const one = segmentOf(this.#state, segment)
    if (one === undefined || !isOpen(one) || this.#stops.has(segment)) return
    if (this.#decoding?.has(segment) !== true) return this.#options.ended(segment, reason)
    this.#stops.set(segment, reason)
    this.#decoding.stop(one, reason)
  }

  /**
   * Frees the cells of a segment that was dropped; what its stream still reports is ignored. Without a decode under way
   * they are freed before the next one, which may be in preparation.
   */
  drop(segment: SegmentId): void {
    const seq = this.lease?.seqOf(segment)
    this.#stops.delete(segment)
    if (seq !== undefined && this.#decoding?.remove(seq) === true) this.lease!.forget(segment)
  }

  extend(segment: SegmentId, tokens: number): void {
    const one = segmentOf(this.#state, segment)!
    if (this.#decoding?.has(segment) === true) this.#decoding.extend(one, tokens)
  }

  /** Decodes until every open segment has ended, or has to move to a larger context. Errors: `cancelled`, those of opening a context. */
  async decode(model: LoadedModel, signal: AbortSignal): Promise<void> {
    this.#model = model
    this.#signal = signal
    await Promise.all(this.#ready().map((summary) => this.#resolve(summary)))
    if (this.lease !== null) await this.#removeIdle(this.lease)
    const lease = await this.#ensureLease()
    await this.#restore(lease)
    for (const summary of this.#ready()) if (this.#inPlace(summary, lease)) this.#start(summary)
    const streams = this.#streams(lease)
    if (streams.length === 0) return
    this.#decoding = this.#begin(streams, lease)
    this.#options.clock.enter(decodingPart(this.#state))
    const cancel = () => this.#decoding?.cancel()
    signal.addEventListener('abort', cancel)
    if (signal.aborted) cancel()
    else this.react()
    try {
      await this.#decoding?.done
    } finally {
      signal.removeEventListener('abort', cancel)
      this.#decoding = null
      this.#options.clock.enter(null)
    }
    await this.#settle(lease)
  }

  /** Brings the decode under way to what the state says: opens summaries whose paths are done, adds paths, or moves. */
  react(): void {
    if (this.#decoding === null || this.#failure !== null || this.#signal.aborted) return
    try {
      this.#options.next()
      this.#admit()
    } catch (error) {
      this.#failure ??= { error }
      this.#decoding.cancel()
    }
  }

  async free(): Promise<void> {
    const { lease } = this
    this.lease = null
    if (lease === null) return
    this.#options.models.release(this.#model!)
    await lease.free()
  }

  get #state(): RunState {
    return this.#options.view().state
  }

  get #run(): StreamRun {
    const model = this.#model!
    const { settings } = this.#options.view()
    return { settings, tokens: model.tokens, prefix: prefixOf(model), lease: this.lease! }
  }

  /** Summaries that are wanted and read nothing that still thinks; what was dropped or lost since is not read. */
  #ready(): Pending[] {
    const state = this.#state
    const readable = (segment: SegmentId) => {
      const one = segmentOf(state, segment)
      return one !== undefined && isReadable(one)
    }
    const open = (segment: SegmentId) => isOpen(segmentOf(state, segment) ?? { status: 'done' })
    const ready = this.#pending.filter(({ reads }) => !reads.some(open))
    for (const summary of ready) {
      const reads = summary.reads.filter(readable)
      if (reads.length < summary.reads.length) Object.assign(summary, { reads, source: undefined })
    }
    const empty = ready.filter(({ reads }) => reads.length === 0)
    if (empty.length === 0) return ready
    this.#pending = this.#pending.filter((summary) => !empty.includes(summary))
    this.#options.emit({ type: 'notice', code: 'nothing-to-summarise' })
    return ready.filter((summary) => !empty.includes(summary))
  }

  async #resolve(summary: Pending): Promise<void> {
    const { settings } = this.#options.view()
    const fixed = settings.engine.context > 0 || this.lease?.shrunk === true
    const { reads } = summary
    const source = await sourceOf(summary, {
      model: this.#model!,
      state: this.#state,
      conversation: this.#options.conversation,
      limit: fixed ? (this.lease?.capacity ?? settings.engine.context) : Infinity,
      summaries: Math.max(1, this.#ready().length),
      signal: this.#signal,
    })
    if (summary.reads === reads) summary.source = source
  }

  /** Emits the summary's start; its stream is made from the state. */
  #start(summary: Pending): Segment {
    const { segment, group, source, seed, budget } = summary
    this.#pending = this.#pending.filter((other) => other !== summary)
    this.#options.emit({
      type: 'segment-started',
      segment,
      role: 'summary',
      ...(group !== undefined && { group }),
      source: source!,
      thought: 0,
      seed,
      budget,
    })
    for (const { segment: of, removed } of segmentOf(this.#state, segment)!.cuts)
      this.#options.emit({
        type: 'notice',
        code: 'path-cut',
        params: { path: segmentOf(this.#state, of)!.number, removed },
      })
    return segmentOf(this.#state, segment)!
  }

  /** What the summary reads was settled, and cells that it joins are there. */
  #inPlace({ source, fusion, reads }: Pending, lease: Lease): boolean {
    if (source === undefined || lease.freeSequences === 0) return false
    return fusion !== 'cache' || reads.every((segment) => lease.seqOf(segment) !== undefined)
  }

  // --- cells -------------------------------------------------------------------------------------------------------

  /** What the run has and may still write. */
  #demand(): Demand {
    const { state, settings, trained, later } = this.#options.view()
    const { groups, summaries } = shapeOf(settings, trained)
    const resolved = this.#pending.filter(({ source }) => source !== undefined)
    const written = state.summaries.filter(({ group }) => group !== null).length
    const own = this.#pending.filter(({ group }) => group !== undefined).length
    const toCome = !summaries ? 0 : later ? 1 : Math.max(0, groups - written - own)
    const waiting = this.#pending.length - resolved.length
    const kept = cellsOf(state.paths, ({ status, tokens }) =>
      status === 'dropped' ? 0 : tokens.length,
    )
    return {
      promptTokens: state.promptTokens.length,
      kept,
      remaining:
        openTokens(state.paths) +
        openTokens(state.summaries) +
        resolved.reduce((sum, summary) => sum + needOf(summary), 0),
      budget: settings.budget,
      paths: state.paths.length,
      groups: Math.max(groups, ...state.paths.map(({ group }) => group ?? 1)),
      summaries: toCome + waiting,
      summaryBudget: settings.summaryBudget,
      reread: state.fusion === 'reread',
    }
  }

  /**
   * Ensures the run has a lease that holds the prompt and has the cells and sequences for what is open and wanted. A
   * context that is too small gives way to a larger one, unless the user set its size; the paths' cells are gone then.
   */
  async #ensureLease(): Promise<Lease> {
    const demand = this.#demand()
    const { settings, state } = this.#options.view()
    const sequences = this.#newSequences()
    if (this.lease !== null) {
      await this.#makeRoom(this.lease, demand)
      const free = this.lease.capacity - this.lease.used(state)
      const fits = settings.engine.context > 0 || free >= demand.remaining + summaryCells(demand)
      if (fits && this.lease.freeSequences >= sequences) return this.lease
      await this.free()
    }
    const model = this.#model!
    const { models, emit, clock } = this.#options
    const prompt = state.promptTokens
    const size = sizeRun({ ...demand, paths: demand.paths + sequences })
    const lease = await openLease(size, prompt.length + LEAST, {
      model,
      settings,
      prompt: prompt.length,
      signal: this.#signal,
      makeRoom: (bytes) => models.room(model, bytes),
      onShrunk: (cells, wanted) =>
        emit({ type: 'notice', code: 'context-shrunk', params: { cells, wanted } }),
    })
    this.lease = lease
    models.retain(model)
    try {
      clock.add('prefillMs', await lease.prefill(lease.promptSeq, prompt, 0, this.#signal))
    } catch (error) {
      await this.free() // a context without its prompt is of no use to a later command
      throw error
    }
    return lease
  }

  /** Texts that are read again take the place of the paths' own cells if there is no room for both. */
  async #makeRoom(lease: Lease, demand: Demand): Promise<void> {
    const state = this.#state
    const rereads = this.#pending.some(({ source, fusion }) => source && fusion === 'reread')
    if (!rereads || state.paths.some(isOpen)) return
    if (lease.capacity - lease.used(state) >= demand.remaining) return
    for (const { segment } of state.paths) await lease.remove(segment)
  }

  #newSequences(): number {
    const { paths, summaries } = this.#state
    const without = [...paths, ...summaries].filter(
      (one) => isOpen(one) && this.lease?.seqOf(one.segment) === undefined,
    )
    return without.length + this.#pending.length
  }

  /** Puts back the cells that the streams to come start from. */
  async #restore(lease: Lease): Promise<void> {
    const state = this.#state
    const starts = state.paths.filter(isOpen).map((path) => this.#startOf(path).segment)
    const reading = state.summaries.filter((one) => isOpen(one) && !goesOn(one, lease))
    const joined = [...this.#ready(), ...reading]
      .filter(({ fusion }) => fusion === 'cache')
      .flatMap(({ reads }) => reads)
    const ms = await lease.restore([...new Set([...starts, ...joined])], state, this.#signal)
    this.#options.clock.add('prefillMs', ms)
  }

  // --- the decode --------------------------------------------------------------------------------------------------

  /** Every open segment whose cells are in place. */
  #streams(lease: Lease): Streamed[] {
    const { paths, summaries } = this.#state
    const summaryStreams = summaries.filter(isOpen).map((summary) => {
      const cells = paths.some(isOpen) ? needOf(summary) : 0 // alone they share all that is free
      return { segment: summary, stream: summaryStream(summary, cells, this.#run) }
    })
    const pathStreams = paths
      .filter((path) => isOpen(path) && this.#startsInPlace(path, lease))
      .map((path) => this.#pathStream(path))
    return [...pathStreams, ...summaryStreams]
  }

  #pathStream(path: Segment): Streamed {
    const start = { alone: this.#isAlone(path), from: this.#startOf(path) }
    return { segment: path, stream: pathStream(path, start, this.#run) }
  }

  /** Whose cells a path goes on from. Where sequences share no parts of their cells they are always its own. */
  #startOf(path: Segment): Segment {
    const partial = this.#model!.native.info.cannotJoin === undefined
    return (partial && isFresh(path) && originOf(this.#state.paths, path)) || path
  }

  /** The finish rule counts a path of a group whose summary is still to come. */
  #isAlone({ group }: Segment): boolean {
    const { later, pending, state } = this.#options.view()
    const has = (summary: { group?: number | null }) => summary.group === group
    return later || pending.some(has) || state.summaries.some(has)
  }

  #startsInPlace(path: Segment, lease: Lease): boolean {
    if (lease.seqOf(path.segment) === undefined && lease.freeSequences === 0) return false
    return path.tokens.length === 0 || lease.seqOf(this.#startOf(path).segment) !== undefined
  }

  #begin(streams: readonly Streamed[], lease: Lease): Decoding {
    const { settings, trained, state } = this.#options.view()
    const own = streams.reduce((sum, { stream }) => sum + (stream.cells ?? 0), 0)
    const free = Math.max(0, lease.capacity - this.#heldBefore(streams, lease) - own)
    const demand = this.#demand()
    const reserve = state.paths.some(isOpen)
      ? summaryReserve(free, summaryCells(demand), demand.summaries, this.#run.prefix.length)
      : 0
    return new Decoding(lease.context, streams, {
      finish: shapeOf(settings, trained).finish,
      cells: Math.max(0, free - reserve),
      logprobs: true,
      alternatives: settings.alternatives,
      onTokens: (segment, tokens) => {
        const one = segmentOf(this.#state, segment)
        if (one !== undefined && isOpen(one))
          this.#options.emit({ type: 'tokens', segment, tokens })
      },
      onEnd: (end) => this.#onEnd(end),
      onBatch: () => this.react(),
    })
  }

  /** Cells in use before the streams of these summaries read anything. */
  #heldBefore(streams: readonly Streamed[], lease: Lease): number {
    const unread = streams
      .filter(({ segment }) => segment.role === 'summary' && segment.tokens.length === 0)
      .reduce((sum, { segment }) => sum + readTokens(segment.source), 0)
    return lease.used(this.#state) - unread
  }

  #onEnd({ segment, reason, error }: SegmentEnd): void {
    const one = segmentOf(this.#state, segment)
    if (one === undefined || !isOpen(one)) return
    // Only a cancelled run ends its segments so; else the decode moves to a larger context, and they go on there.
    if (reason === 'cancelled' && !this.#signal.aborted) return
    // Extended while its last token was on the way.
    if (reason === 'budget' && one.tokens.length < one.budget) return
    this.#stops.delete(segment)
    this.#options.ended(segment, reason, error)
  }

  #admit(): void {
    const { lease } = this
    if (lease === null || this.#decoding === null) return
    for (const summary of this.#ready()) {
      if (summary.source === undefined) this.#resolveSoon(summary)
      else if (this.#inPlace(summary, lease) && this.#spare(lease) >= needOf(summary))
        this.#add(summary)
    }
    const missing = this.#state.paths.filter(
      (path) =>
        isOpen(path) && !this.#decoding!.has(path.segment) && !this.#stops.has(path.segment),
    )
    if (this.#outgrows(lease, missing)) return this.#decoding.cancel()
    for (const path of missing)
      if (this.#startsInPlace(path, lease) && !this.#decoding.add(this.#pathStream(path))) return
  }

  #add(summary: Pending): void {
    const started = this.#start(summary)
    const stream = summaryStream(started, needOf(started), this.#run)
    this.#decoding!.add({ segment: started, stream })
  }

  #resolveSoon(summary: Pending): void {
    if (summary.resolving === true) return
    summary.resolving = true
    this.#resolve(summary)
      .catch((error: unknown) => {
        this.#failure ??= { error }
        this.#decoding?.cancel()
      })
      .finally(() => {
        delete summary.resolving
        this.react()
      })
  }

  /** Cells that nothing open may still take. */
  #spare(lease: Lease): number {
    const { paths, summaries } = this.#state
    return lease.capacity - lease.used(this.#state) - openTokens(paths) - openTokens(summaries)
  }

  /** What is open does not fit, and the context may become larger: the decode has to move. */
  #outgrows(lease: Lease, missing: readonly Segment[]): boolean {
    const { settings } = this.#options.view()
    if (settings.engine.context > 0 || lease.shrunk) return false
    const sequences = missing.filter(({ segment }) => lease.seqOf(segment) === undefined)
    const short = sequences.length > 0 && lease.freeSequences < sequences.length + 1
    if (short && lease.sequences < MAX_SEQUENCES) return true
    return this.#spare(lease) < 0
  }

  /** After a decode: ends what was told to stop and did not, and gives back what nobody needs. */
  async #settle(lease: Lease): Promise<void> {
    if (this.#failure !== null) {
      const { error } = this.#failure
      this.#failure = null
      throw error
    }
    if (this.#signal.aborted) throw fail('cancelled/run')
    for (const [segment, reason] of this.#stops) {
      this.#stops.delete(segment)
      const one = segmentOf(this.#state, segment)
      if (one !== undefined && isOpen(one)) this.#options.ended(segment, reason)
    }
    await this.#removeIdle(lease)
  }

  /** Gives back the cells of what was dropped, of summaries, and of paths without a token of their own, which start again. */
  async #removeIdle(lease: Lease): Promise<void> {
    const { paths, summaries } = this.#state
    const starts = new Set(paths.filter(isOpen).map((path) => this.#startOf(path)))
    const idle = paths.filter(
      (path) => (path.status === 'dropped' && !starts.has(path)) || isFresh(path),
    )
    for (const { segment } of [...idle, ...summaries.filter((one) => !isOpen(one))])
      await lease.remove(segment)
  }
}

/** Cells for llama.cpp's own rounding that a context cannot do without. */
const LEAST = 64

const openTokens = (segments: readonly Segment[]): number =>
  segments
    .filter(isOpen)
    .reduce((sum, { budget, tokens }) => sum + Math.max(1, budget - tokens.length), 0)

const readTokens = (source: Source | undefined): number =>
  source === undefined || (source.type !== 'join' && source.type !== 'text')
    ? 0
    : source.parts.reduce(
        (sum, part) => sum + ('tokens' in part ? (part.tokens as number[]).length : 0),
        0,
      )

/** Cells that a summary takes for itself: what it reads again, and its own tokens. */
const needOf = ({ source, budget }: { source?: Source; budget: number }): number =>
  readTokens(source) + budget
