import { JUDGE_TOKENS } from '../../engine/protocol/judges.ts'
import type { RunSettings } from '../../engine/protocol/request.ts'
import { judgesPerRound, pathsOf, ruleOf, shapeOf } from '../../engine/protocol/shapes.ts'
import type { ModelInfo, RunSummary } from '../../engine/protocol/wire.ts'

/** What a run writes at most. */
export interface Cost {
  paths: number
  /** Summaries; a merged answer counts once per path, since each decodes it. */
  answers: number
  judgements: number
  tokens: number
  /** At the speed of the model's last run; null if it has none. */
  ms: number | null
}

/** Returns the cost of a run; null if the model decides how many paths there are. */
export function costOf(
  settings: RunSettings,
  { name, nativePaths }: Pick<ModelInfo, 'name' | 'nativePaths'>,
  runs: readonly RunSummary[],
): Cost | null {
  const { forks, merges } = ruleOf(settings.strategy)
  if (forks) return null
  const shape = shapeOf(settings, nativePaths > 0)
  const paths = pathsOf(shape)
  const each = merges ? shape.size : 1
  const answers = shape.summaries ? shape.groups * each : 0
  const judgements = shape.judgements * judgesPerRound(shape)
  const tokens =
    paths * settings.budget + answers * settings.summaryBudget + judgements * JUDGE_TOKENS
  const last = runs.find(
    ({ model, status, tokens, durationMs }) =>
      model === name && status === 'ended' && tokens > 0 && durationMs > 0,
  )
  return {
    paths,
    answers,
    judgements,
    tokens,
    ms: last ? (tokens * last.durationMs) / last.tokens : null,
  }
}
