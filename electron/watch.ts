import { Connection } from '../engine/protocol/client.ts'
import { doingOfAll, type DoingOfAll } from '../engine/protocol/doing.ts'
import { isAtWork } from '../engine/protocol/run-state.ts'
import type { Channel, RunProgress } from '../engine/protocol/wire.ts'

export interface WatchOptions {
  /** Receives the far end of a new connection. */
  connect: (channel: Channel) => void
  onActivity: (activity: DoingOfAll) => void
  /** Called when a run ends. */
  onEnd: (run: RunProgress) => void
}

/**
 * Watches runs as one more client of the host, so that taskbar progress, sleep and notifications do not depend on a
 * window. It receives the progress of runs and no tokens.
 */
export class RunWatch {
  readonly #connection: Connection

  constructor({ connect, onActivity, onEnd }: WatchOptions) {
    this.#connection = new Connection(async () => {
      const [near, far] = line()
      connect(far)
      return near
    })
    const show = (runs: readonly RunProgress[]): void => {
      for (const run of runs) if (!isAtWork(run)) onEnd(run)
      onActivity(doingOfAll(runs))
    }
    // The host refuses while the engine is down; the watch is repeated once it is up.
    const watch = () => void this.#connection.call('runs.watch', {}).catch(() => undefined)
    this.#connection.onPush((push) => {
      if (push.kind === 'activity') show(push.runs)
      else if (push.kind === 'engine' && push.state === 'up') watch()
    })
    this.#connection.onState((state) => {
      if (state === 'open') watch()
      else show([]) // The engine has ended, so its runs are interrupted.
    })
    void this.#connection.start()
  }

  close(): void {
    this.#connection.close()
  }
}

/** Returns both ends of a channel within this process. */
function line(): [Channel, Channel] {
  const ends = [0, 1].map(() => ({
    listeners: [] as ((message: unknown) => void)[],
    closers: [] as (() => void)[],
  }))
  let open = true
  const close = () => {
    if (!open) return
    open = false
    for (const { closers } of ends) for (const closer of closers) closer()
  }
  const channel = (own: number): Channel => ({
    send: (message) => {
      if (open) for (const listener of ends[1 - own]!.listeners) listener(message)
    },
    onMessage: (listener) => void ends[own]!.listeners.push(listener),
    onClose: (listener) => void ends[own]!.closers.push(listener),
    close,
  })
  return [channel(0), channel(1)]
}
