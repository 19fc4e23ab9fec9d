import type { Client } from '../protocol/client.ts'
import type { RunEvent } from '../protocol/events.ts'
import { applyEvents, EMPTY_RUN, isAtWork, type RunState } from '../protocol/fold.ts'
import type { RunRequest } from '../protocol/request.ts'
import { eventsIn } from '../protocol/wire.ts'
import { ApiError } from './errors.ts'

/** The runs that the server started and reads, over its channel to the host. */
export class Runs {
  readonly #client: Client
  readonly #readers = new Map<string, (events: RunEvent[]) => void>()

  constructor(client: Client) {
    this.#client = client
    client.onPush((push) => {
      if (push.kind === 'backlog' || push.kind === 'events')
        this.#readers.get(push.run)?.(eventsIn(push))
    })
  }

  /**
   * Starts a run and yields its id and each of its states up to its end. A run that the reader
   * leaves, or whose signal fires, is cancelled. Errors: those of `run.start`; the reason of the
   * signal.
   */
  async *think(
    request: RunRequest,
    signal: AbortSignal,
  ): AsyncGenerator<{ run: string; state: RunState }> {
    const { run } = await this.#client.call('run.start', { request })
    let state = EMPTY_RUN
    try {
      for await (const events of this.#eventsOf(run, signal)) {
        state = applyEvents(state, events)
        yield { run, state }
        if (!isAtWork(state)) return
      }
    } finally {
      if (isAtWork(state))
        await this.#client
          .call('run.command', { run, command: { type: 'cancel' } })
          .catch(() => undefined) // It has ended meanwhile.
    }
  }

  /** Ends a run early; what it has written stays its answer. */
  async stop(run: string): Promise<void> {
    await this.#client
      .call('run.command', { run, command: { type: 'stop-all' } })
      .catch(() => undefined) // It has ended meanwhile.
  }

  /** Returns the state of a stored run that a client of this server asked for. Throws 404 for any other. */
  async stored(run: string): Promise<RunState> {
    const events: RunEvent[] = []
    if (this.#readers.has(run))
      throw new ApiError(409, 'The run is still thinking.', { code: 'at-work' })
    this.#readers.set(run, (more) => events.push(...more))
    try {
      await this.#client.call('run.open', { run })
      const state = applyEvents(EMPTY_RUN, events)
      if (state.client === null) throw notFound(run)
      return state
    } finally {
      this.#close(run)
    }
  }

  async *#eventsOf(run: string, signal: AbortSignal): AsyncGenerator<RunEvent[]> {
    let kept: RunEvent[] = []
    let wake = () => {}
    let failed: Error | undefined
    const fail = (error: unknown) => {
      failed = error instanceof Error ? error : new ApiError(499, 'The client has left.')
      wake()
    }
    const leave = () => fail(signal.reason)
    signal.addEventListener('abort', leave)
    if (signal.aborted) leave()
    this.#readers.set(run, (events) => {
      kept.push(...events)
      wake()
    })
    this.#client.call('run.open', { run }).catch(fail)
    try {
      for (;;) {
        if (failed !== undefined) throw failed
        if (kept.length === 0) await new Promise<void>((resolve) => (wake = resolve))
        const events = kept
        kept = []
        if (events.length > 0) yield events
      }
    } finally {
      signal.removeEventListener('abort', leave)
      this.#close(run)
    }
  }

  #close(run: string): void {
    this.#readers.delete(run)
    void this.#client.call('run.close', { run }).catch(() => undefined)
  }
}

export const notFound = (run: string): ApiError =>
  new ApiError(404, `There is no run '${run}' of a client of this server.`, { code: 'no-such-run' })
