import { shapeOf } from '../protocol/shapes.ts'
import { grouped } from './grouped.ts'
import type { Strategy } from './strategy.ts'

/**
 * Opens P paths from the prompt and decodes one answer from the mean of their log-probabilities, each
 * token of which is fed to all of them (ThinkMerge, arXiv 2512.02874).
 */
export const merge: Strategy = {
  next: (view) => grouped(shapeOf({ ...view.settings, strategy: 'merge' }, view.trained), view),
}
