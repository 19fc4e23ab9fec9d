import { builtRpc, type NativeAddon } from '../native/index.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
import { runError } from '../protocol/events.ts'
import type { WorkerState } from '../protocol/models.ts'
import type { WorkerDevice } from '../protocol/workers.ts'
import { KnownWorkers } from './known.ts'
import { Tunnel } from './tunnel.ts'
import type { Pulse } from './wire.ts'

const SEEN_MS = 10_000

/** Workers as a model needs them. */
export interface Held {
  /** The devices, named as the addon knows them, with what was free when they were asked. */
  devices: WorkerDevice[]
  /** Lets go once the model is closed. */
  release(): Promise<void>
}

export interface LinksOptions {
  /** Returns the loaded addon. */
  addon: () => NativeAddon
  pulse?: Pulse | undefined
}

/** The connections of this process with workers. */
export class WorkerLinks {
  readonly known: KnownWorkers
  /**
   * Called when a worker is gone that something holds. Native code that waits for it waits for ever,
   * so a process that computes with it must end.
   */
  onLost: ((worker: string, error: Error) => void) | undefined
  readonly #options: LinksOptions
  readonly #tunnel: Tunnel
  /** By address: what holds a worker, and what is about to. */
  readonly #holders = new Map<string, { count: number; connecting: number }>()
  #loaded = false
  readonly #seen = new Map<string, { at: number; devices: Promise<WorkerDevice[]> }>()

  constructor(folder: string, options: LinksOptions) {
    this.known = new KnownWorkers(folder)
    this.#options = options
    this.#tunnel = new Tunnel((worker, error) => {
      const { count, connecting } = this.#of(worker)
      if (count + connecting > 0) this.onLost?.(worker, error)
    })
  }

  /** Returns the devices of a worker. Errors: those of `connect`; `bad-request` without a code. */
  async look(worker: string, code = this.#code(worker)): Promise<WorkerDevice[]> {
    return (await this.#tunnel.ask({ what: 'look', worker, code })).devices
  }

  /** Returns what the known workers have, or why they cannot be used now. */
  states(): Promise<WorkerState[]> {
    return Promise.all(
      this.known.list().map((worker) =>
        this.look(worker).then(
          (devices): WorkerState => ({ worker, devices }),
          (error: unknown): WorkerState => ({
            worker,
            devices: [],
            problem: runError(toBraidError(error)),
          }),
        ),
      ),
    )
  }

  /**
   * Returns the devices of several workers, named as `hold` names them, from an answer of the last
   * few seconds if there is one. Errors: those of `look`.
   */
  async devices(workers: readonly string[]): Promise<WorkerDevice[]> {
    const each = workers.map(async (worker) => {
      const now = performance.now()
      let seen = this.#seen.get(worker)
      if (seen === undefined || now - seen.at > SEEN_MS)
        this.#seen.set(worker, (seen = { at: now, devices: this.look(worker) }))
      const devices = await seen.devices
      return devices.map((one, i) => ({
        ...one,
        name: devices.length === 1 ? worker : `${worker}/${i + 1}`,
      }))
    })
    return (await Promise.all(each)).flat()
  }

  /** Checks a pairing code and keeps it; returns the worker's devices. Errors: those of `look`. */
  async pair(worker: string, code: string): Promise<WorkerDevice[]> {
    const devices = await this.look(worker, code)
    this.known.set(worker, code)
    return devices
  }

  /** Returns whether a connection to the worker is being made. */
  isConnecting(worker: string): boolean {
    return this.#of(worker).connecting > 0
  }

  /** Connects to workers. Errors: those of `look`, `unknown-device`, `native-missing`. */
  async hold(workers: readonly string[]): Promise<Held> {
    const held: Held[] = []
    const release = async () => {
      for (const one of held.splice(0)) await one.release()
    }
    try {
      for (const worker of workers) held.push(await this.#hold(worker))
    } catch (error) {
      await release()
      throw error
    }
    return { devices: held.flatMap(({ devices }) => devices), release }
  }

  close(): void {
    this.#tunnel.close()
  }

  async #hold(worker: string): Promise<Held> {
    const addon = this.#options.addon()
    const [code, { pulse }] = [this.#code(worker), this.#options]
    const { devices, endpoint } = await this.#tunnel.ask({ what: 'open', worker, code, pulse })
    if (!(this.#loaded ||= addon.loadBackend(builtRpc().library))) throw fail('native-missing/rpc')
    const of = this.#of(worker)
    of.connecting++
    const names = await addon.addWorker(worker, endpoint).finally(() => of.connecting--)
    of.count++
    let holds = true
    return {
      devices: names.map((name, i) => ({ ...(devices[i] ?? NOTHING), name })),
      async release() {
        if (!holds) return
        holds = false
        if (--of.count === 0) await addon.releaseWorker(worker)
      },
    }
  }

  #of(worker: string): { count: number; connecting: number } {
    const found = this.#holders.get(worker) ?? { count: 0, connecting: 0 }
    this.#holders.set(worker, found)
    return found
  }

  #code(worker: string): string {
    const code = this.known.code(worker)
    if (code === undefined) throw fail('bad-request/worker-no-code', { worker })
    return code
  }
}

const NOTHING = { description: '', memoryFree: 0, memoryTotal: 0 }
