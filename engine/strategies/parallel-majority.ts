import { shapeOf } from '../protocol/shapes.ts'
import { grouped } from './grouped.ts'
import type { Strategy } from './strategy.ts'

/**
 * Opens several groups of paths, writes a summary per group and votes over the summaries
 * (ParaThinker, section 5).
 */
export const parallelMajority: Strategy = {
  next: (view) =>
    grouped(shapeOf({ ...view.settings, strategy: 'parallel-majority' }, view.trained), view),
}
