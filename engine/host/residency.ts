import { HardwareMeter } from '../devices/index.ts'
import type { HostMessage } from '../protocol/wire.ts'
import type { HostEngine } from './engine.ts'

const CHECK_MS = 5_000
const METER_MS = 2_000

export interface ResidencyParts {
  engine: HostEngine
  /** Minutes after which an unused model is unloaded; 0 means never. */
  idleMinutes: () => number
  /** Whether a run is thinking. */
  busy: () => boolean
  send: (message: HostMessage) => void
}

/**
 * Unloads models that were unused for a while, and reports to windows which models are in memory
 * and how busy the machine is.
 */
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

  /** Call this when a run begins or ends. */
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
