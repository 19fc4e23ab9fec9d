import type { PathState } from '../protocol/fold.ts'
import type { RunSettings } from '../protocol/request.ts'
import type { StreamOptions } from '../native/types.ts'
import type { Cells } from './cells.ts'
import type { ControlTokens } from './control.ts'
import { continuedSeed, summarySeed } from './seeds.ts'

/** A path that is to think: from the prompt, from where it stands, or from its branch point. */
export interface Launch {
  path: number
  /** Put in place of what the model would have sampled at the branch point. */
  token?: number
  /** Its native group; absent: its own. A path that comes back after its group was cut is a group of its own. */
  alone?: boolean
  /** Tokens that a new path began with, on top of its budget. */
  given?: readonly number[]
}

const ALONE = 1 << 20
/** A character is split over so many tokens at most. */
const CHARACTER = 4

interface LaunchRun {
  settings: RunSettings
  tokens: ControlTokens
  prompt: readonly number[]
  cells: Cells
}

/**
 * The stream of a path. Its cells must be in place, except for a path without a token of its own, which starts from the
 * prompt's cells or its parent's. A branch decodes the last token it keeps again, silently, to have the logits after it.
 */
export function pathStream(
  { path, token, alone, given = [] }: Launch,
  state: PathState,
  { settings, tokens, prompt, cells }: LaunchRun,
): StreamOptions {
  const length = state.tokens.length
  const kept = state.parent?.at ?? 0
  const forced: number[] = []
  let branch: StreamOptions['branch']
  let silent = 0
  const pair = tokens.pairs[settings.controls.sameToken ? 0 : state.thought - 1]
  if (length === 0) {
    branch = { from: cells.promptSeq, end: prompt.length }
    if (pair !== undefined) forced.push(pair.open)
  } else if (length === kept && cells.seqOf(path) === undefined) {
    branch = { from: cells.seqOf(state.parent!.path)!, end: prompt.length + kept - 1 }
    forced.push(state.tokens.at(kept - 1)!.id)
    silent = 1
  }
  if (token !== undefined) forced.push(token)
  return {
    id: path,
    seq: cells.claim(path),
    thought: cells.thought(state.thought),
    forced,
    silent,
    branch,
    budget: Math.max(1, state.budget + given.length - length),
    sampler: { ...settings.sampling, seed: continuedSeed(state.seed, length) },
    masked: tokens.masked,
    stops: tokens.pathStops,
    endToken: pair?.close ?? -1,
    group: alone === true ? ALONE + path : state.group,
    history: state.tokens
      .slice(
        Math.max(0, length - Math.max(CHARACTER, settings.sampling.repetitionWindow)),
        silent === 1 ? length - 1 : length,
      )
      .map(({ id }) => id),
  }
}

/** The stream of summary `version` in `seq`, whose cells are joined or re-read already. */
export function summaryStream(
  version: number,
  seq: number,
  prefix: readonly number[],
  { settings, tokens, cells }: LaunchRun,
): StreamOptions {
  return {
    id: version,
    seq,
    thought: cells.thought(0),
    forced: prefix,
    budget: settings.summaryBudget,
    sampler: { ...settings.sampling, seed: summarySeed(settings.seed, version) },
    masked: [],
    stops: tokens.summaryStops,
    endToken: tokens.summary?.close ?? -1,
    group: version,
  }
}
