import type { EventOf } from './events.ts'
import { isOpen, listOf, type RunState, type Segment } from './run-state.ts'
import { numberOf, roleOf, type SegmentId } from './segments.ts'

/**
 * A run that is being folded. It copies what it changes once, however many events follow, so that a
 * fold is linear in its events. Only fold.ts uses it.
 */

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type List = ReturnType<typeof listOf>

export class Draft {
  /** The state without its lists of segments and its notices, which `finished` puts there. */
  readonly run: Mutable<RunState>
  readonly #lists: Record<List, SegmentList>
  #notices: EventOf<'notice'>[] | undefined
  #probes: EventOf<'probe'>[] | undefined
  /** The open segments; undefined until they are asked for. */
  #open: Set<SegmentId> | undefined

  constructor(state: RunState) {
    this.run = { ...state }
    this.#lists = {
      paths: new SegmentList(state.paths, true),
      summaries: new SegmentList(state.summaries, true),
      others: new SegmentList(state.others, false),
    }
  }

  segment(id: SegmentId): Segment | undefined {
    return this.#listOf(id).get(id)
  }

  /** Adds a segment. It replaces an earlier one with the same address. */
  put(segment: Segment): void {
    this.#listOf(segment.segment).put(segment)
    this.#note(segment)
  }

  /** Replaces a segment, if it exists. */
  change(id: SegmentId, how: (old: Segment) => Segment): void {
    const list = this.#listOf(id)
    const old = list.get(id)
    if (old === undefined) return
    const next = how(old)
    list.put(next)
    this.#note(next)
  }

  notice(event: EventOf<'notice'>): void {
    this.#notices ??= [...this.run.notices]
    this.#notices.push(event)
  }

  probe(event: EventOf<'probe'>): void {
    this.#probes ??= [...this.run.probes]
    this.#probes.push(event)
  }

  /**
   * Marks open segments of a finished run as interrupted: they have no end because the engine died.
   */
  halt(): void {
    this.#open ??= new Set(
      Object.values(this.#lists).flatMap((list) =>
        list.items.filter(isOpen).map(({ segment }) => segment),
      ),
    )
    for (const id of this.#open) {
      const list = this.#listOf(id)
      list.put({ ...list.get(id)!, status: 'interrupted' })
    }
    this.#open.clear()
  }

  /** Returns the state; the draft may not be used afterwards. */
  finished(): RunState {
    const { paths, summaries, others } = this.#lists
    this.run.paths = paths.finished()
    this.run.summaries = summaries.finished()
    this.run.others = others.finished()
    if (this.#notices !== undefined) this.run.notices = this.#notices
    if (this.#probes !== undefined) this.run.probes = this.#probes
    return this.run
  }

  #listOf(id: SegmentId): SegmentList {
    return this.#lists[listOf(roleOf(id))]
  }

  #note(segment: Segment): void {
    if (isOpen(segment)) this.#open?.add(segment.segment)
    else this.#open?.delete(segment.segment)
  }
}

/** A list of segments, which is copied when it first changes and keeps its identity otherwise. */
class SegmentList {
  #items: readonly Segment[]
  #own: Segment[] | undefined
  /** Where each segment is; undefined until a number does not tell. */
  #places: Map<SegmentId, number> | undefined
  #sorted = true
  readonly #byNumber: boolean

  /** `byNumber`: the finished list is in order of numbers, else in the order of `put`. */
  constructor(items: readonly Segment[], byNumber: boolean) {
    this.#items = items
    this.#byNumber = byNumber
  }

  get items(): readonly Segment[] {
    return this.#items
  }

  get(id: SegmentId): Segment | undefined {
    return this.#items[this.#placeOf(id, numberOf(id))]
  }

  put(segment: Segment): void {
    this.#items = this.#own ??= [...this.#items]
    const place = this.#placeOf(segment.segment, segment.number)
    if (place >= 0) {
      this.#own[place] = segment
      return
    }
    if ((this.#own.at(-1)?.number ?? 0) > segment.number) this.#sorted = false
    this.#places?.set(segment.segment, this.#own.length)
    this.#own.push(segment)
  }

  finished(): readonly Segment[] {
    if (!this.#sorted && this.#byNumber) this.#own!.sort((a, b) => a.number - b.number)
    return this.#items
  }

  /** Returns the index of a segment, or -1. Numbers are normally dense from 1, so they tell it. */
  #placeOf(id: SegmentId, number: number): number {
    if (this.#items[number - 1]?.segment === id) return number - 1
    const last = this.#items.at(-1)?.number ?? 0
    if (this.#byNumber && this.#sorted && last < number) return -1
    this.#places ??= new Map(this.#items.map(({ segment }, i) => [segment, i]))
    return this.#places.get(id) ?? -1
  }
}
