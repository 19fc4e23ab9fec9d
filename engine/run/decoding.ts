import type { DecodeOptions, NativeContext, NativeDecode, NativeToken } from '../native/index.ts'
import type { EndReason, SegmentId, Token } from '../protocol/events.ts'
import type { Segment } from '../protocol/run-state.ts'
import { streamId, type Streamed } from './streams.ts'

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
  /** The members of merged answers. */
  readonly #members = new Map<SegmentId, readonly SegmentId[]>()

  constructor(context: NativeContext, streams: readonly Streamed[], options: DecodingOptions) {
    const { onTokens, onEnd, onReading, onCrowded, onBatch, ...rest } = options
    for (const { segment } of streams) this.#note(segment)
    this.#native = context.decode({
      ...rest,
      streams: streams.flatMap(allOf),
      groups: streams.flatMap(ruleOf),
      onBatch: ({ tokens, ended, reading = [], crowded }) => {
        for (const { id, done, tokens: all } of reading) {
          const segment = this.#segments.get(id)
          if (segment !== undefined) onReading(segment, done / all)
        }
        if (crowded !== undefined) onCrowded(crowded)
        for (const batch of tokens) {
          const segment = this.#segments.get(batch.id)!
          onTokens(segment, tokensOf(batch.tokens, this.#members.get(segment)))
        }
        for (const { id, reason, error } of ended) {
          const segment = this.#segments.get(id)
          if (segment === undefined) continue // a member ends with its merged answer
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
  add(streamed: Streamed): boolean {
    for (const rule of ruleOf(streamed)) this.#native.setGroup(rule)
    const [first, ...others] = allOf(streamed)
    if (!this.#native.add(first!)) return false
    this.#note(streamed.segment)
    for (const other of others) this.#native.add(other)
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
    if (segment.source?.type === 'merge') this.#members.set(segment.segment, segment.source.of)
  }
}

const allOf = ({ stream, others = [] }: Streamed) => [stream, ...others]

/** Returns the rule of a merged answer's group; the other streams have the decode's. */
const ruleOf = ({ stream, others = [] }: Streamed) =>
  others.length === 0 ? [] : [{ id: stream.group, finish: 0, merge: 1 + others.length }]

/** Returns tokens as events hold them. `of`: the members of a merged answer. */
function tokensOf(tokens: readonly NativeToken[], of: readonly SegmentId[] = []): Token[] {
  return tokens.map(({ id, members, ...token }) => ({
    ...(id >= 0 && { id }),
    ...token,
    ...(members !== undefined && {
      members: members.flatMap((logprob, i) =>
        logprob === null ? [] : [{ segment: of[i]!, logprob }],
      ),
    }),
  }))
}
