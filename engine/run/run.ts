import type { NativeAddon, NativeModelInfo } from '../native/index.ts'
import { childTokens, extractAnswer, jsonAnswer, type Turn } from '../prompt/index.ts'
import { commandRefusal } from '../protocol/capabilities.ts'
import { BraidError, fail, toBraidError } from '../protocol/errors.ts'
import {
  placeOf,
  runError,
  RunCommand,
  thrownError,
  type Answer,
  type CommandResult,
  type EndReason,
  type EventDraft,
  type EventOf,
  type RunError,
  type RunEvent,
  type SegmentId,
} from '../protocol/events.ts'
import {
  allSegments,
  applyEvent,
  EMPTY_RUN,
  isAtWork,
  isOpen,
  segmentOf,
  type RunState,
  type Segment,
} from '../protocol/fold.ts'
import type { EngineOptions, Fusion, RunRequest, RunSettings } from '../protocol/request.ts'
import { decidingProgram } from '../protocol/deciding.ts'
import { verdictIn } from '../protocol/judges.ts'
import { MAX_OWN_NOTICES } from '../protocol/limits.ts'
import { kindToRecord, showsValues } from '../protocol/question.ts'
import { resolveSettings } from '../protocol/settings.ts'
import { writesAnswer } from '../protocol/shapes.ts'
import { MAX_SEQUENCES } from '../kv/index.ts'
import { obey, STRATEGIES, type Action, type Compare, type View } from '../strategies/index.ts'
import type { Notice } from '../protocol/wording.ts'
import { begin, chooseFusion } from './begin.ts'
import { Clock, decodingPart } from './clock.ts'
import { checkCalls, comparison, whyNone, type RunPrograms } from './comparing.ts'
import { Driver } from './driver.ts'
import { chooseMember, decideRun, nothingToCount, switchedOff, usageOf, warmUp } from './end.ts'
import type { RunHandle } from './handle.ts'
import type { LoadedModel, Models } from '../models/index.ts'
import type { Pools } from '../kv/index.ts'
import { givenTokens, thoughtRows, type RowOf } from './rows.ts'
import { Outbox } from './outbox.ts'

/** State that all runs of an engine share. */
export interface EngineCore {
  addon: NativeAddon
  models: Models
  pools: Pools<LoadedModel>
  version: string
  /** Runs programs that a model wrote; undefined if nothing here can. */
  runPrograms: RunPrograms | undefined
  /** Whether the user lets programs run. */
  programsAllowed: boolean
  /** All runs that are not closed. */
  runs: Set<Run>
}

/** The request of a new run. */
export interface Asked {
  request: RunRequest
  file: string
  /** Tokens that paths begin with. */
  given: ReadonlyMap<SegmentId, readonly number[]>
}

export interface RunOptions {
  conversation: readonly Turn[]
  /** The request of a new run; absent for a run that is resumed from its events. */
  asked?: Asked
  state?: RunState
  onProgress?: ((fraction: number) => void) | undefined
  onWaiting?: ((place: number | null) => void) | undefined
  onReading?: ((segment: SegmentId, fraction: number) => void) | undefined
  /** As in `ThinkOptions`. */
  final?: boolean | undefined
  /** As in `ResumeOptions`. */
  goOn?: boolean | undefined
}

/**
 * One run: from the request to the answer, and the commands after it. Its state is the fold of its
 * own events. The strategy and commands produce the same kind of actions, and the driver decodes
 * the segments that are open.
 */
export class Run implements RunHandle {
  readonly events: AsyncGenerator<RunEvent, void, undefined>
  readonly #core: EngineCore
  readonly #options: RunOptions
  readonly #outbox = new Outbox()
  readonly #clock: Clock
  readonly #began: number
  readonly #driver: Driver
  #state: RunState
  #asked: Asked | null
  #rowOf: RowOf | null = null
  #model: LoadedModel | null = null
  /** Kept from the model, which may be unloaded after the end of the run. */
  #info: NativeModelInfo | null = null
  /**
   * Only commands open segments, because the run has ended before, waits for commands or is being stopped.
   */
  #later: boolean
  #stopped = false
  #closing: Promise<void> | null = null
  #abort = new AbortController()
  #arrival = 0
  /** The comparison of programs that comes next. */
  #comparing: Compare | null = null
  #working: Promise<void> | null = null

  constructor(
    readonly id: string,
    core: EngineCore,
    options: RunOptions,
  ) {
    this.#core = core
    this.#options = options
    this.#state = options.state ?? EMPTY_RUN
    this.#asked = options.asked ?? null
    this.#later = options.asked === undefined && options.goOn !== true
    this.#clock = new Clock(this.#state.timings)
    this.#began = performance.now() - this.#state.at
    this.#driver = new Driver({
      pools: core.pools,
      conversation: options.conversation,
      view: () => this.#view(),
      emit: (draft) => this.#emit(draft),
      ended: (segment, reason, error) => this.#ended(segment, reason, error),
      next: () => void this.#advance(),
      joining: () => this.#decideQuestion(true),
      unprobed: (of) => (this.#comparing = { type: 'compare', of, calls: [] }),
      final: options.final === true,
      arrival: () => this.#arrival,
      onWaiting: (place) => options.onWaiting?.(place),
      onReading: (segment, fraction) => options.onReading?.(segment, fraction),
      clock: this.#clock,
    })
    this.events = this.#outbox.read(() => void this.close())
    core.runs.add(this)
    if (!this.#later) this.#wake()
  }

  get state(): RunState {
    return this.#state
  }

  async command(command: RunCommand): Promise<CommandResult> {
    const parsed = RunCommand.safeParse(command)
    if (!parsed.success)
      throw new BraidError(
        'bad-request',
        `Unknown command: ${parsed.error.issues[0]?.message ?? 'unknown'}.`,
      )
    const { type } = parsed.data
    // What was stopped ends before anything else begins, so a stop always ends the run.
    while (this.#stopping && type !== 'cancel' && type !== 'stop-all') await this.#working
    if (this.#closing !== null) throw fail('not-running/closed')
    return this.#take(parsed.data)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  /** Returns whether the run is at work with a worker, or waits to be. */
  computesOn(worker: string): boolean {
    const workers =
      this.#model?.workers ??
      this.#asked?.request.settings.engine?.workers ??
      this.#state.settings?.engine.workers
    return this.#working !== null && workers?.includes(worker) === true
  }

  /** Ends the run at once: native work for it never ends. What it has written is kept. */
  lose(error: BraidError): void {
    this.#closing ??= Promise.resolve()
    if (this.#working !== null) void this.#fail(error)
    this.#core.runs.delete(this)
    this.#outbox.close()
  }

  async #close(): Promise<void> {
    this.#abort.abort()
    await this.#working
    try {
      await this.#driver.free()
    } finally {
      this.#core.runs.delete(this)
      this.#outbox.close()
    }
  }

  async #take(command: RunCommand): Promise<CommandResult> {
    switch (command.type) {
      case 'cancel':
        if (!isAtWork(this.#state)) throw fail('not-running/cancel')
        this.#driver.forget()
        this.#comparing = null
        this.#abort.abort()
        return {}
      case 'stop-all':
        return this.#stopAll()
      case 'question':
        if (this.#state.settings === null) throw fail('not-running/not-begun')
        this.#emit({ type: 'question', kind: command.kind })
        await this.#recount()
        return {}
      case 'override-vote':
        this.#emit(await chooseMember(this.#state, command.member))
        await this.#recount()
        return {}
      case 'compare':
        this.#checkSwitch()
        await checkCalls(command.calls, this.#state)
    }
    const { capabilities } = this.#state.model ?? {}
    const refusal = capabilities && commandRefusal(capabilities, command.type)
    if (refusal) throw fail(refusal.detail, refusal.params)
    if (command.type === 'summarise') this.#checkFusion(command)
    const { actions, segment, later } = obey(command, this.#view(), {
      paths: MAX_SEQUENCES - 3,
      vocabulary: this.#info?.vocabSize,
    })
    if (later === true) this.#later = true
    if (actions.some(({ type }) => type === 'open' || type === 'continue')) this.#resume()
    this.#endInterrupted()
    for (const action of actions) this.#carry(action)
    const counts = command.type === 'drop' || command.type === 'restore'
    if (counts && !isAtWork(this.#state)) this.#compareAgain()
    this.#wake()
    if (counts) await this.#recount()
    return segment === undefined ? {} : { segment }
  }

  /** Throws `bad-request` if this run may not run programs, with where that is turned on. */
  #checkSwitch(): void {
    const { runPrograms, programsAllowed } = this.#core
    if (runPrograms === undefined) throw fail('bad-request/no-sandbox')
    if (!programsAllowed) throw fail('bad-request/programs-off')
    if (this.#state.settings?.runPrograms === false) throw fail('bad-request/programs-off-run')
  }

  /** An ended run compares its programs again if there are others than before. */
  #compareAgain(): void {
    if (this.#state.agreement === null) return
    const actions = STRATEGIES[this.#settings.strategy].next(this.#view())
    for (const action of actions) if (action.type === 'compare') this.#carry(action)
  }

  /** Errors: `cannot-join`, once the model is loaded. */
  #checkFusion({ fusion }: { fusion?: Fusion | undefined }): void {
    if (fusion === undefined || this.#info === null) return
    chooseFusion(fusion, { native: { info: this.#info } }, true)
  }

  /** Says that the run is at work, before anything else does. */
  #resume(): void {
    if (!isAtWork(this.#state)) this.#emit({ type: 'run-resumed' })
  }

  /** Ends segments that were cut off when the engine died, before anything new starts. */
  #endInterrupted(): void {
    for (const { segment, status, reason } of allSegments(this.#state))
      if (status === 'interrupted' && reason === null) this.#ended(segment, 'interrupted')
  }

  /** Whether the run was stopped or cancelled and has not ended yet. */
  get #stopping(): boolean {
    return this.#working !== null && (this.#stopped || this.#abort.signal.aborted)
  }

  #stopAll(): CommandResult {
    if (!isAtWork(this.#state)) throw fail('not-running/stop')
    this.#later = this.#stopped = true
    this.#driver.forget()
    this.#comparing = null
    for (const { segment } of allSegments(this.#state).filter(isOpen))
      this.#carry({ type: 'cut', segment, reason: 'stopped' })
    if (!this.#driver.decoding) this.#abort.abort()
    return {}
  }

  get #settings(): RunSettings {
    return this.#state.settings!
  }

  /** Whether anything here can run programs, and the user allows it. */
  get #mayRun(): boolean {
    return this.#core.runPrograms !== undefined && this.#core.programsAllowed
  }

  #view(): View {
    const { model } = this.#state
    return {
      settings: this.#mayRun ? this.#settings : { ...this.#settings, runPrograms: false },
      trained: (model?.nativePaths ?? 0) > 0,
      state: this.#state,
      pending: this.#driver.pending,
      probing: this.#driver.probing,
      comparing: this.#comparing !== null,
      later: this.#later,
    }
  }

  #emit(draft: EventDraft): void {
    if (draft.type === 'notice' && this.#state.notices.length >= MAX_OWN_NOTICES) return
    const now = Math.round((performance.now() - this.#began) * 10) / 10
    const event = { ...draft, at: Math.max(this.#state.at, now) } as RunEvent
    this.#state = applyEvent(this.#state, event)
    if (this.#driver.decoding) this.#clock.enter(decodingPart(this.#state))
    this.#outbox.push(event)
  }

  #notice({ code, params }: Notice): void {
    this.#emit({ type: 'notice', code, ...(params !== undefined && { params }) })
  }

  /** Records the kind of the question, once. `cutToo`: as in `kindToRecord`. */
  #decideQuestion(cutToo: boolean): void {
    const kind = kindToRecord(this.#state, cutToo)
    if (kind !== null) this.#emit({ type: 'question', kind })
  }

  #ended(segment: SegmentId, reason: EndReason, error?: RunError): void {
    const one = segmentOf(this.#state, segment)
    this.#emit({
      type: 'segment-ended',
      segment,
      reason,
      answer: reason === 'failed' || one === undefined ? null : this.#answerOf(one),
      ...(error !== undefined && { error }),
    })
  }

  #answerOf(segment: Segment): Answer | null {
    const { text, role, reads } = segment
    if (role === 'judge') return verdictIn(text, reads)
    const { settings, trained } = this.#view()
    return settings.schema !== undefined && writesAnswer(role, settings, trained)
      ? jsonAnswer(segment, this.#state.thought)
      : extractAnswer(text, this.#state.problem)
  }

  /** Carries out the strategy's next actions; returns true if nothing is left to do. */
  #advance(): boolean {
    const strategy = STRATEGIES[this.#settings.strategy]
    for (;;) {
      const actions = strategy.next(this.#view())
      for (const action of actions) this.#carry(action)
      if (actions.some(({ type }) => type === 'finish')) return true
      if (actions.length === 0 || this.#hasWork) return false
    }
  }

  #carry(action: Action): void {
    switch (action.type) {
      case 'finish':
        return
      case 'notice':
        return this.#notice(action)
      case 'cut':
        return this.#driver.cut(action.segment, action.reason)
      case 'drop':
        this.#emit({ type: 'segment-dropped', segment: action.segment })
        return this.#driver.drop(action.segment)
      case 'restore':
        return this.#restore(action.segment)
      case 'continue':
        return this.#continue(action.segment, action.budget)
      case 'open':
        return this.#open(action)
      case 'probe':
        return this.#driver.probe(action)
      case 'compare':
        this.#comparing = action
    }
  }

  #restore(segment: SegmentId): void {
    const before = segmentOf(this.#state, segment)!
    this.#ended(segment, before.droppedAfter ?? 'stopped', before.error ?? undefined)
    this.#driver.reopen(before)
  }

  #continue(segment: SegmentId, budget: number): void {
    const before = segmentOf(this.#state, segment)!
    this.#emit({ type: 'segment-extended', segment, budget })
    if (isOpen(before)) this.#driver.extend(segment, budget - before.budget)
    else this.#driver.reopen(before)
  }

  #open(action: Extract<Action, { type: 'open' }>): void {
    if (action.role === 'summary' || action.role === 'probe' || action.role === 'judge')
      return this.#driver.want(action)
    if (action.role === 'path' && action.reads !== undefined)
      return this.#driver.want(action, this.#rowOf!(action.place))
    const { segment, group, seed } = action
    if (action.role === 'branch') {
      const { of, at, entry, thought, budget } = action
      const forced = entry === undefined ? action.forced : this.#childTokens(entry)
      return this.#emit({
        type: 'segment-started',
        segment,
        role: 'path',
        group,
        source: { type: 'branch', of, at },
        thought,
        seed,
        budget,
        ...(forced.length > 0 && { forced: [...forced] }),
        ...(entry !== undefined && { entry }),
      })
    }
    const given = this.#asked?.given.get(segment)
    const thought = this.#rowOf!(action.place)
    this.#emit({
      type: 'segment-started',
      segment,
      role: 'path',
      group,
      source: { type: 'prompt' },
      thought,
      seed,
      budget: action.budget + (given?.length ?? 0),
      ...(action.forced !== undefined && { forced: [...action.forced] }),
    })
    if (given === undefined) return
    const tokens = givenTokens(given, thought, this.#settings, this.#model!)
    this.#emit({ type: 'tokens', segment, tokens })
  }

  #childTokens(entry: string): number[] {
    const model = this.#model!
    return childTokens(entry, model.tokens.forks!, model)
  }

  get #hasWork(): boolean {
    return this.#decodes || this.#comparing !== null
  }

  get #decodes(): boolean {
    const { pending, probing } = this.#driver
    return allSegments(this.#state).some(isOpen) || pending.length > 0 || probing.length > 0
  }

  /** Applies changes to the current decode, or starts working if there is none. */
  #wake(): void {
    if (this.#driver.decoding) this.#driver.react()
    else if (!this.#later || this.#hasWork) this.#working ??= this.#work()
  }

  async #work(): Promise<void> {
    this.#arrival = this.#core.pools.arrive()
    do {
      // Comparing programs needs no model: an ended run stays one.
      const ended = this.#state.status === 'ended' && !this.#decodes
      if (!ended) this.#resume()
      this.#abort = new AbortController()
      if (this.#closing !== null) this.#abort.abort()
      try {
        if (ended) await this.#compareEnded()
        else {
          await this.#turn()
          await this.#end()
        }
      } catch (error) {
        await this.#fail(toBraidError(error))
      }
      if (this.#model !== null) this.#core.models.touch(this.#model)
      this.#stopped = false
      // What a command resumed may be gone again before it was worked on: the run still has to end.
    } while (this.#hasWork || isAtWork(this.#state))
    this.#working = null
  }

  /** Works until nothing is left to do. */
  async #turn(): Promise<void> {
    const began = performance.now()
    const { models } = this.#core
    try {
      const model = await this.#load()
      try {
        if (this.#asked !== null) await this.#begin(model, this.#asked)
        if (!this.#later) this.#rowOf ??= this.#rowsOf(model)
        while (!this.#advance())
          if (this.#comparing !== null) await this.#compare(this.#comparing)
          else await this.#driver.decode(model, this.#abort.signal)
        this.#failIfAllFailed()
      } finally {
        models.release(model)
      }
    } finally {
      this.#asked = null
      this.#driver.rest()
      this.#clock.enter(null)
      this.#clock.add('totalMs', performance.now() - began)
    }
  }

  /**
   * Runs programs and records what they return, unless that was turned off since it was asked for.
   * Errors: `cancelled`.
   */
  async #compare(asked: Compare): Promise<void> {
    if (!this.#mayRun) {
      this.#comparing = null
      return
    }
    this.#decideQuestion(true)
    const before = performance.now()
    try {
      const event = await comparison(
        asked,
        this.#state,
        this.#core.runPrograms!,
        this.#abort.signal,
      )
      const chosen = this.#state.agreement?.chosen
      const stays = chosen !== undefined && decidingProgram(this.#state) === chosen
      this.#emit({ ...event, ...(stays && event.of.includes(chosen) && { chosen }) })
      const notice = whyNone(event)
      if (notice !== null) this.#notice(notice)
    } finally {
      this.#clock.add('programsMs', performance.now() - before)
      if (this.#comparing === asked) this.#comparing = null
    }
  }

  /** Compares the programs of a run that has ended. That needs no model. */
  async #compareEnded(): Promise<void> {
    try {
      if (this.#comparing !== null) await this.#compare(this.#comparing)
    } catch (error) {
      if (toBraidError(error).code !== 'cancelled') throw error
    }
    await this.#recount()
  }

  /** Loads the run's model and retains it. Errors: those of `Models.use`, `wrong-model`. */
  async #load(): Promise<LoadedModel> {
    const { models } = this.#core
    if (this.#driver.lease !== null && this.#model !== null) {
      models.retain(this.#model)
      return this.#model
    }
    this.#clock.enter('loadMs')
    const ref = this.#state.model
    const file = this.#asked?.file ?? placeOf(ref!)
    const settings =
      this.#asked === null
        ? this.#settings
        : resolveSettings(this.#asked.request.settings, { metadata: {}, nativePaths: 0 })
    const { signal } = this.#abort
    const use = (engine: EngineOptions) =>
      models.use(file, engine, signal, this.#options.onProgress)
    const model = await use(settings.engine).catch((error: unknown) => {
      // What was begun with workers can be finished without them.
      if (this.#asked !== null || settings.engine.workers === undefined) throw error
      const { code, message, detail } = toBraidError(error)
      if (detail?.detail.includes('/worker-') !== true || code === 'cancelled') throw error
      this.#notice({ code: 'workers-missing', params: { reason: message } })
      return use({ ...settings.engine, workers: [] })
    })
    if (ref !== null && model.ref.headerSha256 !== ref.headerSha256) {
      models.release(model)
      throw fail('wrong-model/header', { file })
    }
    this.#clock.enter(null)
    this.#model = model
    this.#info = model.native.info
    return model
  }

  async #begin(model: LoadedModel, { request }: Asked): Promise<void> {
    const { addon, version } = this.#core
    const versions = { braid: version, llama: addon.version().llama }
    const { conversation } = this.#options
    const start = { id: this.id, request, conversation, versions, programs: this.#mayRun }
    const { event, notices } = await begin(start, model, this.#abort.signal)
    this.#emit(event)
    for (const notice of notices) this.#notice(notice)
    warmUp()
  }

  #rowsOf({ tokens, native }: LoadedModel): RowOf {
    return thoughtRows(this.#settings, { tokens, thoughtRows: native.info.thoughtRows })
  }

  #failIfAllFailed(): void {
    const { paths } = this.#state
    const error = paths[0]?.error
    if (error && paths.every(({ status }) => status === 'failed')) throw thrownError(error)
  }

  async #end(): Promise<void> {
    const reason = this.#endReason()
    if (reason !== 'cancelled') this.#decideQuestion(reason === 'finished')
    const decision = await decideRun(this.#state)
    if (this.#hasWork) return // a command arrived meanwhile
    const { answer, vote } =
      reason === 'cancelled' ? { answer: this.#state.answer, vote: null } : decision
    if (vote !== null) this.#emit(vote)
    const off = switchedOff(this.#state, this.#core.programsAllowed)
    for (const notice of [off, nothingToCount(this.#state)])
      if (notice !== null && reason === 'finished') this.#notice(notice)
    const scope = this.#state.model?.scope
    // A model of one game that gives no value has not done what it was trained for.
    const none = answer === null || !showsValues(this.#state)
    if (none && reason === 'finished' && scope) this.#notice({ code: 'scope', params: { scope } })
    this.#later = true
    const { lease } = this.#driver
    const usage = usageOf(this.#state, lease)
    this.#emit({ type: 'run-ended', reason, answer, usage, timings: this.#clock.read() })
  }

  #endReason(): EventOf<'run-ended'>['reason'] {
    if (this.#stopped) return 'stopped'
    return this.#abort.signal.aborted ? 'cancelled' : 'finished'
  }

  async #fail(error: BraidError): Promise<void> {
    const cancelled = error.code === 'cancelled' && this.#abort.signal.aborted
    this.#driver.forget()
    this.#comparing = null
    for (const { segment } of allSegments(this.#state).filter(isOpen)) {
      if (cancelled)
        this.#emit({ type: 'segment-ended', segment, reason: 'cancelled', answer: null })
      else this.#ended(segment, 'failed', runError(error))
    }
    if (cancelled) return this.#end()
    this.#later = true
    this.#emit({ type: 'run-failed', error: runError(error) })
  }

  /** Emits a new vote and answer if a command changed what an ended run counts. */
  async #recount(): Promise<void> {
    const { status, endReason, answer: before } = this.#state
    if (status !== 'ended' || endReason === 'cancelled') return
    const { answer, vote } = await decideRun(this.#state)
    const { usage, timings } = this.#state
    if (this.#hasWork) return
    if (vote !== null) this.#emit(vote)
    if (answer !== before)
      this.#emit({
        type: 'run-ended',
        reason: endReason!,
        answer,
        usage: usage!,
        timings: timings!,
      })
  }
}
