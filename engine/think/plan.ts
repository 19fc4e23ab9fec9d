import { MAX_SEQUENCES, SPARE_SEQUENCES } from '../kv/index.ts'
import { BraidError } from '../protocol/errors.ts'
import type { RunSettings } from '../protocol/request.ts'
import type { ControlTokens } from './control.ts'
import { pathSeed } from './seeds.ts'

export interface PlannedPath {
  path: number
  group: number
  /** Row of the thought tables. */
  thought: number
  seed: number
  /** Tokens that it begins with, on top of its budget (`ThinkOptions.given`). */
  given?: readonly number[]
}

/** The paths of a run. A group is read by one summary, or votes by its one path. */
export interface Plan {
  groups: number
  paths: readonly PlannedPath[]
  /** Streams of a group that end before it is cut; 0: all. */
  finish: number
  /** Groups end in a summary. */
  summaries: boolean
}

export interface PlanModel {
  tokens: ControlTokens
  thoughtRows: number
}

/**
 * One shape for all strategies: `parallel` is one group of P, `sequential` one of 1, `majority` P groups of 1,
 * `parallel-majority` k groups of P. Errors: `too-many-paths`, with the number that works.
 */
export function planRun(settings: RunSettings, model: PlanModel): Plan {
  const { strategy, paths: width, runs } = settings
  const groups = strategy === 'majority' ? width : strategy === 'parallel-majority' ? runs : 1
  const size = strategy === 'majority' || strategy === 'sequential' ? 1 : width
  const room = Math.floor((MAX_SEQUENCES - 1 - SPARE_SEQUENCES - groups) / groups)
  if (room < 1)
    throw new BraidError(
      'too-many-paths',
      `${groups} runs are more than one context can hold: ${(MAX_SEQUENCES - 1 - SPARE_SEQUENCES) >> 1} work.`,
    )
  const row = rowOf(settings, model, size, room)
  if (size > room)
    throw new BraidError(
      'too-many-paths',
      `${groups} runs of ${size} paths are more than one context can hold: ${room} paths a run work.`,
    )
  const paths = Array.from({ length: groups * size }, (_, i) => ({
    path: i + 1,
    group: Math.floor(i / size) + 1,
    thought: row((i % size) + 1),
    seed: pathSeed(settings.seed, i + 1),
  }))
  const finish =
    settings.finish === 'last' ? 0 : settings.finish === 'half' ? Math.ceil(size / 2) : 1
  const native = model.tokens.pairs.length > 0
  return {
    groups,
    paths,
    finish,
    summaries: native || strategy === 'parallel' || strategy === 'parallel-majority',
  }
}

/** The thought row (and pair) of a group's i-th path. `room`: paths that the context holds, so that an error names a number that works. */
function rowOf(
  settings: RunSettings,
  { tokens, thoughtRows }: PlanModel,
  size: number,
  room: number,
): (index: number) => number {
  const pairs = tokens.pairs.length
  if (pairs === 0) return () => 0
  const { thoughtEmbedding, sameToken } = settings.controls
  const rows = thoughtEmbedding && thoughtRows > 0 ? thoughtRows - 1 : Infinity
  const modulus = settings.reuseTokens ? pairs : Infinity
  if (rows < 1)
    throw new BraidError(
      'too-many-paths',
      'The thought tables of this model have no row for a path: turn the thought embedding off.',
    )
  if (size > pairs && !settings.reuseTokens && !sameToken) {
    const reuse = pairs <= rows ? ', or reuse its control tokens (--reuse-tokens)' : ''
    throw new BraidError(
      'too-many-paths',
      `This model was trained for ${pairs} paths, not for ${size}: ask for ${Math.min(pairs, rows, room)} at most${reuse}.`,
    )
  }
  if (Math.min(size, modulus) > rows) {
    throw new BraidError(
      'too-many-paths',
      `The thought tables of this model have rows for ${rows} paths, not for ${Math.min(size, modulus)}: ask for ${Math.min(rows, room)} at most, or turn the thought embedding off.`,
    )
  }
  return (index) => (modulus === Infinity ? index : ((index - 1) % modulus) + 1)
}
