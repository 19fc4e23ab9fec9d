import type {
  DecodeOptions,
  NativeContext,
  NativeContextInfo,
  NativeDecode,
  NativePrefill,
  PrefillOptions,
  PrefillResult,
} from '../native/index.ts'
import { fail } from '../protocol/errors.ts'
import { RemoteDecode } from './decode.ts'
import type { Dialect } from './dialect.ts'
import type { Gate } from './gate.ts'
import type { Server } from './server.ts'

/**
 * A context without cells: each sequence is the list of its ids, whose index is their position. A
 * server keeps cells by itself, and finds those of a prompt that begins like an earlier one.
 */
export class RemoteContext implements NativeContext {
  readonly info: NativeContextInfo
  readonly #dialect: Dialect
  readonly #server: Server
  readonly #gate: Gate
  readonly #sequences = new Map<number, number[]>()
  readonly #decodes = new Set<RemoteDecode>()

  constructor(dialect: Dialect, server: Server, gate: Gate, cells: number) {
    this.#dialect = dialect
    this.#server = server
    this.#gate = gate
    this.info = {
      cells,
      threads: 0,
      flashAttention: false,
      canShift: false,
      lost: false,
      devices: [],
      weightBytes: 0,
      kvBytes: 0,
      computeBytes: 0,
    }
  }

  prefill({ seq, tokens }: PrefillOptions): NativePrefill {
    this.#sequences.set(seq, [...this.#of(seq), ...Array.from(tokens)])
    const done: Promise<PrefillResult> = Promise.resolve({ ms: 0 })
    return Object.assign(done, { cancel: () => undefined })
  }

  copy(from: number, to: number, end?: number): Promise<void> {
    this.#sequences.set(to, this.#of(from).slice(0, end))
    return Promise.resolve()
  }

  remove(seq: number, from = 0): Promise<void> {
    if (from === 0) this.#sequences.delete(seq)
    else this.#sequences.set(seq, this.#of(seq).slice(0, from))
    return Promise.resolve()
  }

  clear(): Promise<void> {
    this.#sequences.clear()
    return Promise.resolve()
  }

  lastPosition(seq: number): Promise<number> {
    return Promise.resolve(this.#of(seq).length - 1)
  }

  shift(): Promise<void> {
    return Promise.reject(fail('cannot-join/server'))
  }

  copyMoved(): Promise<void> {
    return Promise.reject(fail('cannot-join/server'))
  }

  setThreads(): Promise<void> {
    return Promise.resolve()
  }

  decode(options: DecodeOptions): NativeDecode {
    const decode = new RemoteDecode(
      this.#dialect,
      this.#server,
      this.#gate,
      this.#sequences,
      options,
    )
    this.#decodes.add(decode)
    void decode.done.finally(() => this.#decodes.delete(decode))
    return decode
  }

  abort(): void {
    for (const decode of this.#decodes) decode.cancel()
  }

  async free(): Promise<void> {
    this.abort()
    await Promise.all([...this.#decodes].map(({ done }) => done))
    this.#sequences.clear()
  }

  #of(seq: number): readonly number[] {
    return this.#sequences.get(seq) ?? []
  }
}
