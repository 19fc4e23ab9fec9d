import {
  cellsOf,
  copiedCells,
  copiedTokens,
  joinedCells,
  judgeCells,
  Placement,
  placeParts,
  readingOf,
  sourceCells,
  wordsAround,
  type Demand,
  type Lease,
  type Reader,
} from '../kv/index.ts'
import { isChild } from '../protocol/forks.ts'
import { judgesOf, latestJudged } from '../protocol/judges.ts'
import { isOpen, reading, type RunState, type Segment } from '../protocol/run-state.ts'
import { decodedTokens, widthOf, type SegmentId, type Source } from '../protocol/segments.ts'
import { judgesPerRound, roomFor, shapeOf } from '../protocol/shapes.ts'
import { PROBE_CELLS } from '../protocol/probes.ts'
import { latestRound, type View } from '../strategies/index.ts'
import type { Wanted } from './wanted.ts'

/** Functions that compute from a run's state how many cells it has and may still take. */

/** Returns how many tokens these segments may still add. */
export const openTokens = (segments: readonly Segment[]): number =>
  segments
    .filter(isOpen)
    .reduce(
      (sum, { budget, tokens, source }) =>
        sum + widthOf(source) * Math.max(1, budget - tokens.length),
      0,
    )

/** Returns how many cells a segment's join copies: as the lease is, else if every path were there. */
function copiesOf(reader: Reader, state: RunState, lease: Lease | null): number {
  if (lease !== null) return lease.copies(reader, state)
  return copiedCells(
    placeParts(reader, {
      state,
      placement: new Placement(),
      prompt: state.promptTokens.length,
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
  const source: Source = { type: 'join', layout: 'consecutive', parts }
  return copiesOf({ role: 'summary', source }, state, lease) > 0
}

/** Returns the cells that a segment needs for what it decodes, for what it copies and for its own tokens. */
export const needOf = (
  reader: Reader & { budget: number },
  state: RunState,
  lease: Lease | null,
): number =>
  decodedTokens(reader.source) +
  copiesOf(reader, state, lease) +
  widthOf(reader.source) * reader.budget

/** Returns the cells of these summaries: what they decode and copy, and their own tokens. */
const ownCells = (summaries: readonly Segment[], state: RunState): number =>
  summaries.reduce(
    (sum, one) =>
      sum +
      decodedTokens(one.source) +
      copiesOf(one, state, null) +
      widthOf(one.source) * one.tokens.length,
    0,
  )

/**
 * Returns whether a path's cells are needed no more: it has ended, and the round behind the one that
 * read it has begun. Branching or extending it restores them.
 */
export const isSpent = (
  path: Segment,
  view: Pick<View, 'settings' | 'state' | 'pending'>,
): boolean =>
  (view.settings.rounds ?? 1) > 1 && !isOpen(path) && (path.group ?? 1) < latestRound(view) - 1

/** Returns the cells that must be restored for these paths and for open summaries before anything is decoded. */
export function missingCells(state: RunState, lease: Lease, needed: readonly SegmentId[]): number {
  const { paths } = state
  const held = ({ segment }: Segment) => lease.seqOf(segment) !== undefined
  const cells = (there: (path: Segment) => boolean) =>
    cellsOf(paths, (path) => (there(path) ? path.tokens.length : 0))
  const back = cells((path) => held(path) || needed.includes(path.segment)) - cells(held)
  const there = paths.filter((path) => held(path) || needed.includes(path.segment))
  const fresh = paths.filter((path) => isOpen(path) && !held(path) && path.reads.length > 0)
  return (
    back +
    sourceCells([...there, ...fresh], state) -
    sourceCells(paths.filter(held), state) +
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
const isOwn = (path: Segment): boolean => path.parent === null || isChild(path)

/** Returns how many sequences a segment that waits will decode in. */
export const sequencesFor = (one: Wanted): number =>
  one.role === 'summary' && one.merge === true ? one.reads.length : 1

/** Returns what the run has and may still write, including paths, rounds and summaries to come. */
export function demandOf(
  view: View,
  wanted: readonly Wanted[],
  { lease, thinks }: { lease: Lease | null; thinks: boolean },
): Demand {
  const { state, settings, trained, later } = view
  const shape = shapeOf(settings, trained)
  const { groups, size, summaries, rounds } = shape
  const joined = pathsToCome(view, wanted)
  const settled = wanted.filter((one) => one.source !== undefined && !joined.passing.includes(one))
  const coming = wanted.filter((one) => one.role === 'summary')
  const ofGroups = [...state.summaries, ...coming].filter(({ group }) => (group ?? null) !== null)
  const open = reading(state).filter(isOpen)
  const opened = state.paths.filter(isOwn).length
  // Paths of later waves have their cells from the start.
  const unopened = later ? 0 : Math.max(0, roomFor(settings.strategy, shape) - opened)
  const forks = later || settings.probeEvery === undefined ? 0 : groups * size
  const toCome = !summaries ? 0 : later ? 1 : Math.max(0, groups - ofGroups.length)
  const kept = state.paths.filter((path) => path.status !== 'dropped' && !isSpent(path, view))
  const reads = readingOf(state.fusion ?? 'reread', trained, settings)
  const promptTokens = state.promptTokens.length
  const unsettled = wanted.filter(
    (one) => one.source === undefined && one.role !== 'path' && one.role !== 'judge',
  )
  const judges = judgesToCome(view, wanted)
  const by = { reading: reads, thinks, promptTokens }
  return {
    promptTokens,
    kept:
      cellsOf(state.paths, (path) => (kept.includes(path) ? path.tokens.length : 0)) +
      sourceCells(kept, state) +
      ownCells(open, state),
    remaining:
      openTokens(state.paths) +
      unopened * settings.budget +
      forks * PROBE_CELLS +
      openTokens(open) +
      settled.reduce((sum, one) => sum + needOf({ ...one, source: one.source! }, state, lease), 0) +
      Math.max(0, joined.count * (settings.budget + joinedCells(settings, by)) - joined.freed) +
      judges * (judges === 0 ? 0 : judgeCells(settings, by)),
    budget: settings.budget,
    paths:
      rounds === 1
        ? state.paths.length + unopened
        : Math.max(size, kept.filter(({ group }) => group === rounds).length),
    summaries: toCome + unsettled.length,
    sequences:
      kept.length +
      unopened +
      forks +
      open.reduce((sum, { source }) => sum + widthOf(source), 0) +
      wanted.reduce((sum, one) => sum + sequencesFor(one), 0) +
      toCome * (reads === 'merge' ? kept.length + unopened : 1) +
      joined.unopened +
      Math.max(0, judges - wanted.filter(({ role }) => role === 'judge').length),
    summaryBudget: settings.summaryBudget,
    reading: reads,
    words: wordsAround(settings),
    copied: (settings.rounds ?? 1) > 1 ? settings.budget : copiedTokens(settings, thinks),
  }
}

/** Returns how many judges that are not in the state need cells at a time: those of the next round, while there is one. */
function judgesToCome(view: View, wanted: readonly Wanted[]): number {
  const { state, settings, trained, later } = view
  const shape = shapeOf(settings, trained)
  const waiting = wanted.filter(({ role }) => role === 'judge')
  if (waiting.length > 0) return waiting.filter(({ source }) => source === undefined).length
  const open = judgesOf(state).filter(isOpen).length
  return later || latestJudged(state) >= shape.judgements
    ? 0
    : Math.max(0, judgesPerRound(shape) - open)
}

/**
 * Returns how many paths of later rounds will have cells at a time, how many of the next round are
 * not even opened, and the cells of the rounds that are then needed no more. Two rounds have cells
 * at a time: `passing` waits to be opened, and is needed no more when the last ones are.
 */
function pathsToCome(
  view: View,
  wanted: readonly Wanted[],
): { count: number; unopened: number; freed: number; passing: readonly Wanted[] } {
  const { state, settings, trained, later } = view
  const { size, rounds } = shapeOf(settings, trained)
  const opening = wanted.filter((one) => one.role === 'path')
  const framing = opening.filter(({ source }) => source === undefined).length
  const round = latestRound(view)
  const summarised = [...state.summaries, ...wanted].some(
    (one) => one.role === 'summary' && one.group === rounds,
  )
  const left = later || summarised ? 0 : rounds - round
  if (left <= 0) return { count: framing, unopened: 0, freed: 0, passing: [] }
  const passes = left > 1
  const freed = state.paths.filter(
    (path) =>
      path.status !== 'dropped' &&
      ((passes && path.group === round) || (path.group === round - 1 && !isOpen(path))),
  )
  return {
    count: passes ? 2 * size : framing + size,
    unopened: size,
    freed:
      cellsOf(freed, ({ tokens }) => tokens.length) + sourceCells(freed, state) + openTokens(freed),
    passing: passes ? opening : [],
  }
}
