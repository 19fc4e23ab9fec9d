import { Connection } from '../engine/protocol/client.ts'
import type { Channel, RunProgress } from '../engine/protocol/wire.ts'

/** Runs that think or wait, and how far those are that think: 0..1 of their token budgets; null where no run is. */
export interface Activity {
  running: number
  fraction: number | null
}

export interface WatchOptions {
  /** Takes the far end of a new connection. */
  connect: (channel: Channel) => void
  onActivity: (activity: Activity) => void
  /** A run came to its end here. */
  onEnd: (run: RunProgress) => void
}

/**
 * The shell as one more client of the host, so that what the system shows of runs (progress, sleep, notifications) depends
 * on no window. It is told how far they are, and no token.
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
      const live = runs.filter(({ status }) => status === 'running' || status === 'queued')
      for (const run of runs) if (!live.includes(run)) onEnd(run)
      onActivity({ running: live.length, fraction: live.length === 0 ? null : mean(live) })
    }
    // An engine that was given up refuses; it is asked again once it is up.
    const watch = () => void this.#connection.call('runs.watch', {}).catch(() => undefined)
    this.#connection.onPush((push) => {
      if (push.kind === 'activity') show(push.runs)
      else if (push.kind === 'engine' && push.state === 'up') watch()
    })
    this.#connection.onState((state) => {
      if (state === 'open') watch()
      else show([]) // The engine ended: what it was thinking is interrupted.
    })
    void this.#connection.start()
  }

  close(): void {
    this.#connection.close()
  }
}

/** Of those that think; a run that waits for its turn has not begun. */
function mean(live: readonly RunProgress[]): number {
  const thinking = live.filter(({ status }) => status === 'running')
  return thinking.reduce((sum, { fraction }) => sum + fraction, 0) / Math.max(1, thinking.length)
}

/** Both ends of a line within this process. */
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
