import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { forkHost } from '../../../engine/cli/node-host.ts'
import { Supervisor } from '../../../engine/host/supervisor.ts'
import type { RunEvent } from '../../../engine/protocol/events.ts'
import type { Channel } from '../../../engine/protocol/wire.ts'
import { RunStore } from '../../../engine/transcripts/store.ts'
import { channelPair } from '../../support/test-client.ts'

/** A timer of the host's process that is set and not over (timers.mjs). */
export interface Timer {
  /** The file of the engine that set it. */
  place: string
  ms: number
  repeats: boolean
}

const HOOK = pathToFileURL(join(import.meta.dirname, 'timers.mjs')).href

/** The real host with the real engine in a process of its own, under its supervisor, and its data folder. */
export class RealHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'braid-fuzz-'))
  readonly #store = new RunStore(this.folder)
  readonly #supervisor: Supervisor
  /** Process ids of the hosts, the latest last. */
  readonly pids: number[] = []
  #child!: ReturnType<typeof forkHost>
  #answers: ((timers: Timer[]) => void)[] = []
  /** What the supervisor said when it was not `up`. */
  readonly troubles: string[] = []

  constructor() {
    this.#supervisor = new Supervisor({
      spawn: () => this.#fork(),
      onState: (state, message) => state !== 'up' && this.troubles.push(message),
      deaths: Infinity,
    })
  }

  get up(): boolean {
    return this.#supervisor.state === 'up'
  }

  connect(): Channel {
    const [here, there] = channelPair()
    this.#supervisor.connect(there)
    return here
  }

  /** Returns the timers of the host's process. */
  timers(): Promise<Timer[]> {
    return new Promise((resolve) => {
      this.#answers.push(resolve)
      this.#child.send({ type: 'inspect' } as never)
    })
  }

  kill(): void {
    this.#child.kill()
  }

  /** Returns the events of a run's transcript. */
  events(run: string): RunEvent[] {
    return this.#store.events(run)
  }

  get #trash(): string {
    return join(this.folder, 'runs', 'trash')
  }

  isStored(run: string): boolean {
    return existsSync(join(this.folder, 'runs', `${run}.jsonl`))
  }

  isDeleted(run: string): boolean {
    return existsSync(join(this.#trash, `${run}.jsonl`))
  }

  emptyTrash(): void {
    for (const name of readdirSync(this.#trash)) rmSync(join(this.#trash, name))
  }

  async close(): Promise<void> {
    await this.#supervisor.close(60_000)
    rmSync(this.folder, { recursive: true })
  }

  #fork(): ReturnType<typeof forkHost> {
    const NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import=${HOOK}`
    const child = forkHost({ BRAID_DATA: this.folder, BRAID_OPEN_MODEL: '', NODE_OPTIONS })
    child.onMessage((message) => {
      const { type, timers } = message as { type: string; timers: Timer[] }
      if (type === 'inspected') this.#answers.shift()?.(timers)
    })
    this.#answers = []
    this.#child = child
    this.pids.push(child.pid!)
    return child
  }
}
