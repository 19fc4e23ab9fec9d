import { HardwareMeter } from '../devices/index.ts'
import type { HostMessage } from '../protocol/wire.ts'
import type { HostEngine } from './engine.ts'

const CHECK_MS = 5_000
const METER_MS = 2_000

export interface ResidencyParts {
  engine: HostEngine
  /** Minutes after which an unused model is unloaded; 0: never. */
  idleMinutes: () => number
  /** Some run is thinking. */
  busy: () => boolean
  send: (message: HostMessage) => void
}

/** What lies in memory and what the machine does: models that nobody used for a while are unloaded; windows are told. */
export class Residency {
  readonly #parts: ResidencyParts
  readonly #idle: NodeJS.Timeout
  readonly #meter = new HardwareMeter()
  #metering: NodeJS.Timeout | undefined

  constructor(parts: ResidencyParts) {
    this.#parts = parts
    const { engine, send } = parts
    engine.onMemory((unloaded) =>
      send({ kind: 'memory', loaded: engine.loaded(), ...(unloaded && { unloaded }) }),
    )
    this.#idle = setInterval(() => void this.#unloadIdle().catch(() => undefined), CHECK_MS)
    this.#idle.unref()
  }

  /** Called when a run began or ended. */
  update(): void {
    if (this.#parts.busy()) {
      this.#metering ??= setInterval(() => void this.#tell().catch(() => undefined), METER_MS)
      this.#metering.unref()
    } else if (this.#metering !== undefined) {
      clearInterval(this.#metering)
      this.#metering = undefined
      this.#parts.send({ kind: 'hardware', hardware: null })
    }
  }

  close(): void {
    clearInterval(this.#idle)
    clearInterval(this.#metering)
  }

  async #unloadIdle(): Promise<void> {
    const { engine, idleMinutes } = this.#parts
    const minutes = idleMinutes()
    if (minutes <= 0 || engine.loaded().length === 0) return
    await engine.unload({ since: Date.now() - minutes * 60_000 }, 'idle')
  }

  async #tell(): Promise<void> {
    const { devices } = await this.#parts.engine.devices()
    if (this.#metering !== undefined)
      this.#parts.send({ kind: 'hardware', hardware: this.#meter.sample(devices) })
  }
}
