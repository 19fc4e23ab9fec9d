import { BraidError, toBraidError } from '../protocol/errors.ts'
import {
  runError,
  type CommandResult,
  type RunCommand,
  type RunEvent,
  type SegmentId,
} from '../protocol/events.ts'
import { foldRun, segmentOf } from '../protocol/fold.ts'
import { framedText } from '../protocol/frame.ts'
import type { RunRequest } from '../protocol/request.ts'
import { digestOfRequest, listItem, progressOf } from '../protocol/run-list.ts'
import type { Attribution, RunProgress, RunSummary } from '../protocol/wire.ts'
import type { Turn } from '../prompt/index.ts'
import type { RunHandle } from '../run/index.ts'
import type { RunStore } from '../transcripts/index.ts'
import type { Events } from '../transcripts/index.ts'
import { newRunId } from '../transcripts/index.ts'
import { record } from '../transcripts/index.ts'
import type { TranscriptWriter } from '../transcripts/index.ts'
import type { HostEngine } from './engine.ts'

/**
 * Number of ended runs that keep their cells for further commands; older ones are resumed from
 * their transcripts.
 */
const HELD = 4
/** Number of ended runs without a transcript that a window can still ask for. */
const UNSAVED = 32
const MAX_TURNS = 64
const STOP_MS = 10_000
/** Events that start a run; the others change nothing or end it. */
const BEGINS = new Set<RunEvent['type']>([
  'run-started',
  'segment-started',
  'segment-extended',
  'tokens',
])

interface Run {
  id: string
  handle: RunHandle
  request?: RunRequest
  time: string
  /** Events of a run that has no transcript. */
  unsaved: RunEvent[]
  events: number
  state: 'queued' | 'running' | 'over'
  /** Its place among the runs that wait for room in their context, from 1; null if it does not wait. */
  place: number | null
  finished: Promise<void>
  stopTimer?: NodeJS.Timeout
}

export interface RunsOptions {
  engine: HostEngine
  store: RunStore
  /** Called with each event once it is on disk. */
  onEvent: (run: string, event: RunEvent) => void
  onProgress: (run: string, fraction: number) => void
  /** Called with a run's place in the queue, from 1; null once it does not wait. */
  onWaiting: (run: string, place: number | null) => void
  /** Called when a run ends; a command may continue it later. */
  onEnd: (run: RunProgress) => void
  /** Called when the list of runs changes. */
  onChange: () => void
  /** Called if the engine did not stop in time, so that its process must be ended. */
  onStall: (message: string) => void
  stopMs?: number
}

/** Manages the runs of this process, whether or not a client watches them. */
export class Runs {
  readonly #options: RunsOptions
  readonly #runs = new Map<string, Run>()
  readonly #failed = new Map<string, RunEvent[]>()

  constructor(options: RunsOptions) {
    this.#options = options
  }

  /** True if a run is thinking or waiting for its turn. */
  get thinking(): boolean {
    return [...this.#runs.values()].some(({ state }) => state !== 'over')
  }

  start(request: RunRequest): string {
    const id = newRunId()
    const conversation =
      request.followUp === undefined ? undefined : this.#conversation(request.followUp)
    const handle = this.#options.engine.think(request, {
      id,
      conversation,
      ...this.#listeners(id),
    })
    this.#follow(id, handle, { request })
    return id
  }

  async command(id: string, command: RunCommand): Promise<CommandResult> {
    const run = this.#runs.get(id) ?? this.#resume(id)
    if (command.type === 'cancel' || command.type === 'stop-all') this.#watch(run, command.type)
    return run.handle.command(command)
  }

  /** Returns what a summary attended to. Throws the errors of `run.attribution`. */
  async attribute(
    id: string,
    segment: SegmentId,
    options: { signal: AbortSignal; onProgress: (fraction: number) => void },
  ): Promise<Attribution> {
    const run = this.#runs.get(id)
    if (run !== undefined && run.state !== 'over')
      throw new BraidError(
        'bad-request',
        'The run is still thinking. What its summary attended to can be read once the run is over.',
      )
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
  backlog(id: string): { chunks: Iterable<string[]>; live: boolean } {
    const run = this.#runs.get(id)
    const unsaved = run?.unsaved ?? this.#failed.get(id) ?? []
    const onlyHere = unsaved.length > 0 || run?.state === 'queued'
    const chunks = onlyHere
      ? [unsaved.map((event) => JSON.stringify(event))]
      : linesOf(this.#options.store.read(id))
    const live =
      run !== undefined ? run.state !== 'over' : !onlyHere && this.#options.store.isLive(id)
    return { chunks, live }
  }

  /**
   * Returns the history: the runs that have no transcript yet, then the stored ones. Runs that wait
   * for room are queued.
   */
  async list(): Promise<RunSummary[]> {
    const stored = await this.#options.store.list()
    const queued = [...this.#runs.values()].filter((run) => run.state === 'queued').map(queuedItem)
    return [...queued, ...stored.map((item) => withPlace(item, this.#runs.get(item.run)))]
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
      run.state === 'over' ? [] : this.#progress(run),
    )
  }

  /**
   * Returns the progress of one run; nothing if its file was deleted, which the list of runs shows.
   */
  #progress(run: Run): RunProgress[] {
    const { store } = this.#options
    try {
      const item = hasTranscript(run) ? store.summary(run.id) : queuedItem(run)
      return [progressOf(withPlace(item, run), store.live(run.id))]
    } catch {
      return []
    }
  }

  #ended(run: Run, failed: boolean): void {
    for (const progress of this.#progress(run))
      this.#options.onEnd(failed ? { ...progress, status: 'failed' } : progress)
  }

  /** Releases a run that is over, so that its files can be moved. */
  async release(id: string): Promise<void> {
    const run = this.#runs.get(id)
    if (run === undefined) return
    if (run.state !== 'over')
      throw new BraidError('bad-request', 'The run is still thinking. Stop it first.')
    await run.handle.close()
    await run.finished
  }

  async close(): Promise<void> {
    await Promise.allSettled(
      [...this.#runs.values()].map(async (run) => {
        clearTimeout(run.stopTimer)
        await run.handle.close()
        await run.finished
      }),
    )
  }

  #resume(id: string): Run {
    if (this.#failed.has(id)) throw new BraidError('not-running', 'The run failed before it began.')
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
      onProgress: (fraction: number) => this.#options.onProgress(id, fraction),
      onWaiting: (place: number | null) => this.#place(id, place),
    }
  }

  #place(id: string, place: number | null): void {
    const run = this.#runs.get(id)
    if (run === undefined) return
    const before = run.place
    run.place = place
    this.#options.onWaiting(id, place)
    if ((before === null) !== (place === null)) this.#options.onChange()
  }

  #follow(
    id: string,
    handle: RunHandle,
    { request, writer }: { request?: RunRequest; writer?: TranscriptWriter },
  ): Run {
    const state = writer === undefined ? 'queued' : 'over'
    const run: Run = {
      id,
      handle,
      request,
      time: new Date().toISOString(),
      unsaved: [],
      events: 0,
      state,
      place: null,
      finished: Promise.resolve(),
    }
    this.#runs.set(id, run)
    run.finished = this.#pump(run, writer)
    this.#options.onChange()
    return run
  }

  async #pump(run: Run, writer?: TranscriptWriter): Promise<void> {
    try {
      for await (const { stored, saved } of record(
        this.#options.store,
        run.id,
        run.handle.events,
        writer,
      )) {
        if (!saved) run.unsaved.push(stored)
        this.#advance(run, stored)
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
      if (run.state === 'queued') run.unsaved.push(event)
      if (run.state !== 'over') this.#ended(run, true)
      this.#options.onEvent(run.id, event)
      await run.handle.close().catch(() => undefined)
    } finally {
      clearTimeout(run.stopTimer)
      this.#runs.delete(run.id)
      if (run.unsaved.length > 0) this.#failed.set(run.id, run.unsaved)
      for (const old of [...this.#failed.keys()].slice(0, -UNSAVED)) this.#failed.delete(old)
      this.#options.onChange()
    }
  }

  #advance(run: Run, event: RunEvent): void {
    const over = event.type === 'run-ended' || event.type === 'run-failed'
    const state = over ? 'over' : BEGINS.has(event.type) ? 'running' : run.state
    if (over) {
      clearTimeout(run.stopTimer)
      run.stopTimer = undefined
    }
    if (state === run.state) return
    run.state = state
    this.#options.onChange()
    if (!over) return
    this.#ended(run, event.type === 'run-failed')
    if (run.unsaved.length > 0) void run.handle.close() // Without a transcript there is nothing to continue from.
    const held = [...this.#runs.values()].filter((other) => other.state === 'over' && other !== run)
    for (const old of held.slice(0, Math.max(0, held.length - HELD + 1))) void old.handle.close()
  }

  /**
   * Reports a stall if a stop takes too long: it should take one decode step, otherwise the native
   * engine hangs.
   */
  #watch(run: Run, what: string): void {
    if (run.state === 'over') return
    const ms = this.#options.stopMs ?? STOP_MS
    run.stopTimer ??= setTimeout(
      () => this.#options.onStall(`The engine did not answer '${what}' within ${ms / 1000} s.`),
      ms,
    )
    run.stopTimer.unref()
  }

  /** Returns the conversation that a resumed run followed up on, if it still exists. */
  #earlier([start]: readonly RunEvent[]): Turn[] | undefined {
    try {
      return start?.type === 'run-started' && start.followUp !== undefined
        ? this.#conversation(start.followUp)
        : undefined
    } catch {
      return undefined // It was deleted; the run's own prompt is in its transcript.
    }
  }

  /** Returns the problems and answers that a follow-up builds on, oldest first. */
  #conversation(followUp: { run: string; segment: SegmentId }): Turn[] {
    const turns: Turn[] = []
    const seen = new Set<string>()
    for (let next: typeof followUp | null = followUp; next !== null;) {
      if (seen.has(next.run) || turns.length === MAX_TURNS) break
      seen.add(next.run)
      const state = foldRun(this.#options.store.events(next.run))
      const segment = segmentOf(state, next.segment)
      const answer = segment === undefined ? state.answer : framedText(segment)
      if (answer === null)
        throw new BraidError('bad-request', `Run ${next.run} has no answer to follow up on.`)
      turns.unshift({ problem: state.problem, answer })
      next = state.followUp
    }
    return turns
  }
}

function* linesOf(chunks: Iterable<Events>): Generator<string[]> {
  for (const { lines } of chunks) yield lines
}

const hasTranscript = ({ unsaved, state }: Run): boolean =>
  unsaved.length === 0 && state !== 'queued'

/** Returns the entry of a run, which is queued while the run waits for room in its context. */
const withPlace = (item: RunSummary, run: Run | undefined): RunSummary =>
  item.status === 'running' && run !== undefined && run.place !== null
    ? { ...item, status: 'queued' }
    : item

/**
 * Returns the list entry of a queued run. Only a run that was requested in this process can wait
 * without a transcript.
 */
function queuedItem({ id, request, time }: Run): RunSummary {
  return listItem(id, digestOfRequest(request!, time))
}
