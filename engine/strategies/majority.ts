import { shapeOf } from '../protocol/shapes.ts'
import { grouped } from './grouped.ts'
import type { Strategy } from './strategy.ts'

/** Opens P independent paths and votes over their answers (self-consistency). */
export const majority: Strategy = {
  next: (view) => grouped(shapeOf({ ...view.settings, strategy: 'majority' }, view.trained), view),
}
