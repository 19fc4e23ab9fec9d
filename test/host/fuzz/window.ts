import { Client, parseHostMessage, type Push } from '../../../engine/protocol/client.ts'
import type { RunEvent } from '../../../engine/protocol/events.ts'
import { applyEvents, EMPTY_RUN, interrupt, type RunState } from '../../../engine/protocol/fold.ts'
import {
  eventsIn,
  type Channel,
  type Method,
  type Params,
  type Result,
  type RunProgress,
} from '../../../engine/protocol/wire.ts'

/** A run as a window follows it. */
export interface Followed {
  events: RunEvent[]
  state: RunState
  /** The host has answered `run.open`. */
  opened: boolean
}

/** A window that speaks the protocol as the real one does (renderer/store), and keeps what it was told. */
export class Window {
  readonly #client: Client
  readonly #channel: Channel
  readonly runs = new Map<string, Followed>()
  /** The last `activity`; null if it was not asked for. */
  activity: RunProgress[] | null = null
  /** The load of the machine is being shown. */
  metered = false
  /** Places of the runs that wait for room. */
  readonly waiting = new Map<string, number>()
  /** Runs that waited for room at some time. */
  readonly waited = new Set<string>()
  /** Runs that are shown as loading a model. */
  readonly loading = new Set<string>()
  /** Requests that have no answer yet. */
  readonly open = new Map<number, string>()
  closed = false
  /** Messages that are not of the protocol. */
  readonly strange: unknown[] = []
  #asked = 0

  constructor(channel: Channel) {
    this.#channel = channel
    channel.onMessage((message) => {
      if (parseHostMessage(message) === null) this.strange.push(message)
    })
    this.#client = new Client(channel)
    this.#client.onPush((push) => this.#take(push))
    this.#client.onClose(() => (this.closed = true))
  }

  /** What the window shows of work, for the report of a fault. */
  get atWork(): unknown {
    const { activity, metered, waiting, loading } = this
    return { activity, metered, waiting: [...waiting], loading: [...loading] }
  }

  async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const number = this.#asked++
    this.open.set(number, `${method} ${JSON.stringify(params).slice(0, 200)}`)
    try {
      return await this.#client.call(method, params)
    } finally {
      this.open.delete(number)
    }
  }

  /** Follows a run from its first event. */
  async follow(run: string): Promise<void> {
    const followed: Followed = { events: [], state: EMPTY_RUN, opened: false }
    this.runs.set(run, followed)
    try {
      const { live } = await this.call('run.open', { run })
      if (this.runs.get(run) !== followed) return
      followed.opened = true
      if (!live) followed.state = interrupt(followed.state)
    } catch (error) {
      if (this.runs.get(run) === followed) this.runs.delete(run)
      throw error
    }
  }

  async unfollow(run: string): Promise<void> {
    this.runs.delete(run)
    await this.call('run.close', { run })
  }

  leave(): void {
    this.#channel.close()
  }

  #take(push: Push): void {
    switch (push.kind) {
      case 'backlog':
      case 'events': {
        const followed = this.runs.get(push.run)
        if (followed === undefined) return
        if (push.kind === 'backlog' && push.start)
          Object.assign(followed, { events: [], state: EMPTY_RUN })
        const events = eventsIn(push)
        followed.events.push(...events)
        followed.state = applyEvents(followed.state, events)
        return
      }
      case 'activity':
        this.activity = push.runs
        return
      case 'hardware':
        this.metered = push.hardware !== null
        return
      case 'progress':
        if (push.task.startsWith('attribution/')) return // its answer ends it
        if (push.fraction < 1) this.loading.add(push.task)
        else this.loading.delete(push.task)
        return
      case 'waiting':
        this.waited.add(push.run)
        if (push.place === null) this.waiting.delete(push.run)
        else this.waiting.set(push.run, push.place)
    }
  }
}
