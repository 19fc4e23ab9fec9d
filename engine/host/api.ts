import type { Api } from '../api/index.ts'
import type { ApiSettings, ApiStatus } from '../protocol/api.ts'
import { channelPair } from '../protocol/channel-pair.ts'
import { fail, toBraidError } from '../protocol/errors.ts'
import type { Channel } from '../protocol/wire.ts'

export interface ApiSwitchParts {
  /** Data folder, which holds the key. */
  folder: string
  /** Serves a channel, as one of a window. */
  serve: (channel: Channel) => void
  /** Called whenever the status changes. */
  onChange: () => void
}

const OFF: ApiStatus = { state: 'off', url: null, key: null, message: null }

/** Starts and stops the server for API clients, one step after the other. */
export class ApiSwitch {
  readonly #parts: ApiSwitchParts
  #wanted: ApiSettings | null = null
  #status = OFF
  #api: Api | undefined
  #step: Promise<void> = Promise.resolve()

  constructor(parts: ApiSwitchParts) {
    this.#parts = parts
  }

  get status(): ApiStatus {
    return this.#status
  }

  /** Brings the server in line with what is wanted; null: none. A failed start is not repeated until that changes. */
  set(wanted: ApiSettings | null): void {
    if (JSON.stringify(wanted) === JSON.stringify(this.#wanted)) return
    this.#wanted = wanted
    this.#restart()
  }

  /** Replaces the key. Clients that use the old one are turned away. Errors: `bad-request` if no server needs a key. */
  async newKey(): Promise<void> {
    if (this.#wanted?.key !== true) throw fail('bad-request/api-off')
    const { newKey } = await import('../api/index.ts')
    newKey(this.#parts.folder)
    this.#restart()
    await this.#step
  }

  close(): Promise<void> {
    this.set(null)
    return this.#step
  }

  #restart(): void {
    this.#step = this.#step.then(() => this.#apply(this.#wanted))
  }

  async #apply(wanted: ApiSettings | null): Promise<void> {
    await this.#api?.close()
    this.#api = undefined
    if (wanted === null) return this.#tell(OFF)
    this.#tell({ ...OFF, state: 'starting' })
    const [here, there] = channelPair()
    try {
      const { apiKey, serveApi } = await import('../api/index.ts')
      const key = wanted.key ? apiKey(this.#parts.folder).key : null
      this.#parts.serve(there)
      this.#api = await serveApi({ ...wanted, key, channel: here })
      this.#tell({ state: 'on', url: this.#api.url, key, message: null })
    } catch (error) {
      here.close()
      this.#tell({ ...OFF, state: 'failed', message: toBraidError(error).message })
    }
  }

  #tell(status: ApiStatus): void {
    this.#status = status
    this.#parts.onChange()
  }
}
