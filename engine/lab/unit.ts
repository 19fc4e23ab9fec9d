import { ruleOf } from '../protocol/shapes.ts'
import { createHash } from 'node:crypto'
import type { RunSettings, ValueRule } from '../protocol/request.ts'

/**
 * One row or group of rows of an experiment: one strategy with one number of paths and one budget.
 * A unit that votes gives a cell per vote rule, any other unit one cell.
 */
export interface Unit {
  /** Names the unit's samples in results.jsonl; unique within an experiment. */
  key: string
  /** Name of the row in an ablation or tunnel table. */
  variant?: string
  /** `seed` is replaced for each sample. */
  settings: RunSettings
  /** Number of tokens of a wrong path that path 1 starts with. */
  prefix?: number
  votes: readonly ValueRule[]
}

export const votesIn = ({ strategy }: Pick<RunSettings, 'strategy'>): boolean =>
  ruleOf(strategy).votes

export function makeUnit(
  settings: RunSettings,
  votes: readonly ValueRule[],
  extra: Pick<Unit, 'variant' | 'prefix'> = {},
): Unit {
  const { strategy, paths, runs, budget } = settings
  const width = `p${paths}${ruleOf(strategy).runs ? `x${runs}` : ''}`
  const key = [
    strategy,
    width,
    `b${budget}`,
    ...(extra.variant === undefined ? [] : [extra.variant]),
  ].join(' ')
  return { key, settings, votes: votesIn(settings) ? votes : [], ...extra }
}

/**
 * Returns the seed of a sample, 32 bits. It is the same for every unit, so that units are compared
 * on the same random draws.
 */
export function sampleSeed(seed: number, problem: number, sample: number): number {
  return createHash('sha256').update(`${seed}:${problem}:${sample}`).digest().readUInt32LE(0)
}

export interface Grid {
  strategies: readonly RunSettings['strategy'][]
  paths: readonly number[]
  budgets: readonly number[]
  /**
   * Budgets for `sequential`, which spends on one path what the others spend on many; default:
   * `budgets`.
   */
  sequentialBudgets?: readonly number[]
  votes: readonly ValueRule[]
}

/**
 * Returns the units of a grid. `settle` completes the settings of a strategy, number of paths and
 * budget. `sequential` has only one path, so it appears once per budget.
 */
export function gridUnits(
  grid: Grid,
  settle: (asked: Pick<RunSettings, 'strategy' | 'paths' | 'budget'>) => RunSettings,
): Unit[] {
  return grid.strategies.flatMap((strategy) => {
    const sequential = !ruleOf(strategy).paths
    const budgets = sequential ? (grid.sequentialBudgets ?? grid.budgets) : grid.budgets
    return budgets.flatMap((budget) =>
      (sequential ? [1] : grid.paths).map((paths) =>
        makeUnit(settle({ strategy, paths, budget }), grid.votes),
      ),
    )
  })
}
