import type { RunEvent } from '../engine/protocol/events.ts'
import {
  eventsIn,
  HostMessage,
  type Channel,
  type Method,
  type Params,
  type RunSummary,
} from '../engine/protocol/wire.ts'

/** Runs that are being thought, and how far they are: 0..1 of their token budgets; null where no run is. */
export interface Activity {
  running: number
  fraction: number | null
}

export interface WatchOptions {
  connect: (channel: Channel) => void
  onActivity: (activity: Activity) => void
  /** A run came to its end here. */
  onEnd: (run: RunSummary) => void
}

/** Budget of a run and what of it is used. */
interface Progress {
  total: number
  done: number
  over: boolean
}
const AGAIN_MS = 200

/**
 * The shell as one more client of the host, so that what the system shows of runs (progress, sleep, notifications) depends
 * on no window.
 */
export class RunWatch {
  readonly #options: WatchOptions
  readonly #runs = new Map<string, Progress>()
  #channel: Channel | undefined
  #answers = new Map<number, (result: unknown) => void>()
  #next = 1
  #closed = false
  #asked = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#connect()
  }

  close(): void {
    this.#closed = true
    this.#channel?.close()
  }

  #connect(): void {
    if (this.#closed) return
    let toHost: (message: unknown) => void = () => undefined
    let gone: () => void = () => undefined
    this.#answers.clear()
    this.#channel = {
      send: (message) => toHost(message),
      onMessage: () => undefined,
      onClose: () => undefined,
      close: () => gone(),
    }
    this.#options.connect({
      send: (message) => this.#onMessage(message),
      onMessage: (listener) => {
        toHost = listener
      },
      onClose: (listener) => {
        gone = listener
      },
      close: () => {
        // The engine ended: what it was thinking is interrupted.
        this.#runs.clear()
        this.#tell()
        setTimeout(() => this.#connect(), AGAIN_MS)
      },
    })
    void this.#look()
  }

  #call<M extends Method>(method: M, params: Params<M>): Promise<unknown> {
    const id = this.#next++
    return new Promise((resolve) => {
      this.#answers.set(id, resolve)
      this.#channel?.send({ id, method, params })
    })
  }

  #onMessage(raw: unknown): void {
    const parsed = HostMessage.safeParse(raw)
    if (!parsed.success) return
    const message = parsed.data
    switch (message.kind) {
      case 'result':
        this.#answers.get(message.id)?.(message.result)
        this.#answers.delete(message.id)
        return
      case 'error':
        this.#answers.delete(message.id)
        return
      case 'changed':
        if (message.what === 'runs') this.#lookSoon()
        return
      case 'engine':
        if (message.state === 'up') this.#lookSoon()
        return
      case 'backlog':
      case 'events':
        return this.#onEvents(message.run, eventsIn(message))
    }
  }

  #lookSoon(): void {
    if (this.#asked) return
    this.#asked = true
    setTimeout(() => {
      this.#asked = false
      void this.#look()
    }, AGAIN_MS)
  }

  async #look(): Promise<void> {
    const list = (await this.#call('runs.list', {})) as RunSummary[]
    for (const { run, status } of list) {
      if (this.#runs.has(run) || (status !== 'running' && status !== 'queued')) continue
      this.#runs.set(run, { total: 0, done: 0, over: false })
      void this.#call('run.open', { run })
    }
    for (const [run, progress] of this.#runs) {
      const summary = list.find((one) => one.run === run)
      if (summary?.status === 'running' || summary?.status === 'queued') {
        if (progress.over) this.#lookSoon() // It says so in a moment, or goes on.
        continue
      }
      this.#runs.delete(run)
      void this.#call('run.close', { run })
      if (progress.over && summary !== undefined) this.#options.onEnd(summary)
    }
    this.#tell()
  }

  #onEvents(run: string, events: readonly RunEvent[]): void {
    const progress = this.#runs.get(run)
    if (progress === undefined) return
    for (const event of events) {
      if (event.type === 'run-started')
        progress.total = event.settings.paths * event.settings.budget + event.settings.summaryBudget
      else if (event.type === 'tokens') progress.done += event.tokens.length
      else if (event.type === 'run-ended' || event.type === 'run-failed') {
        progress.over = true
        this.#lookSoon()
      } else if (event.type === 'segment-extended' || event.type === 'segment-started')
        progress.over = false
    }
    this.#tell()
  }

  #tell(): void {
    const live = [...this.#runs.values()].filter(({ over }) => !over)
    const total = live.reduce((sum, run) => sum + run.total, 0)
    const done = live.reduce((sum, run) => sum + Math.min(run.done, run.total), 0)
    this.#options.onActivity({
      running: live.length,
      fraction: live.length === 0 ? null : total === 0 ? 0 : done / total,
    })
  }
}
