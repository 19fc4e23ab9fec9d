import { shapeOf } from '../protocol/shapes.ts'
import { grouped } from './grouped.ts'
import type { Strategy } from './strategy.ts'

/**
 * Opens one path; a trained model then writes a summary from it (ParaThinker, section 4: P = 1,
 * same weights).
 */
export const sequential: Strategy = {
  next: (view) =>
    grouped(shapeOf({ ...view.settings, strategy: 'sequential' }, view.trained), view),
}
