/** How large the context of a run is: one rule for the memory that is predicted and for the context that is made. */

/** A context has at most this many sequences (llama.cpp's LLAMA_MAX_SEQ). */
export const MAX_SEQUENCES = 256
/** Sequences kept for branches and further summaries. */
export const SPARE_SEQUENCES = 8
/** Kept free so that a path can be extended without moving to a larger context: tokens, at most a path's budget. */
const HEADROOM = 1024
/** llama.cpp pads and rounds. */
export const SLACK = 64
/** Tokens around the texts of a re-reading prompt, and around each text. */
const REREAD_FRAME = 128
const REREAD_HEADER = 24

export interface ContextSize {
  /** KV cells, for all sequences together. */
  cells: number
  sequences: number
}

export interface RunShape {
  promptTokens: number
  /** Segments that belong to one summary, or vote as one. */
  groups: number
  pathsPerGroup: number
  /** Tokens per path. */
  budget: number
  /** Whether each group ends in a summary. */
  summaries: boolean
  /** Tokens per summary. */
  summaryBudget: number
  /** Whether a summary reads the paths again, in a prompt of its own, instead of joining their cells. */
  reread: boolean
  /** Cells that the user asked for; 0: as many as the run needs. */
  context: number
}

/** Returns the context that a run starts with. */
export function sizeRun(shape: RunShape): ContextSize {
  const { groups, pathsPerGroup, budget, summaries } = shape
  const paths = groups * pathsPerGroup
  const extra = paths * budget + (summaries ? summaryCells({ ...shape, paths }) : 0)
  return sizeContext({ ...shape, paths, kept: 0, extra })
}

export interface Contents {
  promptTokens: number
  /** Paths and groups that need a sequence each, those that are to come among them. */
  paths: number
  groups: number
  /** Cells that paths hold already. */
  kept: number
  /** Cells that are to be added. */
  extra: number
  budget: number
  context: number
}

/** Returns a context for what a run holds and what it is about to add, with room to extend a path and sequences to spare. */
export function sizeContext(contents: Contents): ContextSize {
  const { promptTokens, paths, groups, kept, extra, budget, context } = contents
  const wanted = promptTokens + kept + extra + Math.min(budget, HEADROOM) + SLACK
  return {
    cells: context > 0 ? context : wanted,
    sequences: Math.min(MAX_SEQUENCES, 1 + paths + groups + SPARE_SEQUENCES),
  }
}

/** Returns the cells that summaries add: their own tokens and, with `reread`, a prompt around the texts of the paths, whose own cells are gone then. */
export function summaryCells({
  promptTokens,
  groups,
  paths,
  summaryBudget,
  reread,
}: Pick<RunShape, 'promptTokens' | 'groups' | 'summaryBudget' | 'reread'> & {
  paths: number
}): number {
  const frame = reread ? promptTokens + REREAD_FRAME : 0
  return groups * (frame + summaryBudget) + (reread ? REREAD_HEADER * paths : 0)
}
