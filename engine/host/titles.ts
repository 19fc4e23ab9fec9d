import { spokenText } from '../protocol/deciding.ts'
import { fileOf } from '../protocol/events.ts'
import { applyEvent, EMPTY_RUN, foldRun, type RunState } from '../protocol/fold.ts'
import type { RunRequest } from '../protocol/request.ts'
import type { RunSummary } from '../protocol/wire.ts'
import type { RunHandle } from '../run/index.ts'
import type { RunStore } from '../transcripts/index.ts'
import type { HostEngine } from './engine.ts'

/** How long nothing must happen before a title is written. */
const QUIET_MS = 2_000
/** A question of one line that is no longer is its own title. */
const SHORT = 60
const MAX_QUESTION = 1_500
const MAX_TITLE = 80
const BUDGET = 24

export interface TitlesParts {
  engine: HostEngine
  store: RunStore
  /** Whether the user wants titles. */
  wanted: () => boolean
  /** Whether a run is at work. */
  busy: () => boolean
  onTitle: () => void
}

/**
 * Gives conversations their titles. The model of a run writes one, in a run of its own without a
 * transcript, once nothing else is at work; it ends as soon as something else begins.
 */
export class Titles {
  readonly #parts: TitlesParts
  readonly #waiting: string[] = []
  #timer: NodeJS.Timeout | undefined
  #writing: RunHandle | undefined
  #closed = false

  constructor(parts: TitlesParts) {
    this.#parts = parts
  }

  /** Call this when a run has ended. */
  ended(run: string): void {
    if (this.#parts.wanted() && !this.#waiting.includes(run) && this.#mayWant(run))
      this.#waiting.push(run)
    this.update()
  }

  /** Call this when a run begins or ends. */
  update(): void {
    clearTimeout(this.#timer)
    if (this.#closed) return
    if (this.#parts.busy()) void this.#writing?.close().catch(() => undefined)
    else if (this.#waiting.length > 0 && this.#writing === undefined) {
      this.#timer = setTimeout(() => void this.#next(), QUIET_MS)
      this.#timer.unref()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#writing?.close().catch(() => undefined)
  }

  /** Writes the next title. */
  async #next(): Promise<void> {
    const { store, wanted, busy, onTitle } = this.#parts
    try {
      if (busy()) return
      if (!wanted()) this.#waiting.length = 0
      for (let run; (run = this.#waiting.shift()) !== undefined;) {
        const request = this.#requestFor(run)
        if (request === null) continue
        const title = await this.#write(request)
        if (title === null || store.meta(run).title !== undefined) return
        store.update(run, { title })
        return onTitle()
      }
    } catch {
      // The run was deleted, or its model has left memory: its question stays its title.
    } finally {
      this.#writing = undefined
      this.update()
    }
  }

  /** Whether a run may want a title, by its entry in the history, which costs less than its transcript. */
  #mayWant(run: string): boolean {
    const { store } = this.#parts
    try {
      return mayWantTitle(store.summary(run)) && store.meta(run).title === undefined
    } catch {
      return false // It was deleted.
    }
  }

  /** Returns what to ask for a run's title; null where it gets none. */
  #requestFor(run: string): RunRequest | null {
    const { engine, store } = this.#parts
    if (!this.#mayWant(run)) return null
    const state = foldRun(store.events(run))
    const file = canWriteTitle(state) && fileOf(state.model!)
    // No model is loaded for a title.
    if (!file || !engine.loaded().some((model) => model.file === file)) return null
    return requestFor(state, file)
  }

  /** Returns the title; null if something else began, or the model wrote none. */
  async #write(request: RunRequest): Promise<string | null> {
    const handle = (this.#writing = this.#parts.engine.think(request, {
      id: `title-${Date.now()}`,
      final: true,
    }))
    let state = EMPTY_RUN
    for await (const event of handle.events) {
      state = applyEvent(state, event)
      if (event.type === 'run-ended' || event.type === 'run-failed') break
    }
    const [path] = state.paths
    if (path?.reason !== 'finished' && path?.reason !== 'budget') return null
    return titleIn(spokenText(path, state))
  }
}

/** Returns whether a run begins a conversation of Braid's own whose question is too long for a title. */
function mayWantTitle({ status, followUp, versionOf, client, problem }: RunSummary): boolean {
  const question = problem.trim()
  return (
    status === 'ended' &&
    followUp === undefined &&
    versionOf === undefined &&
    client === undefined &&
    (question.length > SHORT || question.includes('\n'))
  )
}

/**
 * Returns whether the model of a run can write a title: not one that only plays a game, and not one
 * that thinks first.
 */
const canWriteTitle = ({ model, thought }: RunState): boolean =>
  model !== null && model.scope === undefined && model.nativePaths === 0 && thought === null

function requestFor({ problem, settings }: RunState, model: string): RunRequest {
  return {
    problem: `Write a title of at most six words for the question below, in its language. Write nothing else.\n\n${problem.slice(0, MAX_QUESTION)}`,
    model,
    settings: {
      strategy: 'sequential',
      budget: BUDGET,
      question: 'text',
      alternatives: 0,
      sampling: { temperature: 0 },
      engine: settings!.engine,
      runPrograms: false,
    },
  }
}

/** Quotes, emphasis and the final stop around a title. */
const MARKS = /^[\s"'“”‘’«»「」『』*_`]+|[\s"'“”‘’«»「」『』*_`.。]+$/gu

/** Returns the title in what a model wrote: its first line, without quotes and marks. */
export function titleIn(text: string): string | null {
  const line = text
    .split('\n')
    .map((one) => one.trim())
    .find((one) => one !== '')
  const title = line
    ?.replace(/^(?:#+|[-*>]+)\s+/, '')
    .replace(MARKS, '')
    .replace(/^(?:title|标题)\W{0,3}[:：]/i, '')
    .replace(MARKS, '')
  if (title === undefined || title.length < 3 || title.length > MAX_TITLE) return null
  return title
}
