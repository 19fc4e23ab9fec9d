import type {
  DecodeBatch,
  DecodeOptions,
  DecodeResult,
  GroupOptions,
  NativeDecode,
  NativeToken,
  StreamEndReason,
  StreamOptions,
} from '../native/index.ts'
import { type BraidError, fail, toBraidError } from '../protocol/errors.ts'
import { read } from './chat.ts'
import { NO_ID, type Ask, type Dialect, type Piece } from './dialect.ts'
import type { Gate } from './gate.ts'
import type { Server } from './server.ts'

/** Milliseconds between two reports. */
const REPORT = 30
/** The most events in a row without a token. */
const EMPTY = 64

interface Stream {
  options: StreamOptions
  /** Ends its requests. */
  abort: AbortController
  budget: number
  /** Tokens that were reported or wait to be. */
  count: number
  /** Set by a command: why it is to end. */
  asked: StreamEndReason | null
  ended: boolean
}

/**
 * Streams that a server decodes, each a request. What the server wrote is appended to the sequence;
 * if the connection breaks, the next request continues behind it, where the server takes ids.
 */
export class RemoteDecode implements NativeDecode {
  readonly done: Promise<DecodeResult>
  readonly #dialect: Dialect
  readonly #server: Server
  readonly #gate: Gate
  readonly #sequences: Map<number, number[]>
  readonly #options: DecodeOptions
  readonly #streams = new Map<number, Stream>()
  readonly #groups = new Map<number, GroupOptions>()
  /** By group: the streams that ended by themselves. */
  readonly #finished = new Map<number, Set<number>>()
  readonly #began = performance.now()
  #batch: DecodeBatch = { tokens: [], ended: [], paused: [] }
  #timer: NodeJS.Timeout | undefined
  #resolve!: (result: DecodeResult) => void
  #over = false
  #firstTokenMs = 0
  #steps = 0

  constructor(
    dialect: Dialect,
    server: Server,
    gate: Gate,
    sequences: Map<number, number[]>,
    options: DecodeOptions,
  ) {
    this.#dialect = dialect
    this.#server = server
    this.#gate = gate
    this.#sequences = sequences
    this.#options = options
    this.done = new Promise((resolve) => (this.#resolve = resolve))
    for (const group of options.groups ?? []) this.#groups.set(group.id, group)
    for (const stream of options.streams) this.add(stream)
    this.#soon()
  }

  add(options: StreamOptions): boolean {
    if (this.#over) return false
    const stream: Stream = {
      options,
      abort: new AbortController(),
      budget: options.budget,
      count: 0,
      asked: null,
      ended: false,
    }
    this.#streams.set(options.id, stream)
    this.#finished.get(options.group)?.delete(options.id)
    this.#run(stream).catch((error: unknown) => this.#end(stream, 'failed', toBraidError(error)))
    return true
  }

  stop(id: number, reason: 'stopped' | 'cut'): boolean {
    const stream = this.#streams.get(id)
    if (stream !== undefined) this.#ask(stream, reason)
    return !this.#over
  }

  extend(id: number, tokens: number): boolean {
    const stream = this.#streams.get(id)
    if (stream?.ended === false) stream.budget += tokens
    return !this.#over
  }

  remove(seq: number): boolean {
    if (this.#over) return false
    for (const stream of this.#streams.values())
      if (stream.options.seq === seq) this.#ask(stream, 'stopped')
    this.#sequences.delete(seq)
    return true
  }

  resume(): boolean {
    return false
  }

  setGroup(group: GroupOptions): boolean {
    this.#groups.set(group.id, { ...this.#groups.get(group.id), ...group })
    return !this.#over
  }

  cancel(): void {
    for (const stream of this.#streams.values()) this.#ask(stream, 'cancelled')
  }

  /** Ends a stream, if a command did not end it already. */
  #ask(stream: Stream, reason: StreamEndReason): void {
    if (stream.ended) return
    stream.asked = reason
    stream.abort.abort()
    this.#end(stream, reason)
  }

  #rule({
    options: { group },
  }: Stream): Required<Pick<DecodeOptions, 'finish' | 'alternatives' | 'confidence'>> {
    const { finish, alternatives, confidence = false } = this.#options
    return { finish, alternatives, confidence, ...this.#groups.get(group) }
  }

  async #run(stream: Stream): Promise<void> {
    const { options, abort } = stream
    const { seq, branch, parts, forced, silent = 0 } = options
    const own = this.#begin(branch, parts, seq)
    this.#sequences.set(seq, own)
    for (const [i, id] of Array.from(forced).entries()) {
      const text = i < silent ? '' : await this.#textOf(id, abort.signal)
      own.push(id)
      if (i < silent) continue
      this.#report(stream, { id, text, logprob: null, entropy: null, forced: true })
    }
    // What was written ends a stream at its budget; an extension goes on behind it.
    while (!stream.ended) {
      if (stream.count >= stream.budget) return this.#end(stream, 'budget')
      const reason = await this.#gate.pass(abort.signal, () => this.#write(stream, own))
      if (reason === 'finished') return this.#end(stream, 'finished')
      if (stream.count < stream.budget) return this.#end(stream, 'overflow')
    }
  }

  #begin(branch: StreamOptions['branch'], parts: StreamOptions['parts'], seq: number): number[] {
    const of = (one: number) => this.#sequences.get(one) ?? []
    if (branch !== undefined) return of(branch.from).slice(0, branch.end)
    if (parts === undefined) return of(seq)
    return parts.flatMap((part) => {
      if ('tokens' in part) return Array.from(part.tokens)
      // Cells that are moved are a join's.
      if (part.place === 'move' || part.place === 'copy') throw fail('cannot-join/server')
      return of(part.from).slice(part.start, part.end)
    })
  }

  /** Asks the server to go on until it ends the text or the budget is used. */
  async #write(stream: Stream, own: number[]): Promise<'finished' | 'length'> {
    const { signal } = stream.abort
    const { sampler } = stream.options
    let before = stream.count
    const attempt = async (): Promise<'finished' | 'length'> => {
      const pieces = this.#dialect.write(this.#asking(stream, own, sampler), signal)
      let empty = 0
      for await (const piece of pieces) {
        if ('end' in piece) return piece.end
        this.#take(stream, own, piece)
        if (stream.ended) return 'finished'
        if (stream.count >= stream.budget) return 'length'
        empty = piece.tokens.length === 0 ? empty + 1 : 0
        if (empty > EMPTY) throw this.#server.broken('no tokens')
      }
      return 'finished'
    }
    const progress = () => {
      const went = stream.count > before
      before = stream.count
      // A chat cannot be continued: what came before the break would be written again.
      if (went && !this.#dialect.can.tokens)
        throw fail('io/server-broke', { server: this.#server.url })
      return went
    }
    return this.#server.insist(attempt, signal, progress)
  }

  #asking(stream: Stream, own: readonly number[], sampler: StreamOptions['sampler']): Ask {
    const { alternatives, confidence } = this.#rule(stream)
    const likely = Math.max(
      1,
      alternatives > 0 ? Math.max(2, alternatives) : 0,
      confidence ? 20 : 0,
    )
    return {
      written: read(own),
      budget: stream.budget - stream.count,
      // A request that goes on behind others must not repeat their random numbers.
      sampler: { ...sampler, seed: (sampler.seed + stream.count) >>> 0 },
      likely: this.#dialect.can.logprobs ? likely : 0,
      schema: stream.options.grammar?.schema,
    }
  }

  #take(stream: Stream, own: number[], { tokens }: Extract<Piece, { tokens: unknown }>): void {
    const { alternatives, confidence } = this.#rule(stream)
    for (const token of tokens) {
      if (stream.ended || stream.count >= stream.budget) return
      const { alternatives: likely, confidence: sure, ...plain } = token
      if (token.id !== NO_ID) own.push(token.id)
      this.#report(stream, {
        ...plain,
        ...(alternatives > 0 &&
          likely !== undefined && { alternatives: likely.slice(0, alternatives) }),
        ...(confidence && sure !== undefined && { confidence: sure }),
      })
    }
  }

  #textOf(id: number, signal: AbortSignal): Promise<string> {
    const { textOf } = this.#dialect
    if (textOf === undefined) throw fail('bad-combination/server-continue')
    return textOf.call(this.#dialect, id, signal)
  }

  #report(stream: Stream, token: NativeToken): void {
    if (stream.ended) return
    stream.count++
    this.#steps++
    if (this.#firstTokenMs === 0) this.#firstTokenMs = performance.now() - this.#began
    const { id } = stream.options
    const last = this.#batch.tokens.find((batch) => batch.id === id)
    if (last === undefined) this.#batch.tokens.push({ id, tokens: [token] })
    else last.tokens.push(token)
    this.#soon()
  }

  #end(stream: Stream, reason: StreamEndReason, error?: BraidError): void {
    if (stream.ended) return
    stream.ended = true
    stream.abort.abort()
    const { id, group } = stream.options
    const failure = error?.code === 'cancelled' ? undefined : error
    this.#batch.ended.push({
      id,
      reason: error !== undefined && failure === undefined ? 'cancelled' : reason,
      ...(failure !== undefined && {
        error: { code: failure.code, message: failure.message, ...failure.detail },
      }),
    })
    if (reason === 'finished' || reason === 'budget') this.#finish(stream, group, id)
    this.#soon()
  }

  /** Cuts the rest of a group once enough of its streams have ended by themselves. */
  #finish(stream: Stream, group: number, id: number): void {
    const { finish } = this.#rule(stream)
    const finished = this.#finished.get(group) ?? new Set()
    this.#finished.set(group, finished.add(id))
    if (finish === 0 || finished.size < finish) return
    for (const other of this.#streams.values())
      if (other.options.group === group) this.#ask(other, 'cut')
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => this.#tell(), REPORT)
  }

  #tell(): void {
    this.#timer = undefined
    const batch = this.#batch
    this.#batch = { tokens: [], ended: [], paused: [] }
    if (batch.tokens.length > 0 || batch.ended.length > 0) this.#options.onBatch(batch)
    // What was told may have added streams.
    if (this.#timer !== undefined || [...this.#streams.values()].some(({ ended }) => !ended)) return
    this.#over = true
    const ms = performance.now() - this.#began
    this.#resolve({ steps: this.#steps, ms, firstTokenMs: this.#firstTokenMs })
  }
}
