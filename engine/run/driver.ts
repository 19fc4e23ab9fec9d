import { summaryCells, summaryReserve, type Lease, type Pools } from '../kv/index.ts'
import type { LoadedModel } from '../models/index.ts'
import type { StreamOptions } from '../native/index.ts'
import { mayThink, type Turn } from '../prompt/index.ts'
import { BraidError, fail, toBraidError } from '../protocol/errors.ts'
import {
  runError,
  type EndReason,
  type EventDraft,
  type RunError,
  type SegmentId,
  type Source,
} from '../protocol/events.ts'
import { isOpen, reading, segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import type { RunSettings } from '../protocol/request.ts'
import { forksText, ruleOf, shapeOf, type Shape } from '../protocol/shapes.ts'
import { needsConfidence } from '../protocol/answers/weights.ts'
import {
  latestRound,
  type Compare,
  type OpenReader,
  type Probing,
  type View,
} from '../strategies/index.ts'
import { answerGrammar, type AnswerGrammar } from './answering.ts'
import { leastOf, prefixOf } from './begin.ts'
import { RunCells, startOf, type Moment } from './cells.ts'
import { decodingPart, type Clock } from './clock.ts'
import { probeSource } from './comparing.ts'
import { Decoding, type SegmentEnd } from './decoding.ts'
import { demandOf, isSpent, needOf, openTokens, sequencesFor, spareCells } from './demand.ts'
import { Probes } from './probes.ts'
import {
  goesOn,
  pathStream,
  readingStreams,
  startsBehind,
  type Streamed,
  type StreamRun,
} from './streams.ts'
import { thoughtStops } from './merging.ts'
import { movesCells, readingNotices, sourceOf } from './summaries.ts'
import { WantedSegments, type Wanted } from './wanted.ts'

export interface DriverOptions {
  pools: Pools<LoadedModel>
  conversation: readonly Turn[]
  view: () => View
  emit: (event: EventDraft) => void
  ended: (segment: SegmentId, reason: EndReason, error?: RunError) => void
  /** Asks the strategy what happens next. */
  next: () => void
  /** Called before a summary is framed: the kind of the question must be known. */
  joining: () => void
  /** There is nothing to ask a probe for: the programs are compared without it. */
  unprobed: (reads: Compare['of']) => void
  /** No command will follow. */
  final: boolean
  /** When the run asked to work, in the order of `Pools.arrive`. */
  arrival: () => number
  /** Called with the run's place in the queue for cells, from 1; null once it does not wait. */
  onWaiting: (place: number | null) => void
  /** Called with how much of what it reads a segment has read, 0..1. */
  onReading: (segment: SegmentId, fraction: number) => void
  clock: Clock
}

/**
 * Decodes the segments that are open in the run's state. It holds what is not in events: the lease
 * of cells, the current decode, summaries that wait for their paths, and segments that were asked
 * to stop.
 */
export class Driver {
  readonly #cells: RunCells
  readonly #wanted = new WantedSegments()
  readonly #probes: Probes
  readonly #stops = new Map<SegmentId, 'stopped' | 'cut'>()
  /** Go on though their decode broke off, which left no logits to go on from: their cells are put back first. */
  readonly #broken = new Set<SegmentId>()
  /** Were dropped from the current decode, which has not reported their end yet. */
  readonly #dropped = new Set<SegmentId>()
  /** Paths whose wait for cells was reported. */
  readonly #waiting = new Set<SegmentId>()
  #crowded = false
  /** Moved paths for which a decode was interrupted once, so that they could be put back. */
  readonly #called = new Set<SegmentId>()
  readonly #options: DriverOptions
  #model: LoadedModel | null = null
  /** The grammar of the run's schema, once it is made. */
  #grammar: AnswerGrammar | null | undefined
  #decoding: Decoding | null = null
  #failure: { error: unknown } | null = null
  #signal: AbortSignal = new AbortController().signal

  constructor(options: DriverOptions) {
    this.#options = options
    this.#cells = new RunCells(options)
    this.#probes = new Probes({
      emit: options.emit,
      room: (cells) => this.#roomFor(cells),
    })
  }

  get lease(): Lease | null {
    return this.#cells.lease
  }

  get decoding(): boolean {
    return this.#decoding !== null
  }

  get pending(): readonly OpenReader[] {
    return this.#wanted.list
  }

  /** Opens the segment once every segment that it reads has ended. `thought`: row of a path. */
  want(segment: OpenReader, thought?: number): void {
    this.#wanted.add(segment, thought)
  }

  get probing(): readonly Probing[] {
    return this.#probes.list
  }

  /** Asks a path for its answer once there is room for that. */
  probe(probing: Probing): void {
    this.#probes.ask(probing)
  }

  /** Discards waiting segments, questions and pending stops. */
  forget(): void {
    this.#wanted.clear()
    this.#probes.forget()
    this.#stops.clear()
  }

  /** Ends the segment: between two steps if it is being decoded, else at once. One that waits to open never does. */
  cut(segment: SegmentId, reason: 'stopped' | 'cut'): void {
    if (this.#wanted.cancel(segment)) return
    const one = segmentOf(this.#state, segment)
    if (one === undefined || !isOpen(one) || this.#stops.has(segment)) return
    if (this.#decoding?.has(segment) !== true) return this.#options.ended(segment, reason)
    this.#stops.set(segment, reason)
    this.#decoding.stop(one, reason)
  }

  /**
   * Frees the cells of a dropped segment; anything that its stream still reports is ignored. If no
   * decode is running, the cells are freed before the next one.
   */
  drop(segment: SegmentId): void {
    const seq = this.lease?.seqOf(segment)
    this.#stops.delete(segment)
    if (this.#decoding?.has(segment) === true) this.#dropped.add(segment)
    if (seq !== undefined && this.#decoding?.remove(seq) === true) this.lease!.forget(segment)
  }

  /** The segment had ended and goes on, or was dropped and is taken back. */
  reopen({ segment, reason }: Segment): void {
    if (['cancelled', 'failed', 'overflow', 'dropped'].includes(reason ?? ''))
      this.#broken.add(segment)
  }

  /** Lets a segment that decodes write more. If there are no cells for that, it ends and waits for them. */
  extend(segment: SegmentId, tokens: number): void {
    const one = segmentOf(this.#state, segment)!
    if (this.#decoding?.has(segment) !== true) return
    if (!this.#cells.grow([], this.#options.view())) return this.#sayWaiting([one])
    this.#decoding.extend(one, tokens, this.#limited ? 0 : tokens)
  }

  /**
   * Decodes until every open segment has ended, or has to move to a larger context. Errors:
   * `cancelled`, those of opening a context.
   */
  async decode(model: LoadedModel, signal: AbortSignal): Promise<void> {
    this.#model = model
    this.#signal = signal
    const { settings } = this.#options.view()
    this.#grammar ??= await answerGrammar(settings, this.#state.thought, model)
    await this.lease?.findMoved(this.#state)
    await Promise.all(this.#ready().map((summary) => this.#settle(summary)))
    await this.#cells.removeIdle(this.#moment)
    await this.#removeBroken()
    let lease = await this.#cells.ensure(this.#joined(), this.#moment)
    if (!lease.context.info.canShift) {
      // Only the real context tells whether cells can be moved; if not, texts are read again.
      const moving = this.#ready().filter(
        ({ source }) => source !== undefined && movesCells(source),
      )
      await Promise.all(moving.map((summary) => this.#settle(summary)))
      if (moving.length > 0) lease = await this.#cells.ensure(this.#joined(), this.#moment)
    }
    await this.#cells.restore(this.#joined(), this.#moment)
    for (const summary of this.#ready()) if (this.#inPlace(summary, lease)) this.#start(summary)
    const streams = this.#streams(lease)
    const forks = this.#probes.begin(null, model, lease, this.#state)
    if (streams.length === 0 && forks.length === 0) return this.#probes.giveUp()
    this.#decoding = this.#begin(streams, forks, lease)
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
      this.#dropped.clear()
      await this.#probes.clear(this.lease)
      this.#options.clock.enter(null)
    }
    await this.#tidy()
  }

  /** The run works no more: its cells stay only until other runs need the room. */
  rest(): void {
    this.#cells.rest(this.#options.view())
  }

  async #removeBroken(): Promise<void> {
    const broken = [...this.#broken]
    this.#broken.clear()
    for (const segment of broken) await this.lease?.remove(segment)
  }

  /**
   * Updates the current decode to match the state: opens summaries whose paths are done, adds
   * paths, or cancels it to move.
   */
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

  /** Frees the run's cells. */
  free(): Promise<void> {
    return this.#cells.free()
  }

  get #state(): RunState {
    return this.#options.view().state
  }

  get #moment(): Moment {
    const view = this.#options.view()
    return { model: this.#model!, view, wanted: this.#wanted.list, signal: this.#signal }
  }

  get #run(): StreamRun {
    const model = this.#model!
    const { settings } = this.#options.view()
    const { tokens } = model
    return {
      settings,
      tokens,
      prefix: prefixOf(model, settings),
      grammar: this.#grammar ?? null,
      trained: tokens.pairs.length > 0,
      lease: this.lease!,
      state: this.#state,
      stops: ruleOf(settings.strategy).merges ? thoughtStops(model) : [],
      ends: forksText({ settings }) ? forkEnds(model) : [],
    }
  }

  /** Returns the segments that can be opened now. */
  #ready(): Wanted[] {
    const { ready, empty } = this.#wanted.ready(this.#state)
    if (empty > 0) this.#options.emit({ type: 'notice', code: 'nothing-to-summarise' })
    return ready
  }

  /** Paths whose cells these segments read. */
  #joined(): SegmentId[] {
    return this.#ready()
      .filter(readsCache)
      .flatMap(({ reads }) => reads)
  }

  async #settle(summary: Wanted): Promise<void> {
    const { settings } = this.#options.view()
    // A text that goes on behind its own children has not answered yet.
    if (!forksText({ settings }) || summary.role !== 'path') this.#options.joining()
    const { reads } = summary
    if (summary.role === 'probe') return this.#settleProbe(summary, settings)
    const framed = sourceOf(summary, {
      model: this.#model!,
      state: this.#state,
      conversation: this.#options.conversation,
      limit: this.#cells.limit(settings),
      lease: this.lease,
      summaries: Math.max(1, this.#ready().length),
      signal: this.#signal,
    })
    const found = await framed.catch((error: unknown) => toBraidError(error))
    if (found instanceof BraidError) {
      // A judge that finds no room names neither; the others go on.
      if (summary.role !== 'judge' || found.code !== 'context-too-small') throw found
      if (summary.reads === reads) this.#refuse(summary, found)
      return
    }
    if (summary.reads !== reads) return
    const { source, instruction } = found
    summary.source = source
    summary.asked = instruction
  }

  async #settleProbe(probe: Extract<Wanted, { role: 'probe' }>, settings: RunSettings) {
    const { reads } = probe
    const found = await probeSource(probe, {
      model: this.#model!,
      state: this.#state,
      limit: this.#cells.limit(settings),
      signal: this.#signal,
    })
    if (probe.reads !== reads) return
    if (found !== null) return void Object.assign(probe, found)
    this.#wanted.remove(probe)
    this.#options.unprobed(reads)
  }

  /** Records a judge that could not begin. */
  #refuse(judge: Wanted, error: BraidError): void {
    judge.source = { type: 'text', parts: judge.reads.map((of) => ({ tokens: [], of })) }
    this.#start(judge)
    this.#options.ended(judge.segment, 'failed', runError(error))
  }

  /** Emits the start of a segment that reads others, and returns it. */
  #start(summary: Wanted): Segment {
    const { segment, role, source, seed, budget, asked, thought = 0 } = summary
    const [group, fusion] =
      summary.role === 'probe' ? [undefined, undefined] : [summary.group, summary.fusion]
    this.#wanted.remove(summary)
    this.#options.emit({
      type: 'segment-started',
      segment,
      role,
      ...(group !== undefined && { group }),
      source: source!,
      thought,
      seed,
      budget,
      ...(asked !== undefined && { instruction: asked }),
      ...(summary.role === 'path' &&
        summary.forced !== undefined && { forced: [...summary.forced] }),
    })
    const started = segmentOf(this.#state, segment)!
    const told = role === 'path' && this.#state.notices.some(({ code }) => code === 'reread-fusion')
    if (role !== 'judge' && fusion === 'cache' && started.fusion === 'reread' && !told)
      this.#options.emit({ type: 'notice', code: 'reread-fusion' })
    for (const notice of readingNotices(started, this.#state))
      this.#options.emit({ type: 'notice', ...notice })
    return started
  }

  /** Returns whether the summary can start: its source and the cells that it joins are there. */
  #inPlace(wanted: Wanted, lease: Lease): boolean {
    const { source, reads } = wanted
    if (source === undefined || lease.freeSequences < sequencesFor(wanted)) return false
    const merges = source.type === 'merge'
    return (
      (!merges && !readsCache(wanted)) ||
      reads.every((read) => lease.seqOf(read) !== undefined && (!merges || lease.isHome(read)))
    )
  }

  /** Returns the streams of all open segments whose cells are in place. */
  #streams(lease: Lease): Streamed[] {
    const { paths } = this.#state
    const summaryStreams = reading(this.#state)
      .filter(isOpen)
      .map((summary) => {
        // In a lease that may be too small, summaries without open paths share all free cells.
        const cells =
          this.#limited && !paths.some(isOpen)
            ? 0
            : goesOn(summary, lease)
              ? openTokens([summary])
              : needOf(summary, this.#state, lease)
        return readingStreams(summary, cells, false, this.#run)
      })
    const pathStreams = paths
      .filter((path) => isOpen(path) && this.#startsInPlace(path, lease))
      .map((path) => this.#pathStream(path))
    return [...pathStreams, ...summaryStreams]
  }

  /** `beside`: as in `summaryStream`. */
  #pathStream(path: Segment, beside = false): Streamed {
    const start = { alone: this.#isAlone(path), from: this.#startOf(path), beside }
    const cells = startsBehind(path) ? needOf(path, this.#state, this.lease!) : undefined
    const stream = pathStream(path, start, this.#run)
    // The lease has cells for whole budgets unless it is limited: then paths share what there is.
    return {
      segment: path,
      stream: this.#limited ? stream : { ...stream, cells: cells ?? stream.budget },
    }
  }

  get #limited(): boolean {
    return this.#cells.limit(this.#options.view().settings) !== Infinity
  }

  #startOf(path: Segment): Segment {
    return startOf(path, this.#state, this.#model!)
  }

  /**
   * Returns whether the finish rule ignores a path: its group's summary is written or pending, the
   * next round has begun, or the run had ended.
   */
  #isAlone({ group }: Segment): boolean {
    const view = this.#options.view()
    const { later, pending, state, settings } = view
    const has = (one: { group?: number | null }) => one.group === group
    return (
      later ||
      ((settings.rounds ?? 1) > 1 && latestRound(view) > (group ?? 1)) ||
      pending.some((one) => one.role === 'summary' && has(one)) ||
      state.summaries.some(has)
    )
  }

  #startsInPlace(path: Segment, lease: Lease): boolean {
    if (this.#broken.has(path.segment)) return false
    if (lease.seqOf(path.segment) === undefined && lease.freeSequences === 0) return false
    const { segment } = this.#startOf(path)
    if (startsBehind(path) && path.fusion === 'cache')
      return path.reads.every((read) => lease.seqOf(read) !== undefined)
    return path.tokens.length === 0 || (lease.seqOf(segment) !== undefined && lease.isHome(segment))
  }

  #begin(streams: readonly Streamed[], forks: readonly Streamed[], lease: Lease): Decoding {
    const { settings, trained, state } = this.#options.view()
    const parts = (list: readonly Streamed[]) =>
      list.flatMap(({ stream, others = [] }) => [stream, ...others])
    const own = parts([...streams, ...forks]).reduce((sum, { cells = 0 }) => sum + cells, 0)
    const free = Math.max(0, lease.capacity - this.#heldBefore(parts(streams), lease) - own)
    const shape = shapeOf(settings, trained)
    const reserve = state.paths.some(isOpen) ? this.#reserve(free, shape, lease) : 0
    return new Decoding(lease.context, [...streams, ...forks], {
      finish: shape.finish,
      cells: Math.max(0, free - reserve),
      logprobs: true,
      alternatives: settings.alternatives,
      confidence: settings.confidence === true || needsConfidence(settings.weight),
      onTokens: (segment, tokens) => {
        if (this.#probes.has(segment)) return this.#probes.wrote(segment, tokens, this.#decoding!)
        const one = segmentOf(this.#state, segment)
        if (one !== undefined && isOpen(one) && !this.#dropped.has(segment))
          this.#options.emit({ type: 'tokens', segment, tokens })
      },
      onEnd: (end) => this.#onEnd(end),
      onReading: this.#options.onReading,
      onCrowded: (threads) => this.#sayCrowded(threads, settings),
      onBatch: () => this.react(),
    })
  }

  #sayCrowded(threads: number, { alone = false, engine }: RunSettings): void {
    if (this.#crowded) return
    this.#crowded = true
    const code = alone || engine.threads > 0 ? 'processor-crowded' : 'threads-fewer'
    this.#options.emit({ type: 'notice', code, params: { threads } })
  }

  /** Returns how many of the free cells are kept for summaries. */
  #reserve(free: number, shape: Shape, lease: Lease): number {
    const model = this.#model!
    const { settings, state } = this.#options.view()
    const thinks = mayThink(model.thought)
    const demand = demandOf(this.#options.view(), this.#wanted.list, { lease, thinks })
    const asked = { problem: state.problem, settings }
    const least = leastOf(model, state.fusion ?? 'reread', shape, asked)
    return summaryReserve(free, summaryCells(demand), demand.summaries, least)
  }

  /** Returns the cells in use, not counting those that these streams decode or copy when they begin. */
  #heldBefore(streams: readonly StreamOptions[], lease: Lease): number {
    const unread = streams
      .flatMap(({ parts = [] }) => parts)
      .reduce((sum, part) => {
        if ('tokens' in part) return sum + part.tokens.length
        return part.place === 'copy' ? sum + part.end! - part.start! : sum
      }, 0)
    return lease.used(this.#state) - unread
  }

  /** Returns whether a probe has room beside what the open segments may still take. */
  #roomFor(cells: number): boolean {
    const lease = this.lease!
    const { paths } = this.#state
    const free = lease.capacity - lease.used(this.#state) - this.#probes.cells
    // In a lease that may be too small, paths take what there is until it is used up.
    const kept = this.#limited ? paths.filter(isOpen).length * cells : openTokens(paths)
    return free - kept >= cells
  }

  #onEnd({ segment, reason, error }: SegmentEnd): void {
    if (this.#dropped.delete(segment)) return
    if (this.#probes.has(segment))
      return this.#probes.ended(segment, reason !== 'cancelled' && reason !== 'failed')
    const one = segmentOf(this.#state, segment)
    if (one === undefined || !isOpen(one)) return
    // Unless the run is cancelled, the decode was cancelled to move to a larger context, where
    // segments continue.
    if (reason === 'cancelled' && !this.#signal.aborted) return
    // The segment was extended while its last token was being reported.
    if (reason === 'budget' && one.tokens.length < one.budget) return
    this.#stops.delete(segment)
    this.#options.ended(segment, reason, error)
    this.#cells.trim(this.#moment)
  }

  #admit(): void {
    const { lease } = this
    if (lease === null || this.#decoding === null) return
    const view = this.#options.view()
    for (const path of this.#state.paths)
      if (isSpent(path, view) && lease.seqOf(path.segment) !== undefined) this.drop(path.segment)
    this.#probes.sweep(this.#decoding, lease)
    for (const fork of this.#probes.begin(this.#decoding, this.#model!, lease, this.#state))
      this.#decoding.add(fork)
    for (const summary of this.#ready()) {
      if (summary.source === undefined) this.#settleSoon(summary)
      else this.#add(summary, summary.source, lease)
    }
    const missing = this.#state.paths.filter(
      (path) =>
        isOpen(path) && !this.#decoding!.has(path.segment) && !this.#stops.has(path.segment),
    )
    if (missing.length === 0) return
    if (!this.#cells.grow(missing, this.#options.view())) return this.#sayWaiting(missing)
    for (const path of missing)
      if (this.#startsInPlace(path, lease) && !this.#decoding.add(this.#pathStream(path))) return
    this.#callHome(missing, lease)
  }

  /**
   * Interrupts the decode, once per path, if a path waits only for its cells, which a summary that
   * is being written moved.
   */
  #callHome(missing: readonly Segment[], lease: Lease): void {
    const { summaries } = this.#state
    if (summaries.some((one) => isOpen(one) && one.tokens.length === 0)) return
    for (const path of missing) {
      const start = this.#startOf(path)
      const { segment } = start
      if (lease.seqOf(segment) === undefined || lease.isHome(segment)) this.#called.delete(segment)
      else if (!this.#called.has(segment)) {
        if (lease.freeSequences < 2 || spareCells(this.#state, lease) < start.tokens.length) return
        this.#called.add(segment)
        return this.#decoding!.cancel()
      }
    }
  }

  /** Says once per path that it waits for cells that other runs or paths hold. */
  #sayWaiting(paths: readonly Segment[]): void {
    for (const { segment, number } of paths) {
      if (this.#waiting.has(segment)) continue
      this.#waiting.add(segment)
      this.#options.emit({ type: 'notice', code: 'path-waits', params: { path: number } })
    }
  }

  /** Adds a segment to the current decode if it fits beside what is open. */
  #add(summary: Wanted, source: Source, lease: Lease): void {
    const need = needOf({ ...summary, source }, this.#state, lease)
    if (!this.#inPlace(summary, lease) || spareCells(this.#state, lease) < need) return
    const started = this.#start(summary)
    this.#decoding!.add(
      started.role === 'path'
        ? this.#pathStream(started, true)
        : readingStreams(started, need, true, this.#run),
    )
  }

  #settleSoon(summary: Wanted): void {
    if (summary.settling === true) return
    summary.settling = true
    this.#settle(summary)
      .catch((error: unknown) => {
        this.#failure ??= { error }
        this.#decoding?.cancel()
      })
      .finally(() => {
        delete summary.settling
        this.react()
      })
  }

  /** After a decode: ends segments that were asked to stop and did not, and frees idle cells. */
  async #tidy(): Promise<void> {
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
    await this.#cells.removeIdle(this.#moment)
  }
}

/** Returns the tokens that end a path of a model that forks: it goes on behind its children. */
const forkEnds = ({ ref: { forks } }: LoadedModel): number[] =>
  forks === undefined ? [] : [forks.fork, forks.close]

/** Returns whether a segment that waits is to read the cells of others. */
const readsCache = (one: Wanted): boolean =>
  one.role !== 'probe' && (one.fusion === 'cache' || (one.role === 'summary' && one.merge === true))
