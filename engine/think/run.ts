import { BraidError, toBraidError } from '../protocol/errors.ts'
import { RunCommand, type EventOf, type RunEvent } from '../protocol/events.ts'
import { applyEvent, EMPTY_RUN, type PathState, type RunState } from '../protocol/fold.ts'
import type { Fusion, RunSettings } from '../protocol/request.ts'
import type { NativeAddon, NativeDecode } from '../native/types.ts'
import type { Cells } from './cells.ts'
import { obey } from './commands.ts'
import { endRun } from './ending.ts'
import type { RunHandle, Turn } from './handle.ts'
import type { Launch } from './launch.ts'
import type { LoadedModel, Models } from './models.ts'
import { Outbox } from './outbox.ts'
import type { Plan } from './plan.ts'
import { prepare, type Start } from './prepare.ts'
import { summarise, type SummaryJob } from './summarise.ts'
import { think } from './thinking.ts'
import { type Turns } from './turns.ts'

/** What all runs of one engine share. */
export interface EngineCore {
  addon: NativeAddon
  models: Models
  turns: Turns
  version: string
  /** The run whose cells are in memory. */
  holder: Run | null
  /** Those not closed yet. */
  runs: Set<Run>
}

export type Phase = 'waiting' | 'preparing' | 'thinking' | 'summarising' | 'idle' | 'closed'

/** What a run has still to do. */
export type Work =
  | { kind: 'start'; start: Start }
  | { kind: 'think'; launches: Launch[] }
  | { kind: 'summarise'; paths?: readonly number[]; fusion?: Fusion }

export type Draft<T> = T extends { at: number } ? Omit<T, 'at'> : never

/** Measured by phase, in milliseconds; `run-ended` reports them. */
export type Clock = EventOf<'run-ended'>['timings']

/**
 * One run, from request to answer and through the commands after it. Its state is the fold of its own events; this class
 * holds what events do not say (cells, the decode under way, work to do) and the life of a run, the phases are functions
 * of their own: prepare, think, summarise, endRun; `obey` takes commands.
 */
export class Run implements RunHandle {
  state: RunState
  phase: Phase = 'idle'
  model: LoadedModel | null = null
  plan: Plan | null = null
  prompt: readonly number[] = []
  cells: Cells | null = null
  live: NativeDecode | null = null
  work: Work[] = []
  /** The paths that the run was asked for are thinking: its own summaries come after them. */
  beginning = false
  /** Told to a decode in progress: end the paths now, and what comes after. */
  endNow: 'stop-all' | { paths?: readonly number[]; fusion?: Fusion } | null = null
  /** Paths that are being dropped, told by the stream's end. */
  readonly dropping = new Set<number>()
  /** Paths that end where the decode under way is interrupted anyway. */
  readonly ending = new Map<number, 'stopped' | 'cut'>()
  /** The decode under way is interrupted to continue in a larger context, with these paths as well. */
  regrow: Launch[] | null = null
  abort = new AbortController()
  readonly clock: Clock
  readonly events: AsyncGenerator<RunEvent, void, undefined>
  readonly #outbox = new Outbox()
  readonly #began: number
  #driving: Promise<void> | null = null

  constructor(
    readonly id: string,
    readonly core: EngineCore,
    readonly conversation: readonly Turn[],
    state: RunState = EMPTY_RUN,
    readonly onProgress?: (fraction: number) => void,
  ) {
    this.state = state
    this.prompt = state.promptTokens
    this.clock = {
      ...(state.timings ?? {
        loadMs: 0,
        prefillMs: 0,
        pathsMs: 0,
        joinMs: 0,
        summaryMs: 0,
        totalMs: 0,
      }),
    }
    this.#began = performance.now() - state.at
    this.events = this.#outbox.read(() => void this.close())
    core.runs.add(this)
  }

  /** Of a run that has begun. */
  get settings(): RunSettings {
    return this.state.settings!
  }

  get signal(): AbortSignal {
    return this.abort.signal
  }

  get active(): boolean {
    return this.phase !== 'idle' && this.phase !== 'closed'
  }

  path(number: number): PathState {
    const path = this.state.paths[number - 1]
    if (path === undefined) throw new BraidError('no-such-path', `There is no path ${number}.`)
    if (path.status === 'dropped')
      throw new BraidError('no-such-path', `Path ${number} was dropped.`)
    return path
  }

  emit(draft: Draft<RunEvent>): void {
    const event = {
      ...draft,
      at: Math.max(this.state.at, Math.round((performance.now() - this.#began) * 10) / 10),
    } as RunEvent
    this.state = applyEvent(this.state, event)
    this.#outbox.push(event)
  }

  notice(code: string, message: string): void {
    this.emit({ type: 'notice', code, message })
  }

  async command(command: RunCommand): Promise<void> {
    const parsed = RunCommand.safeParse(command)
    if (!parsed.success)
      throw new BraidError(
        'bad-request',
        `This is no command: ${parsed.error.issues[0]?.message ?? 'unknown'}.`,
      )
    if (this.phase === 'closed') throw new BraidError('not-running', 'The run is closed.')
    await obey(this, parsed.data)
  }

  /** Adds work and sees to it that it is done. */
  enqueue(work: Work): void {
    this.work.push(work)
    if (this.#driving === null) this.#driving = this.#drive()
  }

  async close(): Promise<void> {
    if (this.phase === 'closed') return
    this.abort.abort()
    await this.#driving
    this.phase = 'closed'
    await this.freeCells()
    if (this.core.holder === this) this.core.holder = null
    this.core.runs.delete(this)
    this.#outbox.close()
  }

  async freeCells(): Promise<void> {
    const { cells } = this
    this.cells = null
    if (cells === null) return
    this.core.models.release(cells.model)
    await cells.free()
  }

  async #drive(): Promise<void> {
    while (this.work.length > 0) {
      this.abort = new AbortController()
      this.phase = 'waiting'
      try {
        await this.core.turns.take(this.signal, () => this.#workOff())
        await endRun(this, this.endNow === 'stop-all' ? 'stopped' : 'finished')
      } catch (error) {
        await this.#fail(toBraidError(error))
      }
      if (this.model !== null) this.core.models.touch(this.model)
      this.endNow = null
      this.regrow = null
      this.dropping.clear()
      this.ending.clear()
    }
    this.phase = 'idle'
    this.#driving = null
  }

  async #workOff(): Promise<void> {
    this.phase = 'preparing'
    const began = performance.now()
    try {
      const { holder } = this.core
      if (holder !== this) await holder?.freeCells()
      this.core.holder = this
      for (let work = this.work.shift(); work !== undefined; work = this.work.shift()) {
        if (work.kind === 'start') await this.#begin(work.start)
        else await prepare(this)
        if (work.kind === 'think') await think(this, work.launches, 0)
        if (work.kind === 'summarise') await summarise(this, [this.#laterSummary(work)])
      }
    } finally {
      this.clock.totalMs += performance.now() - began
    }
  }

  /** The whole of a new run: its paths, then one summary a group. */
  async #begin(start: Start): Promise<void> {
    await prepare(this, start)
    const plan = this.plan!
    if (plan.groups > 1) void import('../protocol/answers/vote.ts').catch(() => {}) // loads while the model thinks
    this.beginning = true
    await think(this, plan.paths, plan.finish).finally(() => (this.beginning = false))
    if (this.endNow === 'stop-all' || !plan.summaries) return
    // "Summarise now" over chosen paths of several groups is one summary of its own.
    if (this.endNow?.paths !== undefined && plan.groups > 1)
      return summarise(this, [this.#laterSummary(this.endNow)])
    const { paths: chosen, fusion } = this.endNow ?? {}
    await summarise(
      this,
      Array.from({ length: plan.groups }, (_, i) => ({
        version: i + 1,
        fusion: fusion ?? this.state.fusion!,
        paths: this.summarisable()
          .filter((path) => path.group === i + 1 && (chosen?.includes(path.path) ?? true))
          .map(({ path }) => path),
      })),
    )
  }

  #laterSummary({ paths, fusion }: { paths?: readonly number[]; fusion?: Fusion }): SummaryJob {
    const last = this.state.summaries.at(-1)?.version ?? 0
    const groups = Math.max(1, ...this.state.paths.map(({ group }) => group))
    return {
      version: (groups > 1 ? Math.max(groups, last) : last) + 1,
      fusion: fusion ?? this.state.fusion!,
      paths: this.summarisable()
        .map(({ path }) => path)
        .filter((path) => paths?.includes(path) ?? true),
    }
  }

  /** Paths that a summary may read: all that have text and were neither dropped nor lost. */
  summarisable(): PathState[] {
    return this.state.paths.filter(
      ({ status, tokens }) => status !== 'dropped' && status !== 'failed' && tokens.length > 0,
    )
  }

  async #fail(error: BraidError): Promise<void> {
    this.work = []
    const cancelled = error.code === 'cancelled' && this.signal.aborted
    for (const { path, status } of this.state.paths) {
      if (status === 'waiting' || status === 'thinking')
        this.emit({
          type: 'path-ended',
          path,
          reason: cancelled ? 'cancelled' : 'failed',
          answer: null,
          ...(!cancelled && { error: { code: error.code, message: error.message } }),
        })
    }
    for (const { version, status } of this.state.summaries) {
      if (status === 'waiting' || status === 'thinking')
        this.emit({
          type: 'summary-ended',
          version,
          reason: cancelled ? 'cancelled' : 'failed',
          answer: null,
          ...(!cancelled && { error: { code: error.code, message: error.message } }),
        })
    }
    if (cancelled) await endRun(this, this.endNow === 'stop-all' ? 'stopped' : 'cancelled')
    else this.emit({ type: 'run-failed', error: { code: error.code, message: error.message } })
  }
}
