import type { FinishRule, Fusion, RunSettings, Strategy } from './request.ts'

/** What a strategy opens: `groups` groups of `size` paths, each fused by a summary of its own or voted over. */
export interface Shape {
  groups: number
  /** Paths per group. */
  size: number
  /** Paths of a group that end by themselves before the others are cut; 0: all. */
  finish: number
  /** Groups end in a summary. */
  summaries: boolean
}

type Asked = Pick<RunSettings, 'strategy' | 'paths' | 'runs' | 'finish'>

/**
 * The shape of each strategy. `summaries`: a model that was trained for parallel thinking always ends in one, since
 * its answer stands there; another one does where there is something to fuse.
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

/** `trained`: the model was trained for parallel thinking (it has pairs of control tokens). */
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

/** The strategy counts votes: over the paths of `majority`, over the summaries of `parallel-majority`. */
export const votes = (strategy: Strategy): boolean =>
  strategy === 'majority' || strategy === 'parallel-majority'

/** Returns how paths are fused: as asked; `auto` reads the cache where the model was trained for it and can join. */
export function fusionOf(
  asked: RunSettings['controls']['fusion'],
  { trained, joins }: { trained: boolean; joins: boolean },
): Fusion {
  if (asked !== 'auto') return asked
  return trained && joins ? 'cache' : 'reread'
}
