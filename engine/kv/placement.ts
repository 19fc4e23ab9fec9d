import type { KvType } from '../protocol/request.ts'
import type { RunState, Segment } from '../protocol/run-state.ts'
import { isOpen } from '../protocol/run-state.ts'
import type { SegmentId } from '../protocol/segments.ts'
import { isQuantised } from './size.ts'
import { ancestry, homeOf, isJoined, sharedTokens } from './sharing.ts'

/**
 * Where the cells of a run's paths are. A join with layout `consecutive` puts paths one behind
 * another, but a cell has one position for all sequences that hold it. So a join moves the cells of
 * a path that nobody else holds, and copies others.
 */

/** Cells that a join moved: the summary that shares them holds them as well as the path does. */
interface Move {
  offset: number
  /** Where they were before. */
  home: number
  /** The summary whose sequence holds the cells; undefined once it is gone. */
  holder: SegmentId | undefined
  cells: number
  /** The summary that moved them, until it is known that it began. */
  unsure: SegmentId | undefined
}

export class Placement {
  readonly #moves = new Map<SegmentId, Move>()
  /** Cells that only a summary's sequence holds: its copies, and moved cells that their path left. */
  readonly #copied = new Map<SegmentId, number>()

  /** Returns the position of a path's token 0. */
  offset(path: Segment, state: RunState): number {
    return this.#moves.get(path.segment)?.offset ?? homeOf(path, state)
  }

  /** Returns whether a path's cells are where it can continue and be branched. */
  isHome(segment: SegmentId): boolean {
    const move = this.#moves.get(segment)
    return move === undefined || move.offset === move.home
  }

  /** Returns the summary that shares a path's cells since it moved them. */
  holderOf(segment: SegmentId): SegmentId | undefined {
    return this.#moves.get(segment)?.holder
  }

  /** Returns how many cells only a summary's sequence holds, besides those that it decoded. */
  copied(summary: SegmentId): number {
    return this.#copied.get(summary) ?? 0
  }

  /** Records the cells that a summary moves and copies, in place of what it held. */
  join(summary: SegmentId, placed: readonly Placed[]): void {
    this.#release(summary)
    for (const { segment, place, cells, target: offset, home } of placed)
      if (place === 'move')
        this.#moves.set(segment, { offset, home, holder: summary, cells, unsure: summary })
    this.#copied.set(summary, copiedCells(placed))
  }

  /**
   * Returns the moved paths of which it is not known whether their summary began, and so where they
   * are. `began`: whether a summary has tokens.
   */
  unsure(began: (summary: SegmentId) => boolean): SegmentId[] {
    for (const move of this.#moves.values())
      if (move.unsure !== undefined && began(move.unsure)) move.unsure = undefined
    return [...this.#moves].flatMap(([path, { unsure }]) => (unsure === undefined ? [] : [path]))
  }

  /** Records where an unsure path was found. */
  found(segment: SegmentId, offset: number): void {
    const move = this.#moves.get(segment)
    if (move === undefined) return
    move.offset = offset
    move.unsure = undefined
  }

  /** Records that a path's cells are at home again; its summary keeps those that it holds. */
  cameHome(segment: SegmentId): void {
    const move = this.#moves.get(segment)
    this.#moves.delete(segment)
    if (move?.holder !== undefined)
      this.#copied.set(move.holder, this.copied(move.holder) + move.cells)
  }

  /** Records that a segment's sequence is gone. */
  forget(segment: SegmentId): void {
    this.cameHome(segment)
    this.#release(segment)
  }

  #release(summary: SegmentId): void {
    this.#copied.delete(summary)
    for (const move of this.#moves.values()) if (move.holder === summary) move.holder = undefined
  }
}

/** A path's part of a join, placed. */
export interface Placed {
  segment: SegmentId
  place: 'move' | 'copy'
  /** The positions of its cells before the join, [start, end). */
  start: number
  end: number
  cells: number
  /** Position of the path's token 0 in the join, and where it is unless a join moves it. */
  target: number
  home: number
}

export interface PlacingRules {
  state: RunState
  placement: Placement
  /** Number of tokens of the prompt. */
  prompt: number
  kvType: KvType
  holds: (segment: SegmentId) => boolean
}

/** A segment that reads a source. */
export type Reader = Pick<Segment, 'role' | 'source'>

/**
 * Returns where each path's part of a join goes and whether its cells are moved or copied. A summary
 * moves them if the whole path is joined, K is not quantised, the path has ended and reads no others,
 * and no other segment holds any of its cells. A path or a judge copies them, since several of them
 * read the same ones. Empty for other sources.
 */
export function placeParts({ role, source }: Reader, rules: PlacingRules): Placed[] {
  const { state, placement, prompt } = rules
  const parts = source.type === 'join' && source.layout === 'consecutive' ? source.parts : []
  const times = (segment: SegmentId) =>
    parts.filter((part) => 'segment' in part && part.segment === segment).length
  const placed: Placed[] = []
  let at = 0
  for (const part of parts) {
    if ('segment' in part) {
      const segment = part.segment as SegmentId
      const path = ancestry.find(state.paths, segment)
      const length = path?.tokens.length ?? 0
      const from = (part.from as number | undefined) ?? 0
      const to = (part.to as number | undefined) ?? length
      const target = at - from
      const whole = path !== undefined && from === 0 && to === length
      // The prompt's cells, which the path's sequence also holds, must not be in the moved range.
      const free = role === 'summary' && whole && target >= prompt && mayMove(path, rules)
      const home = path === undefined ? prompt : homeOf(path, state)
      const offset = path === undefined ? prompt : placement.offset(path, state)
      placed.push({
        segment,
        place: free && times(segment) === 1 ? 'move' : 'copy',
        start: offset + from,
        end: offset + to,
        cells: to - from,
        target,
        home,
      })
      at += to - from
    } else if ('tokens' in part) at += (part.tokens as number[]).length
    else at += (part.to as number | undefined) ?? prompt
  }
  return placed
}

function mayMove(path: Segment, { state, placement, kvType, holds }: PlacingRules): boolean {
  if (
    isJoined(state.paths, path) ||
    isQuantised(kvType) ||
    isOpen(path) ||
    placement.holderOf(path.segment) !== undefined
  )
    return false
  return !state.paths.some(
    (other) =>
      other !== path &&
      (holds(other.segment) || isOpen(other)) &&
      sharedTokens(state.paths, path, other) > 0,
  )
}

/** Returns how many cells a join copies. */
export const copiedCells = (placed: readonly Placed[]): number =>
  placed.reduce((sum, { place, cells }) => sum + (place === 'copy' ? cells : 0), 0)
