import { z } from 'zod'
import { onServer } from '../protocol/address.ts'
import { fail } from '../protocol/errors.ts'
import { MAX_BUDGET, MAX_PATHS } from '../protocol/request.ts'
import { resolveSettings } from '../protocol/settings.ts'
import type { Fit, ModelInfo } from '../protocol/wire.ts'
import { KEYS_VARIABLE } from './mux.ts'
import { connect, listModels, Server, serverUrl, textTokens } from '../remote/index.ts'

const NO_BYTES = { f32: 0, f16: 0, q8_0: 0, q4_0: 0 }
const Keys = z.record(z.string(), z.string())

/** The servers that models are on: their keys, which stay in memory, and what windows ask about them. */
export class Servers {
  readonly #keys: Map<string, string>
  readonly #known = new Map<string, ModelInfo>()

  constructor(given = process.env[KEYS_VARIABLE]) {
    this.#keys = new Map(Object.entries(keysIn(given)))
  }

  keyOf(server: string): string | undefined {
    return this.#keys.get(server)
  }

  /** Sets or removes a key. Returns the server's address as Braid spells it. Throws `bad-request`. */
  setKey(url: string, key: string | null): string {
    const server = serverUrl(url)
    this.#known.clear()
    if (key === null) this.#keys.delete(server)
    else this.#keys.set(server, key)
    return server
  }

  models(server: string, signal: AbortSignal): Promise<string[]> {
    return listModels(new Server({ url: server, key: this.keyOf(server) }), signal)
  }

  /**
   * Returns what windows show of a model. A server is asked once, since some are asked for a token:
   * again if a key changes. Errors: those of `connect`.
   */
  async info(place: string, signal: AbortSignal): Promise<ModelInfo> {
    const known = this.#known.get(place)
    if (known !== undefined) return known
    const info = await this.#ask(place, signal)
    this.#known.set(place, info)
    return info
  }

  async #ask(place: string, signal: AbortSignal): Promise<ModelInfo> {
    const address = onServer(place)
    if (address === null) throw fail('bad-request/server-url')
    const url = serverUrl(address.server)
    const { can, info, template } = await connect(
      { url, key: this.keyOf(url) },
      address.name,
      signal,
    )
    return {
      name: address.name,
      file: place,
      architecture: info.architecture,
      parameters: 0,
      sizeBytes: 0,
      quantisation: '',
      trainContext: info.trainContext,
      layers: 0,
      heads: 0,
      kvHeads: 0,
      headDim: 0,
      vocabSize: info.vocabSize,
      headerSha256: '',
      controlTokens: [],
      nativePaths: 0,
      thoughtRows: 0,
      thinks: /<\/?think/.test(template),
      cannotJoin: 'server',
      capabilities: can,
      kvBytesPerToken: NO_BYTES,
      defaults: resolveSettings({}, { metadata: {}, nativePaths: 0 }),
    }
  }

  /** A run takes no memory here. */
  get fit(): Fit {
    const nothing = { weights: 0, kv: 0, compute: 0, total: 0 }
    return { ...nothing, free: 0, verdict: 'fits', cells: 0, devices: [], kvByType: NO_BYTES }
  }

  /** Estimates how many tokens texts have. */
  count(texts: readonly string[]): number[] {
    return texts.map(textTokens)
  }

  most(of: 'paths' | 'budget' | 'gpuLayers'): number {
    return { paths: MAX_PATHS, budget: MAX_BUDGET, gpuLayers: 0 }[of]
  }
}

function keysIn(text: string | undefined): Record<string, string> {
  try {
    return Keys.parse(JSON.parse(text ?? '{}'))
  } catch {
    return {}
  }
}
