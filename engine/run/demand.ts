import {
  cellsOf,
  copiedCells,
  copiedTokens,
  Placement,
  placeParts,
  readingOf,
  wordsAround,
  type Demand,
  type Lease,
} from '../kv/index.ts'
import { isOpen, reading, type RunState, type Segment } from '../protocol/run-state.ts'
import { decodedTokens, type SegmentId, type Source } from '../protocol/segments.ts'
import { shapeOf } from '../protocol/shapes.ts'
import { PROBE_CELLS } from '../protocol/probes.ts'
import type { View } from '../strategies/index.ts'
import type { Wanted } from './wanted.ts'

/** Functions that compute from a run's state how many cells it has and may still take. */

/** Returns how many tokens these segments may still add. */
export const openTokens = (segments: readonly Segment[]): number =>
  segments
    .filter(isOpen)
    .reduce((sum, { budget, tokens }) => sum + Math.max(1, budget - tokens.length), 0)

/** Returns how many cells a summary's join copies: as the lease is, else if every path were there. */
function copiesOf(source: Source, state: RunState, lease: Lease | null): number {
  if (lease !== null) return lease.copies(source, state)
  const prompt = state.promptTokens.length
  return copiedCells(
    placeParts(source, {
      state,
      placement: new Placement(prompt),
      prompt,
      kvType: state.settings!.engine.kvType,
      holds: () => true,
    }),
  )
}

/** Returns whether a join of a whole path copies its cells. */
export const copiesWhole = (
  { segment, tokens }: Segment,
  state: RunState,
  lease: Lease | null,
): boolean => {
  // The words before it put the path behind the prompt's positions.
  const before = { tokens: Array.from({ length: state.promptTokens.length }, () => 0) }
  const parts = [before, { segment, to: tokens.length }]
  return copiesOf({ type: 'join', layout: 'consecutive', parts }, state, lease) > 0
}

/** Returns the cells that a summary needs for what it decodes, for what it copies and for its own tokens. */
export const needOf = (
  { source, budget }: { source: Source; budget: number },
  state: RunState,
  lease: Lease | null,
): number => decodedTokens(source) + copiesOf(source, state, lease) + budget

/** Returns the cells of these summaries: what they decode and copy, and their own tokens. */
const ownCells = (summaries: readonly Segment[], state: RunState): number =>
  summaries.reduce(
    (sum, { source, tokens }) =>
      sum + decodedTokens(source) + copiesOf(source, state, null) + tokens.length,
    0,
  )

/** Returns the cells that must be restored for these paths and for open summaries before anything is decoded. */
export function missingCells(state: RunState, lease: Lease, needed: readonly SegmentId[]): number {
  const { paths } = state
  const held = ({ segment }: Segment) => lease.seqOf(segment) !== undefined
  const cells = (there: (path: Segment) => boolean) =>
    cellsOf(paths, (path) => (there(path) ? path.tokens.length : 0))
  const back = cells((path) => held(path) || needed.includes(path.segment)) - cells(held)
  return (
    back +
    ownCells(
      reading(state).filter((one) => isOpen(one) && !held(one)),
      state,
    )
  )
}

/** Returns the cells that remain after every open segment has used its budget; may be negative. */
export function spareCells(state: RunState, lease: Lease): number {
  return lease.capacity - lease.used(state) - openTokens(state.paths) - openTokens(reading(state))
}

/** Returns whether a strategy opened a path, not a user's branch. */
const isOwn = ({ parent }: Segment): boolean => parent === null

/** Returns what the run has and may still write, including paths and summaries to come. */
export function demandOf(
  { state, settings, trained, later }: View,
  wanted: readonly Wanted[],
  { lease, thinks }: { lease: Lease | null; thinks: boolean },
): Demand {
  const { groups, size, summaries } = shapeOf(settings, trained)
  const settled = wanted.flatMap(({ source, budget }) =>
    source === undefined ? [] : [needOf({ source, budget }, state, lease)],
  )
  const coming = wanted.filter((one) => one.role === 'summary')
  const ofGroups = [...state.summaries, ...coming].filter(({ group }) => (group ?? null) !== null)
  const open = reading(state).filter(isOpen)
  // Paths of later waves have their cells from the start.
  const unopened = later ? 0 : Math.max(0, groups * size - state.paths.filter(isOwn).length)
  const forks = later || settings.probeEvery === undefined ? 0 : groups * size
  const toCome = !summaries ? 0 : later ? 1 : Math.max(0, groups - ofGroups.length)
  return {
    promptTokens: state.promptTokens.length,
    kept:
      cellsOf(state.paths, ({ status, tokens }) => (status === 'dropped' ? 0 : tokens.length)) +
      ownCells(open, state),
    remaining:
      openTokens(state.paths) +
      unopened * settings.budget +
      forks * PROBE_CELLS +
      openTokens(open) +
      settled.reduce((sum, cells) => sum + cells, 0),
    budget: settings.budget,
    paths: state.paths.length + unopened,
    summaries: toCome + wanted.length - settled.length,
    sequences: state.paths.length + unopened + forks + open.length + wanted.length + toCome,
    summaryBudget: settings.summaryBudget,
    reading: readingOf(state.fusion ?? 'reread', trained),
    words: wordsAround(settings),
    copied: copiedTokens(settings, thinks),
  }
}
