import type { DecodeOptions, NativeContext, NativeDecode, StreamOptions } from '../native/index.ts'
import type { EndReason, SegmentId, Token } from '../protocol/events.ts'
import type { Segment } from '../protocol/run-state.ts'
import { streamId } from './streams.ts'

/** A segment and its stream in a decode. */
export interface Streamed {
  segment: Pick<Segment, 'segment' | 'role' | 'number'>
  stream: StreamOptions
}

export interface SegmentEnd {
  segment: SegmentId
  reason: EndReason
  error?: { code: string; message: string }
}

export interface DecodingOptions extends Pick<
  DecodeOptions,
  'finish' | 'cells' | 'logprobs' | 'alternatives' | 'confidence'
> {
  onTokens: (segment: SegmentId, tokens: Token[]) => void
  onEnd: (end: SegmentEnd) => void
  /** Called with how much of what it reads a segment has read, 0..1. */
  onReading: (segment: SegmentId, fraction: number) => void
  /** Called when other programs begin to use the processors of some threads; see `DecodeBatch`. */
  onCrowded: (threads: number) => void
  /** Called after each reported batch. */
  onBatch: () => void
}

/** A native decode whose streams are addressed by segment. */
export class Decoding {
  readonly #native: NativeDecode
  readonly #segments = new Map<number, SegmentId>()
  readonly #live = new Set<SegmentId>()

  constructor(context: NativeContext, streams: readonly Streamed[], options: DecodingOptions) {
    const { onTokens, onEnd, onReading, onCrowded, onBatch, ...rest } = options
    for (const { segment } of streams) this.#note(segment)
    this.#native = context.decode({
      ...rest,
      streams: streams.map(({ stream }) => stream),
      onBatch: ({ tokens, ended, reading = [], crowded }) => {
        for (const read of reading)
          onReading(this.#segments.get(read.id)!, read.done / read.tokens)
        if (crowded !== undefined) onCrowded(crowded)
        for (const batch of tokens) onTokens(this.#segments.get(batch.id)!, batch.tokens)
        for (const { id, reason, error } of ended) {
          const segment = this.#segments.get(id)!
          this.#live.delete(segment)
          onEnd({ segment, reason, error })
        }
        onBatch()
      },
    })
  }

  /** Resolves once every stream has ended and was reported. */
  get done(): Promise<unknown> {
    return this.#native.done
  }

  /** Returns whether the segment is being decoded: its end was not reported yet. */
  has(segment: SegmentId): boolean {
    return this.#live.has(segment)
  }

  /** Adds a stream. Returns false, without effect, if the decode is over. */
  add({ segment, stream }: Streamed): boolean {
    if (!this.#native.add(stream)) return false
    this.#note(segment)
    return true
  }

  stop(segment: Streamed['segment'], reason: 'stopped' | 'cut'): void {
    this.#native.stop(streamId(segment), reason)
  }

  /** `cells`: reserved for the stream in addition to those that it has. */
  extend(segment: Segment, tokens: number, cells: number): void {
    this.#native.extend(streamId(segment), tokens, cells)
  }

  /** Removes a sequence's cells and ends its stream. Returns false if the decode is over. */
  remove(seq: number): boolean {
    return this.#native.remove(seq)
  }

  cancel(): void {
    this.#native.cancel()
  }

  #note(segment: Streamed['segment']): void {
    this.#segments.set(streamId(segment), segment.segment)
    this.#live.add(segment.segment)
  }
}
