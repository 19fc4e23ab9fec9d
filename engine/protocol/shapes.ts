import type { FinishRule, Fusion, RunSettings, Strategy } from './request.ts'

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

/**
 * The shape of each strategy. A model that was trained for parallel thinking always writes a
 * summary, since its answer is there; other models write one only to fuse several paths
 * (`summaries: 'always'`).
 */
const SHAPES: Record<
  Strategy,
  (asked: Asked) => { groups: number; size: number; summaries: 'always' | 'trained' }
> = {
  parallel: ({ paths }) => ({ groups: 1, size: paths, summaries: 'always' }),
  sequential: () => ({ groups: 1, size: 1, summaries: 'trained' }),
  majority: ({ paths }) => ({ groups: paths, size: 1, summaries: 'trained' }),
  'parallel-majority': ({ paths, runs }) => ({ groups: runs, size: paths, summaries: 'always' }),
}

/**
 * Returns the shape of a run. `trained`: the model was trained for parallel thinking (it has pairs
 * of control tokens).
 */
export function shapeOf(asked: Asked, trained: boolean): Shape {
  const { groups, size, summaries } = SHAPES[asked.strategy](asked)
  return {
    groups,
    size,
    finish: finishCount(asked.finish, size),
    summaries: summaries === 'always' || trained,
  }
}

const finishCount = (rule: FinishRule, size: number): number =>
  rule === 'last' ? 0 : rule === 'half' ? Math.ceil(size / 2) : 1

/** Returns whether a strategy votes, over paths (`majority`) or summaries (`parallel-majority`). */
export const votes = (strategy: Strategy): boolean =>
  strategy === 'majority' || strategy === 'parallel-majority'

/**
 * Returns how paths are fused. `auto` reads the cache if the model was trained for it and its cells
 * can be joined.
 */
export function fusionOf(
  asked: RunSettings['controls']['fusion'],
  { trained, joins }: { trained: boolean; joins: boolean },
): Fusion {
  if (asked !== 'auto') return asked
  return trained && joins ? 'cache' : 'reread'
}
