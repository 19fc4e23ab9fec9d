/** How many cells and sequences a run takes: asked by the fit and by the allocation alike. */
import type { Fusion, RunSettings } from '../protocol/request.ts'
import { shapeOf } from '../protocol/shapes.ts'

/** A context has at most this many sequences (llama.cpp's LLAMA_MAX_SEQ). */
export const MAX_SEQUENCES = 256
/** Sequences kept for branches and further summaries. */
export const SPARE_SEQUENCES = 8
/** Kept free so that a path can be extended without moving to a larger context: tokens, at most a path's budget. */
const HEADROOM = 1024
/** llama.cpp pads and rounds. */
export const SLACK = 64
/** The chat template and the words around texts that are read again: tokens of a frame, and per path. */
const FRAME = 128
const FRAME_PER_PATH = 24

export interface Size {
  cells: number
  sequences: number
}

/** What a run has and may still write, in tokens. */
export interface Demand {
  promptTokens: number
  /** Cells that its segments have beside the prompt; 0 for a new run. */
  kept: number
  /** Tokens that its open paths may still add. */
  remaining: number
  /** Budget of one path. */
  budget: number
  paths: number
  /** Summaries that are to be written. */
  summaries: number
  /** Sequences of the paths, and of summaries that are open or to be written. */
  sequences: number
  summaryBudget: number
  /** Summaries read texts again instead of joining cells. */
  reread: boolean
}

/** Returns the cells that summaries take beside those of their paths. */
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

/** Returns the cells of a context: those that the user asked for, if any. */
export const contextCells = ({ cells }: Pick<Size, 'cells'>, asked: number): number =>
  asked > 0 ? asked : cells

/** Returns what a run demands that has opened its paths and written nothing. `trained`: as in `shapeOf`. */
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

/** Of `free` cells, those kept from the paths for the summaries: what they want, at most a quarter, at least a prefix and a token each. */
export function summaryReserve(
  free: number,
  wanted: number,
  summaries: number,
  prefix: number,
): number {
  return Math.min(wanted, Math.max(summaries * (prefix + 1), Math.floor(free / 4)))
}
