import type { Lease } from '../kv/index.ts'
import type { LoadedModel } from '../models/index.ts'
import { extractAnswer } from '../prompt/index.ts'
import type { EventDraft } from '../protocol/events.ts'
import { MAX_SEGMENTS } from '../protocol/limits.ts'
import { isOpen, segmentOf, type RunState, type Segment } from '../protocol/run-state.ts'
import { segmentId, type SegmentId } from '../protocol/segments.ts'
import { thoughtIn } from '../protocol/thoughts.ts'
import type { Token } from '../protocol/tokens.ts'
import { ANSWER_TOKENS, PROBE_CELLS } from '../protocol/probes.ts'
import type { Probing } from '../strategies/index.ts'
import type { Decoding } from './decoding.ts'
import { streamId, type Streamed } from './streams.ts'

/**
 * Asks paths for their answer on the way (docs/strategies.md): a fork of the path's first tokens
 * reads the beginning of an answer, writes its end, and is removed. The path goes on beside it.
 */

/** What an answer begins with; the model writes what is in the box. */
const OPENING = '\n\nThe final answer is \\boxed{'

/** A fork that is being decoded. The run's state does not have it. */
interface Fork extends Probing {
  stream: Pick<Segment, 'segment' | 'role' | 'number'>
  /** Tokens that were prefilled. */
  read: number
  written: Token[]
  /** Asked to end, since the box is closed. */
  closed: boolean
}

export interface ProbesOptions {
  emit: (event: EventDraft) => void
  /** Reserves cells for forks; false if there are none. */
  room: (cells: number) => boolean
}

export class Probes {
  readonly #options: ProbesOptions
  /** Asked for, by path. A later question replaces an earlier one that could not begin. */
  readonly #asked = new Map<SegmentId, Probing>()
  readonly #forks = new Map<SegmentId, Fork>()
  /** Ended, with cells that are still to be removed. */
  readonly #over = new Set<SegmentId>()
  #count = 0

  constructor(options: ProbesOptions) {
    this.#options = options
  }

  /** The questions that were asked and are not answered. */
  get list(): readonly Probing[] {
    return [...this.#asked.values(), ...this.#forks.values()]
  }

  /** Cells that forks have or may still take. */
  get cells(): number {
    return this.#forks.size * PROBE_CELLS
  }

  ask(probing: Probing): void {
    this.#asked.set(probing.segment, probing)
  }

  forget(): void {
    this.#asked.clear()
  }

  /** Returns whether a stream of a decode is a fork. */
  has(segment: SegmentId): boolean {
    return this.#forks.has(segment)
  }

  /**
   * Returns the streams of the forks for which there is room. `beside`: paths that are being decoded;
   * of the others, those that have ended can be asked.
   */
  begin(
    beside: Pick<Decoding, 'has'> | null,
    model: LoadedModel,
    lease: Lease,
    state: RunState,
  ): Streamed[] {
    return [...this.#asked.values()].flatMap((probing): Streamed[] => {
      const { segment, after } = probing
      const path = segmentOf(state, segment)
      if (path === undefined || !isAskable(path, state)) {
        this.#asked.delete(segment)
        return []
      }
      const seq = lease.seqOf(segment)
      const there = seq !== undefined && lease.partial && lease.isHome(segment)
      if (!there && !isOpen(path)) this.#silent(probing)
      if (isOpen(path) && !lease.partial) this.#silent(probing)
      if (!there || (isOpen(path) && beside?.has(segment) !== true)) return []
      const fits = lease.freeSequences >= 2 && this.#options.room(PROBE_CELLS)
      if (!fits || path.tokens.length < after) return []
      this.#asked.delete(segment)
      return [this.#fork(probing, path, seq, model, lease, state)]
    })
  }

  /** Nothing is decoded any more: what could not be asked until now never can. */
  giveUp(): void {
    for (const probing of [...this.#asked.values()]) this.#silent(probing)
  }

  /** The path cannot be asked. */
  #silent({ segment, after }: Probing): void {
    this.#asked.delete(segment)
    this.#options.emit({ type: 'probe', segment, after, answer: null, tokens: 0 })
  }

  #fork(
    probing: Probing,
    path: Segment,
    seq: number,
    model: LoadedModel,
    lease: Lease,
    state: RunState,
  ): Streamed {
    const tokens = openingOf(path, probing.after, model, state)
    // Numbers above those that segments of the run may have, used again after a while.
    const number = MAX_SEGMENTS + 1 + (this.#count++ % (1 << 16))
    const segment = { segment: segmentId('probe', number), role: 'probe' as const, number }
    const { sampling, seed } = state.settings!
    const thought = lease.thought(path.thought)
    const fork = { ...probing, stream: segment, read: tokens.length, written: [], closed: false }
    this.#forks.set(segment.segment, fork)
    return {
      segment,
      stream: {
        id: streamId(segment),
        seq: lease.claim(segment.segment),
        thought,
        parts: [
          { from: seq, end: lease.offset(path, state) + probing.after },
          { tokens, thought },
        ],
        forced: [],
        budget: ANSWER_TOKENS,
        cells: PROBE_CELLS,
        // The likeliest answer, so that a probe draws no random numbers.
        sampler: { ...sampling, temperature: 0, repetitionPenalty: 1, seed },
        masked: model.tokens.masked,
        stops: model.tokens.pathStops,
        endToken: -1,
        group: streamId(segment),
        history: [],
      },
    }
  }

  /** Takes what a fork wrote, and ends it once its box is closed. */
  wrote(segment: SegmentId, tokens: readonly Token[], decoding: Decoding): void {
    const fork = this.#forks.get(segment)!
    fork.written.push(...tokens)
    if (fork.closed || answerOf(fork) === null) return
    fork.closed = true
    decoding.stop(fork.stream, 'cut')
  }

  /** A fork has ended: records its answer, unless its decode broke off. */
  ended(segment: SegmentId, whole: boolean): void {
    const fork = this.#forks.get(segment)!
    this.#forks.delete(segment)
    this.#over.add(segment)
    if (!whole) return
    this.#options.emit({
      type: 'probe',
      segment: fork.segment,
      after: fork.after,
      answer: answerOf(fork),
      tokens: fork.read + fork.written.length,
    })
  }

  /** Removes the cells of forks that have ended, between two steps of the decode. */
  sweep(decoding: Decoding, lease: Lease): void {
    for (const segment of this.#over) {
      const seq = lease.seqOf(segment)
      if (seq !== undefined && !decoding.remove(seq)) continue
      lease.forget(segment)
      this.#over.delete(segment)
    }
  }

  /** After a decode: removes what is left of its forks. */
  async clear(lease: Lease | null): Promise<void> {
    const left = [...this.#forks.keys(), ...this.#over]
    this.#forks.clear()
    this.#over.clear()
    for (const segment of left) await lease?.remove(segment)
  }
}

/** Returns whether a path may be asked: also after its end, if its answers are only recorded. */
const isAskable = ({ status }: Segment, { settings }: RunState): boolean =>
  settings?.stop === undefined ? status !== 'dropped' && status !== 'failed' : isOpen({ status })

/** Returns what a fork reads behind its path's tokens: the end of a thought that is open, and the opening. */
function openingOf(
  { tokens, text }: Segment,
  after: number,
  { native, plain, thought: marks }: LoadedModel,
  { thought }: RunState,
): number[] {
  let length = 0
  for (let i = tokens.length - 1; i >= after; i--) length += tokens.at(i)!.text.length
  const open = thoughtIn(text.slice(0, text.length - length), thought)
  const close = thought?.closes[0]
  const closes = open !== null && open.answer === null && close !== undefined && marks !== undefined
  const closing = closes ? native.tokenize(`\n${close}`, { special: true, bos: false }) : []
  return [...closing, ...plain(OPENING, true)]
}

function answerOf({ written }: Fork): string | null {
  const text = written.map((token) => token.text).join('')
  const found = extractAnswer(`\\boxed{${text}`)
  return found !== null && found.kind === 'boxed' ? found.text : null
}
