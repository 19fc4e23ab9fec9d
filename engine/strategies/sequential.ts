import { shapeOf } from '../protocol/shapes.ts'
import { grouped } from './grouped.ts'
import type { Strategy } from './strategy.ts'

/** One path; a trained model writes its summary from it (ParaThinker, section 4: P = 1 through the same weights). */
export const sequential: Strategy = {
  next: (view) =>
    grouped(shapeOf({ ...view.settings, strategy: 'sequential' }, view.trained), view),
}
