import type {
  ContextOptions,
  NativeContext,
  NativeModel,
  NativeModelInfo,
} from '../native/index.ts'
import type { Capabilities } from '../protocol/capabilities.ts'
import { MARKS, opensAnswer, TEMPLATE, tokenize } from './chat.ts'
import { RemoteContext } from './context.ts'
import type { Dialect } from './dialect.ts'
import { Gate } from './gate.ts'
import { probe } from './probe.ts'
import { LIMITS, Server, type Limits, type Place } from './server.ts'
import { bytesOfText, isText } from './text-ids.ts'

/** Requests at once, if the server does not say how many it works on. */
const WIDTH = 16

/**
 * A model on a server, with the surface of a native one: what is asked of its contexts becomes
 * requests. Its vocabulary has the server's ids and ids that stand for texts (text-ids.ts). Its
 * contexts hold lists of ids, so they need no memory for cells, and cannot join any.
 */
export class RemoteModel implements NativeModel {
  readonly info: NativeModelInfo
  readonly #dialect: Dialect
  readonly #server: Server
  readonly #gate: Gate

  constructor(server: Server, dialect: Dialect) {
    this.#server = server
    this.#dialect = dialect
    this.#gate = new Gate(dialect.can.slots ?? WIDTH)
    this.info = {
      architecture: dialect.name,
      description: `${dialect.name} at ${server.url}`,
      parameters: 0,
      sizeBytes: 0,
      trainContext: dialect.can.context ?? 0,
      layers: 0,
      embedding: 0,
      heads: 0,
      kvHeads: 0,
      // An id below it may be opened as a branch. Ids of texts never are.
      vocabSize: dialect.vocabulary ?? 1 << 24,
      thoughtRows: 0,
      cannotJoin: 'server',
      slidingWindow: false,
      hasEncoder: false,
      addBos: false,
      bos: -1,
      eos: -1,
      chatTemplate: TEMPLATE,
      metadata: {},
    }
  }

  get can(): Capabilities {
    return this.#dialect.can
  }

  /** The chat template of the server itself; '' if it does not say. */
  get template(): string {
    return this.#dialect.template ?? ''
  }

  get url(): string {
    return this.#server.url
  }

  tokenize(text: string, { special }: { special: boolean }): Int32Array {
    return Int32Array.from(tokenize(text, special))
  }

  /** The texts of the server's own tokens stand in the events that report them. */
  tokenBytes(id: number): Uint8Array {
    if (isText(id)) return bytesOfText(id)
    return Buffer.from(opensAnswer(id) ? (this.#dialect.opening ?? '') : '')
  }

  specialTokens() {
    return MARKS
  }

  /** Servers make their own. */
  schemaGrammar(): Promise<string> {
    return Promise.resolve('')
  }

  createContext({ cells }: ContextOptions): Promise<NativeContext> {
    return Promise.resolve(new RemoteContext(this.#dialect, this.#server, this.#gate, cells))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/**
 * Connects to a model on a server. Errors: `model-not-found`, `bad-request`, `io`, `cancelled`.
 */
export async function connect(
  place: Place,
  model: string,
  signal: AbortSignal,
  limits: Limits = LIMITS,
): Promise<RemoteModel> {
  const server = new Server(place, limits)
  return new RemoteModel(server, await probe(server, model, signal))
}
