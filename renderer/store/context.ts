import type { RunSettings } from '../../engine/protocol/request.ts'
import { shapeOf } from '../../engine/protocol/shapes.ts'
import type { ModelInfo } from '../../engine/protocol/wire.ts'

/**
 * Returns how many positions a run takes at most, in tokens: what one path reads and writes, what the
 * summary does, which reads the paths too, and the larger of both.
 */
export function contextOf(
  settings: RunSettings,
  prompt: number,
  { nativePaths }: Pick<ModelInfo, 'nativePaths'>,
): { path: number; summary: number; most: number } {
  const { size, summaries, rounds, reads } = shapeOf(settings, nativePaths > 0)
  // A path of a later round begins behind those that it reads.
  const behind = rounds === 1 ? 0 : nativePaths > 0 ? rounds - 1 : reads
  const path = prompt + (1 + behind) * settings.budget
  // A model that was trained for it gives all paths the same positions (docs/method.md).
  const read = nativePaths > 0 ? settings.budget : size * settings.budget
  const summary = summaries ? prompt + read + settings.summaryBudget : 0
  return { path, summary, most: Math.max(path, summary) }
}
