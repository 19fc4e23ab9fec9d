import { isOpen, segmentOf, type RunState } from '../protocol/run-state.ts'
import type { SegmentId, Source } from '../protocol/segments.ts'
import { isReadable, type OpenReader } from '../strategies/index.ts'

/** A segment that waits for those that it reads to end. */
export type Wanted = OpenReader & Waiting

interface Waiting {
  /** What it reads, once that is known. */
  source?: Source | undefined
  /** The instruction in that source; undefined if there is none. */
  asked?: string | undefined
  /** Row of the thought tables of a path. */
  thought?: number
  settling?: true
}

/** Segments that were accepted but are not in the state yet. */
export class WantedSegments {
  #list: Wanted[] = []

  get list(): readonly Wanted[] {
    return this.#list
  }

  add(segment: OpenReader, thought?: number): void {
    this.#list.push({ ...segment, ...(thought !== undefined && { thought }) })
  }

  /** Removes a segment that waits; returns false if it does not. */
  cancel(segment: SegmentId): boolean {
    const before = this.#list.length
    this.#list = this.#list.filter((other) => other.segment !== segment)
    return this.#list.length < before
  }

  remove(summary: Wanted): void {
    this.#list = this.#list.filter((other) => other !== summary)
  }

  clear(): void {
    this.#list = []
  }

  /**
   * Returns the summaries whose segments have all ended. Segments that were dropped or failed are
   * not read. `empty` counts the summaries that were removed because nothing was left to read.
   */
  ready(state: RunState): { ready: Wanted[]; empty: number } {
    const ready = this.#list.filter(({ reads }) => !reads.some((one) => thinks(state, one)))
    // A path that thinks on has other cells when it ends.
    for (const summary of this.#list) if (!ready.includes(summary)) summary.source = undefined
    for (const summary of ready) {
      const reads = summary.reads.filter((one) => readable(state, one))
      if (reads.length < summary.reads.length) Object.assign(summary, { reads, source: undefined })
    }
    // A judge of one text has nothing to compare.
    const empty = ready.filter(({ role, reads }) => reads.length < (role === 'judge' ? 2 : 1))
    for (const summary of empty) this.remove(summary)
    return {
      ready: ready.filter((summary) => !empty.includes(summary)),
      empty: empty.filter(({ role }) => role === 'summary').length,
    }
  }
}

function thinks(state: RunState, segment: SegmentId): boolean {
  const one = segmentOf(state, segment)
  return one !== undefined && isOpen(one)
}

function readable(state: RunState, segment: SegmentId): boolean {
  const one = segmentOf(state, segment)
  return one !== undefined && isReadable(one)
}
