import { fail, toBraidError } from '../protocol/errors.ts'
import {
  runError,
  type CommandResult,
  type RunCommand,
  type RunEvent,
  type SegmentId,
} from '../protocol/events.ts'
import {
  applyEvent,
  EMPTY_RUN,
  foldRun,
  isAtWork,
  segmentOf,
  type RunState,
} from '../protocol/fold.ts'
import { spokenText, spokesman } from '../protocol/deciding.ts'
import { framedText } from '../protocol/frame.ts'
import type { RunRequest } from '../protocol/request.ts'
import { experimentOf } from '../protocol/lab.ts'
import type { Beside } from '../protocol/doing.ts'
import { digestOfRequest, listItem, progressOf } from '../protocol/run-list.ts'
import type { Attribution, Result, RunProgress, RunStatus, RunSummary } from '../protocol/wire.ts'
import type { Turn } from '../prompt/index.ts'
import type { RunHandle, ThinkOptions } from '../run/index.ts'
import type { RunStore } from '../transcripts/index.ts'
import type { Events } from '../transcripts/index.ts'
import { newRunId } from '../transcripts/index.ts'
import { record } from '../transcripts/index.ts'
import type { TranscriptWriter } from '../transcripts/index.ts'
import type { HostEngine } from './engine.ts'
import type { Watchdog } from './watchdog.ts'

/**
 * Number of ended runs that keep their cells for further commands; older ones are resumed from
 * their transcripts.
 */
const HELD = 4
/** Number of ended runs without a transcript that a window can still ask for. */
const UNSAVED = 32
const MAX_TURNS = 64
/** The most characters of an answer that `run.answer` returns. */
const MAX_ANSWER = 20_000

interface Run {
  id: string
  handle: RunHandle
  request?: RunRequest
  time: string
  /** Events of a run that has no transcript. */
  unsaved: RunEvent[]
  /** The fold of what was recorded, which is what windows are told. */
  state: RunState
  /** Its place among the runs that wait for room in their context, from 1; null if it does not wait. */
  place: number | null
  /** Progress of loading its model, as windows were told, 0..1; null if it is not being loaded. */
  loading: number | null
  reading: Beside['reading']
  /** How many commands have no answer yet. */
  asked: number
  finished: Promise<void>
  /** It is being let go and takes no more commands; a later one resumes it from its transcript. */
  closing: boolean
  /** Call this once a stop is carried out. */
  stopped?: () => void
}

export interface RunsOptions {
  engine: HostEngine
  store: RunStore
  /** Called with each event once it is on disk. */
  onEvent: (run: string, event: RunEvent) => void
  onProgress: (run: string, fraction: number) => void
  /** Called when a summary has read more of its source. */
  onReading: () => void
  /** Called with a run's place in the queue, from 1; null once it does not wait. */
  onWaiting: (run: string, place: number | null) => void
  /** Called when a run ends; a command may continue it later. */
  onEnd: (run: RunProgress) => void
  /** Called when the list of runs changes. */
  onChange: () => void
  /** Called when a run of an experiment begins or ends, which the list does not show. */
  onWork: () => void
  watchdog: Watchdog
}

/** Manages the runs of this process, whether or not a client watches them. */
export class Runs {
  readonly #options: RunsOptions
  readonly #runs = new Map<string, Run>()
  readonly #failed = new Map<string, RunEvent[]>()

  constructor(options: RunsOptions) {
    this.#options = options
  }

  /** Whether a run is thinking or waiting for its turn. */
  get atWork(): boolean {
    return [...this.#runs.values()].some(({ state }) => isAtWork(state))
  }

  start(request: RunRequest): string {
    const id = newRunId()
    const conversation =
      request.followUp === undefined ? request.turns : this.#conversation(request.followUp)
    const handle = this.#options.engine.think(request, {
      id,
      conversation,
      ...this.#listeners(id),
    })
    this.#follow(id, handle, { request })
    return id
  }

  /**
   * Makes a run of an experiment and resolves with its end, or with what there was when the signal
   * fired; then nothing of it is kept.
   */
  async make(
    id: string,
    request: RunRequest,
    { signal, given }: Pick<ThinkOptions, 'given'> & { signal: AbortSignal },
  ): Promise<RunState> {
    const { engine, store } = this.#options
    store.discard(id) // of an earlier attempt
    const handle = engine.think(request, { id, given, final: true, ...this.#listeners(id) })
    const run = this.#follow(id, handle, { request })
    const stop = () => void this.#close(run)
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    await run.finished
    signal.removeEventListener('abort', stop)
    const events = this.#failed.get(id) ?? (run.state.status === 'empty' ? [] : store.events(id))
    this.#failed.delete(id)
    if (signal.aborted) store.discard(id)
    return foldRun(events, { live: false })
  }

  async command(id: string, command: RunCommand): Promise<CommandResult> {
    let run = this.#runs.get(id)
    for (; run?.closing === true; run = this.#runs.get(id)) await run.finished
    run ??= this.#resume(id)
    run.asked++
    try {
      const result = await run.handle.command(command)
      if (command.type === 'cancel' || command.type === 'stop-all') this.#watch(run, command.type)
      return result
    } finally {
      run.asked--
      this.#letGo(run)
    }
  }

  /** Returns what a summary attended to. Throws the errors of `run.attribution`. */
  async attribute(
    id: string,
    segment: SegmentId,
    options: { signal: AbortSignal; onProgress: (fraction: number) => void },
  ): Promise<Attribution> {
    await this.#options.engine.ready()
    const run = this.#runs.get(id)
    if (run !== undefined && isAtWork(run.state)) throw fail('bad-request/attribution-live')
    const events = this.#options.store.events(id)
    return this.#options.engine.attribute(events, segment, {
      ...options,
      conversation: this.#earlier(events),
    })
  }

  /**
   * Returns all events so far as JSON, in chunks that are read on demand. Events after this call
   * are not included.
   */
  backlog(id: string): Iterable<string[]> {
    const unsaved = this.#runs.get(id)?.unsaved ?? this.#failed.get(id) ?? []
    return this.#isSaved(id)
      ? linesOf(this.#options.store.readWhole(id))
      : [unsaved.map((event) => JSON.stringify(event))]
  }

  /** Returns whether an engine works on the run, as far as its events were recorded. */
  isLive(id: string): boolean {
    const run = this.#runs.get(id)
    if (run !== undefined) return isAtWork(run.state)
    return this.#isSaved(id) && this.#options.store.isLive(id)
  }

  #isSaved(id: string): boolean {
    const run = this.#runs.get(id)
    return run === undefined ? !this.#failed.has(id) : hasTranscript(run)
  }

  /**
   * Returns the history: the runs that have no transcript yet, then the stored ones. Runs that wait
   * for room are queued.
   */
  async list(): Promise<RunSummary[]> {
    const stored = await this.#options.store.list()
    const listed = new Set(stored.map(({ run }) => run))
    const begun = [...this.#runs.values()].filter(
      ({ id, state, request }) =>
        request !== undefined && isAtWork(state) && !listed.has(id) && experimentOf(id) === null,
    )
    return [
      ...begun.map(itemOf),
      ...stored.map((item) => withPlace(item, this.#runs.get(item.run))),
    ]
  }

  /** Returns the places of the runs that wait for room in their context. */
  waiting(): { run: string; place: number }[] {
    return [...this.#runs.values()].flatMap(({ id, place }) =>
      place === null ? [] : [{ run: id, place }],
    )
  }

  /** Returns the progress of the runs that are thinking or waiting. */
  progress(): RunProgress[] {
    return [...this.#runs.values()].flatMap((run) =>
      isAtWork(run.state) && experimentOf(run.id) === null ? this.#progress(run) : [],
    )
  }

  /**
   * Returns the progress of one run; nothing if its file was deleted, which the list of runs shows.
   */
  #progress(run: Run): RunProgress[] {
    try {
      const item = hasTranscript(run) ? this.#options.store.summary(run.id) : itemOf(run)
      return [progressOf({ ...item, status: statusOf(run) }, run.state, besideOf(run))]
    } catch {
      return []
    }
  }

  /** Releases a run that is over, so that its files can be moved. */
  async release(id: string): Promise<void> {
    const run = this.#runs.get(id)
    if (run === undefined) return
    if (isAtWork(run.state)) throw fail('bad-request/still-thinking')
    await this.#close(run)
  }

  /** Resolves once all runs are recorded whose events have ended. */
  async over(): Promise<void> {
    await Promise.allSettled([...this.#runs.values()].map(({ finished }) => finished))
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#runs.values()].map((run) => this.#close(run)))
  }

  async #close(run: Run): Promise<void> {
    run.closing = true
    await run.handle.close().catch(() => undefined) // a context that is lost cannot be freed
    await run.finished
  }

  /**
   * Closes the oldest runs that are over, so that HELD stay with the one that was just used. Some of
   * their events may not be recorded yet, so their handles are asked, too.
   */
  #letGo(used: Run): void {
    const isOver = ({ state, handle }: Run) => !isAtWork(state) && !isAtWork(handle.state)
    const others = [...this.#runs.values()].filter(
      (run) => run !== used && !run.closing && run.asked === 0 && isOver(run),
    )
    for (const run of others.slice(0, Math.max(0, others.length - HELD + 1))) void this.#close(run)
  }

  #resume(id: string): Run {
    if (this.#failed.has(id)) throw fail('not-running/failed')
    const { engine, store } = this.#options
    const writer = store.append(id)
    try {
      const events = store.events(id)
      const conversation = this.#earlier(events)
      const handle = engine.resume(events, {
        id,
        conversation,
        ...this.#listeners(id),
      })
      return this.#follow(id, handle, { writer })
    } catch (error) {
      store.close(id)
      throw error
    }
  }

  #listeners(id: string) {
    return {
      onProgress: (fraction: number) => this.#load(id, fraction),
      onWaiting: (place: number | null) => this.#place(id, place),
      onReading: (segment: SegmentId, fraction: number) => {
        const run = this.#runs.get(id)
        if (run !== undefined) run.reading = { segment, fraction }
        this.#options.onReading()
      },
    }
  }

  #load(id: string, fraction: number): void {
    const run = this.#runs.get(id)
    if (run !== undefined) run.loading = fraction < 1 ? fraction : null
    this.#options.onProgress(id, fraction)
  }

  #place(id: string, place: number | null): void {
    const run = this.#runs.get(id)
    if (run === undefined) return
    const before = run.place
    run.place = place
    this.#options.onWaiting(id, place)
    if ((before === null) !== (place === null)) this.#changed(run)
  }

  #follow(
    id: string,
    handle: RunHandle,
    { request, writer }: { request?: RunRequest; writer?: TranscriptWriter },
  ): Run {
    const run: Run = {
      id,
      handle,
      request,
      time: new Date().toISOString(),
      unsaved: [],
      state: writer?.state ?? EMPTY_RUN,
      place: null,
      loading: null,
      reading: null,
      asked: 0,
      finished: Promise.resolve(),
      closing: false,
    }
    this.#runs.set(id, run)
    run.finished = this.#pump(run, writer)
    this.#changed(run)
    return run
  }

  async #pump(run: Run, writer?: TranscriptWriter): Promise<void> {
    try {
      for await (const { stored, saved, state } of record(
        this.#options.store,
        run.id,
        run.handle.events,
        writer,
      )) {
        if (!saved) run.unsaved.push(stored)
        this.#advance(run, state)
        this.#options.onEvent(run.id, stored)
      }
    } catch (error) {
      // The disk is full or the engine misbehaved. What was saved stays, the window is told, and
      // nothing more is written.
      const event: RunEvent = {
        type: 'run-failed',
        at: Date.now() - Date.parse(run.time),
        error: runError(toBraidError(error)),
      }
      if (run.state.status === 'empty') run.unsaved.push(event)
      run.closing = true
      this.#advance(run, applyEvent(run.state, event))
      this.#options.onEvent(run.id, event)
      await run.handle.close().catch(() => undefined)
    } finally {
      run.stopped?.()
      this.#runs.delete(run.id)
      if (run.unsaved.length > 0) this.#failed.set(run.id, run.unsaved)
      for (const old of [...this.#failed.keys()].slice(0, -UNSAVED)) this.#failed.delete(old)
      this.#changed(run)
    }
  }

  #changed({ id }: Run): void {
    if (experimentOf(id) === null) this.#options.onChange()
    else this.#options.onWork()
  }

  /** Takes the state after an event that was recorded. */
  #advance(run: Run, state: RunState): void {
    const before = run.state
    run.state = state
    if (state.status !== before.status || state.answer !== before.answer) this.#changed(run)
    if (!isAtWork(before) || isAtWork(state)) return
    run.stopped?.()
    run.stopped = undefined
    if (run.loading !== null) this.#load(run.id, 1) // it was cancelled, or failed
    const ofLab = run.request !== undefined && experimentOf(run.id) !== null
    if (!ofLab) for (const progress of this.#progress(run)) this.#options.onEnd(progress)
    // There is nothing to continue from, or nobody who would.
    if (ofLab || !hasTranscript(run)) void this.#close(run)
    this.#letGo(run)
  }

  /** Watches an accepted stop until the end of the run is recorded. */
  #watch(run: Run, command: string): void {
    if (isAtWork(run.state)) run.stopped ??= this.#options.watchdog.watch(command)
  }

  /** Returns what a run answered (`run.answer`). */
  answer(id: string): Result<'run.answer'> {
    const state = foldRun(this.#isSaved(id) ? this.#options.store.events(id) : [])
    const segment = spokesman(state)
    if (segment === undefined) return { segment: null, text: '', cut: false }
    const text = spokenText(segment, state)
    return {
      segment: segment.segment,
      text: text.slice(0, MAX_ANSWER),
      cut: text.length > MAX_ANSWER,
    }
  }

  /** Returns the conversation that a resumed run followed up on, if it still exists. */
  #earlier([start]: readonly RunEvent[]): Turn[] | undefined {
    try {
      if (start?.type !== 'run-started') return undefined
      return start.followUp === undefined ? start.turns : this.#conversation(start.followUp)
    } catch {
      return undefined // It was deleted; the run's own prompt is in its transcript.
    }
  }

  /** Returns the problems and answers that a follow-up builds on, oldest first. */
  #conversation(followUp: { run: string; segment: SegmentId }): Turn[] {
    const turns: Turn[] = []
    const seen = new Set<string>()
    for (let next: typeof followUp | null = followUp; next !== null;) {
      if (seen.has(next.run) || turns.length >= MAX_TURNS) break
      seen.add(next.run)
      const state = foldRun(this.#options.store.events(next.run))
      const segment = segmentOf(state, next.segment)
      const answer = segment === undefined ? state.answer : framedText(segment)
      if (answer === null) throw fail('bad-request/no-answer', { run: next.run })
      turns.unshift(...state.turns, { problem: state.problem, answer })
      next = state.followUp
    }
    return turns
  }
}

function* linesOf(chunks: Iterable<Events>): Generator<string[]> {
  for (const { lines } of chunks) yield lines
}

const hasTranscript = ({ unsaved, state }: Run): boolean =>
  unsaved.length === 0 && state.status !== 'empty'

/** Returns the status of a run, which is queued while it waits for room in its context. */
const statusOf = ({ state, place }: Run): RunStatus =>
  state.status === 'empty' || (isAtWork(state) && place !== null) ? 'queued' : state.status

const besideOf = ({ place, loading, reading }: Run): Beside => ({
  waits: place !== null,
  loading,
  reading,
})

/** Returns the entry of a run, which is queued while the run waits for room in its context. */
const withPlace = (item: RunSummary, run: Run | undefined): RunSummary =>
  isAtWork(item) && run !== undefined && run.place !== null ? { ...item, status: 'queued' } : item

/**
 * Returns the list entry of a run without a transcript. Only a run that was requested in this
 * process can be without one.
 */
function itemOf(run: Run): RunSummary {
  return { ...listItem(run.id, digestOfRequest(run.request!, run.time)), status: statusOf(run) }
}
