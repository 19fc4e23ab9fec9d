import { strategyTakes } from '../protocol/shapes.ts'
import { createHash } from 'node:crypto'
import type { RunSettings, VoteRule } from '../protocol/request.ts'

/**
 * What is measured together: one strategy at one width and budget. A unit that votes gives a cell for each vote rule,
 * any other unit one cell.
 */
export interface Unit {
  /** Names the unit's samples in results.jsonl; unique in an experiment. */
  key: string
  /** Row of an ablation or a tunnel table. */
  variant?: string
  /** `seed` is replaced sample by sample. */
  settings: RunSettings
  /** Path 1 starts with this many tokens of a wrong path. */
  prefix?: number
  votes: readonly VoteRule[]
}

export const votesIn = ({ strategy }: Pick<RunSettings, 'strategy'>): boolean =>
  strategyTakes(strategy).votes

export function makeUnit(
  settings: RunSettings,
  votes: readonly VoteRule[],
  extra: Pick<Unit, 'variant' | 'prefix'> = {},
): Unit {
  const { strategy, paths, runs, budget } = settings
  const width = `p${paths}${strategyTakes(strategy).runs ? `x${runs}` : ''}`
  const key = [
    strategy,
    width,
    `b${budget}`,
    ...(extra.variant === undefined ? [] : [extra.variant]),
  ].join(' ')
  return { key, settings, votes: votesIn(settings) ? votes : [], ...extra }
}

/** The same for every unit, so that units are compared on the same draws; 32 bits. */
export function sampleSeed(seed: number, problem: number, sample: number): number {
  return createHash('sha256').update(`${seed}:${problem}:${sample}`).digest().readUInt32LE(0)
}

export interface Grid {
  strategies: readonly RunSettings['strategy'][]
  paths: readonly number[]
  budgets: readonly number[]
  /** Budgets of `sequential` alone, which spends on one path what the others spend on many; absent: `budgets`. */
  sequentialBudgets?: readonly number[]
  votes: readonly VoteRule[]
}

/** `settle` gives the whole settings of a strategy, width and budget. `sequential` has no width, so it comes once a budget. */
export function gridUnits(
  grid: Grid,
  settle: (asked: Pick<RunSettings, 'strategy' | 'paths' | 'budget'>) => RunSettings,
): Unit[] {
  return grid.strategies.flatMap((strategy) => {
    const sequential = !strategyTakes(strategy).paths
    const budgets = sequential ? (grid.sequentialBudgets ?? grid.budgets) : grid.budgets
    return budgets.flatMap((budget) =>
      (sequential ? [1] : grid.paths).map((paths) =>
        makeUnit(settle({ strategy, paths, budget }), grid.votes),
      ),
    )
  })
}
