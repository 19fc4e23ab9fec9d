import type { FinishRule, Fusion, RunSettings, Strategy } from './request.ts'
import type { Layout } from './segments.ts'

/**
 * What a strategy opens: `groups` groups of `size` paths. Each group is fused by a summary or takes
 * part in a vote.
 */
export interface Shape {
  groups: number
  /** Paths per group. */
  size: number
  /** How many paths of a group must end by themselves before the others are cut; 0: all. */
  finish: number
  /** Whether each group ends in a summary. */
  summaries: boolean
}

type Asked = Pick<RunSettings, 'strategy' | 'paths' | 'runs' | 'finish'>

interface StrategyRule {
  groups: (asked: Asked) => number
  size: (asked: Asked) => number
  /**
   * A model that was trained for parallel thinking always ends a group in a summary, since its answer stands there;
   * another one does so if there is something to fuse.
   */
  summaries: 'always' | 'trained'
  /** It takes a number of paths, or of runs; without one, that number is 1. */
  paths: boolean
  runs: boolean
  /** It counts votes: over paths, or over the summaries of its groups. */
  votes: boolean
}

const STRATEGY_RULES: Record<Strategy, StrategyRule> = {
  parallel: {
    groups: () => 1,
    size: ({ paths }) => paths,
    summaries: 'always',
    paths: true,
    runs: false,
    votes: false,
  },
  sequential: {
    groups: () => 1,
    size: () => 1,
    summaries: 'trained',
    paths: false,
    runs: false,
    votes: false,
  },
  majority: {
    groups: ({ paths }) => paths,
    size: () => 1,
    summaries: 'trained',
    paths: true,
    runs: false,
    votes: true,
  },
  'parallel-majority': {
    groups: ({ runs }) => runs,
    size: ({ paths }) => paths,
    summaries: 'always',
    paths: true,
    runs: true,
    votes: true,
  },
}

/**
 * Returns the shape of a run. `trained`: the model was trained for parallel thinking (it has pairs
 * of control tokens).
 */
export function shapeOf(asked: Asked, trained: boolean): Shape {
  const { groups, size, summaries } = STRATEGY_RULES[asked.strategy]
  return {
    groups: groups(asked),
    size: size(asked),
    finish: finishCount(asked.finish, size(asked)),
    summaries: summaries === 'always' || trained,
  }
}

function finishCount(rule: FinishRule, size: number): number {
  if (typeof rule === 'number') return rule < size ? rule : 0
  return rule === 'last' ? 0 : rule === 'half' ? Math.ceil(size / 2) : 1
}

/**
 * Returns how many paths must end by themselves before the others of a vote over single paths are
 * cut, and take no part in it (short-m@k, arXiv 2505.17813); 0: all.
 */
export function firstOf(asked: Asked): number {
  const { groups, size } = STRATEGY_RULES[asked.strategy]
  const [paths, one] = [groups(asked), size(asked) === 1]
  return one && typeof asked.finish === 'number' && asked.finish < paths ? asked.finish : 0
}

/** Which numbers a strategy takes, and whether it counts votes. */
export const strategyTakes = (strategy: Strategy): Pick<StrategyRule, 'paths' | 'runs' | 'votes'> =>
  STRATEGY_RULES[strategy]

/** Returns the numbers of a run under another strategy: as they are if that one takes them, but enough to differ. */
export function numbersFor(
  strategy: Strategy,
  { paths, runs }: Pick<RunSettings, 'paths' | 'runs'>,
): { paths?: number; runs?: number } {
  const takes = strategyTakes(strategy)
  return {
    ...(takes.paths && { paths: takes.runs ? paths : Math.max(2, paths) }),
    ...(takes.runs && { runs: Math.max(2, runs) }),
  }
}

/** Returns how paths are fused. `auto` reads the cache if the model's cells can be joined. */
export function fusionOf(asked: RunSettings['controls']['fusion'], joins: boolean): Fusion {
  if (asked !== 'auto') return asked
  return joins ? 'cache' : 'reread'
}

/**
 * Returns the layout of a join: models that were trained for parallel thinking read paths at equal
 * positions, all others read them one behind another.
 */
export const layoutOf = (trained: boolean): Layout => (trained ? 'shared' : 'consecutive')
