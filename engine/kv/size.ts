/**
 * How many cells and sequences a run needs. Both the fit and the allocation use these functions.
 */
import type { Fusion, RunSettings } from '../protocol/request.ts'
import { shapeOf } from '../protocol/shapes.ts'

/** The most sequences that a context can have (llama.cpp's LLAMA_MAX_SEQ, less two for copies). */
export const MAX_SEQUENCES = 254
/** Sequences reserved for branches and further summaries. */
export const SPARE_SEQUENCES = 8
/** Cells, at most a path's budget, kept free to extend a path without a larger context. */
const HEADROOM = 1024
/** Spare cells, since llama.cpp pads and rounds. */
export const SLACK = 64
/** Estimated tokens of the chat template and the words between re-read texts: total, per path. */
const FRAME = 128
const FRAME_PER_PATH = 24

export interface Size {
  cells: number
  sequences: number
}

/** What a run has written and may still write, in tokens. */
export interface Demand {
  promptTokens: number
  /** Cells of the run's segments, without the prompt; 0 for a new run. */
  kept: number
  /** Tokens that open segments may still add. */
  remaining: number
  /** Budget per path. */
  budget: number
  paths: number
  /** Number of summaries still to be written. */
  summaries: number
  /** Sequences for the paths, and for summaries that are open or still to be written. */
  sequences: number
  summaryBudget: number
  /** Whether summaries re-read texts instead of joining cells. */
  reread: boolean
}

/** Returns the cells that summaries need in addition to those of their paths. */
export function summaryCells({
  promptTokens,
  paths,
  summaries,
  summaryBudget,
  reread,
}: Pick<Demand, 'promptTokens' | 'paths' | 'summaries' | 'summaryBudget' | 'reread'>): number {
  if (summaries === 0) return 0
  const frame = reread ? promptTokens + FRAME : 0
  return summaries * (frame + summaryBudget) + (reread ? FRAME_PER_PATH * paths : 0)
}

export function sizeRun(demand: Demand): Size {
  const { promptTokens, kept, remaining, budget, sequences } = demand
  return {
    cells:
      promptTokens + kept + remaining + summaryCells(demand) + Math.min(budget, HEADROOM) + SLACK,
    sequences: Math.min(MAX_SEQUENCES, 1 + sequences + SPARE_SEQUENCES),
  }
}

/** Returns the cells of a context: as many as the user asked for, else as many as the run needs. */
export const contextCells = ({ cells }: Pick<Size, 'cells'>, asked: number): number =>
  asked > 0 ? asked : cells

/** Returns the demand of a run that has written nothing yet. `trained` is as in `shapeOf`. */
export function newRunDemand(
  settings: Pick<
    RunSettings,
    'strategy' | 'paths' | 'runs' | 'finish' | 'budget' | 'summaryBudget'
  >,
  { trained, fusion, promptTokens }: { trained: boolean; fusion: Fusion; promptTokens: number },
): Demand {
  const { budget, summaryBudget } = settings
  const shape = shapeOf(settings, trained)
  const paths = shape.groups * shape.size
  const summaries = shape.summaries ? shape.groups : 0
  return {
    promptTokens,
    kept: 0,
    remaining: paths * budget,
    budget,
    paths,
    summaries,
    sequences: paths + summaries,
    summaryBudget,
    reread: fusion === 'reread',
  }
}

/**
 * Returns how many of the `free` cells are reserved for summaries: as many as they want, but at
 * most a quarter of the free cells, and at least enough for a prefix and one token per summary.
 */
export function summaryReserve(
  free: number,
  wanted: number,
  summaries: number,
  prefix: number,
): number {
  return Math.min(wanted, Math.max(summaries * (prefix + 1), Math.floor(free / 4)))
}
