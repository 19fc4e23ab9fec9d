import { shapeOf } from '../protocol/shapes.ts'
import { grouped } from './grouped.ts'
import type { Strategy } from './strategy.ts'

/**
 * Opens P paths from the prompt and writes one summary from their join (ParaThinker, section 3).
 */
export const parallel: Strategy = {
  next: (view) => grouped(shapeOf({ ...view.settings, strategy: 'parallel' }, view.trained), view),
}
