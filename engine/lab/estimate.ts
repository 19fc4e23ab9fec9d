import type { LabEstimate } from '../protocol/lab.ts'
import { JUDGE_TOKENS } from '../protocol/judges.ts'
import { judgesPerRound, shapeOf } from '../protocol/shapes.ts'
import type { Lab } from './open.ts'
import { mean } from './stats.ts'
import type { Unit } from './unit.ts'

/** How fast this machine decodes this many paths at once, all together, and reads a prompt. */
export interface Speed {
  paths: number
  tokensPerSecond: number
  promptPerSecond: number
}

/** English text has about this many in the usual vocabularies. */
const CHARS_PER_TOKEN = 4

/**
 * Returns what an experiment costs at most: every path and every summary uses its whole budget, and
 * runs follow one another. Times of widths that were not measured are interpolated.
 */
export function estimateOf(
  { spec, problems, model }: Lab,
  units: readonly Unit[],
  speeds: readonly Speed[],
): LabEstimate {
  const prompt = mean(problems.map(({ problem }) => problem.length)) / CHARS_PER_TOKEN
  const perUnit = problems.length * spec.samples
  // A tunnel first looks for wrong paths: a run of one path per problem and sample.
  const all = spec.plan.kind === 'tunnel' ? [units[0]!, ...units] : units
  const reading = speeds.length === 0 ? 0 : 1 / mean(speeds.map((one) => one.promptPerSecond))
  if (spec.plan.kind === 'bank') return bankEstimate(spec.plan.paths)
  let tokens = 0
  let seconds = 0
  for (const { settings } of all) {
    const shape = shapeOf(settings, model.nativePaths > 0)
    const { groups, size, rounds, reads, summaries, judgements } = shape
    const judges = judgesPerRound(shape)
    const width = groups * size
    const written = summaries ? groups * settings.summaryBudget : 0
    tokens +=
      perUnit *
      (prompt + rounds * width * settings.budget + written + judgements * judges * JUDGE_TOKENS)
    if (speeds.length === 0) continue
    // Texts that a summary, a later round or a judge reads again are prefilled.
    const texts = (summaries ? width : 0) + (rounds - 1) * width * reads + judgements * judges * 2
    const reread = model.nativePaths === 0 ? texts * settings.budget : 0
    seconds +=
      perUnit *
      ((prompt + reread) * reading +
        rounds * settings.budget * stepSeconds(width, speeds) +
        judgements * JUDGE_TOKENS * stepSeconds(Math.max(1, judges), speeds) +
        (summaries ? settings.summaryBudget * stepSeconds(groups, speeds) : 0))
  }
  return {
    runs: all.length * perUnit,
    tokens: Math.round(tokens),
    ms: speeds.length === 0 ? null : Math.round(seconds * 1000),
    speeds: speeds.map(({ paths, tokensPerSecond }) => ({ paths, tokensPerSecond })),
  }

  /** Paths are recorded once; each way of merging reads them and writes a summary. */
  function bankEstimate(widths: readonly number[]): LabEstimate {
    const { budget, summaryBudget } = units[0]!.settings
    const most = Math.max(...widths)
    const merges = units.filter(({ settings }) => settings.strategy === 'parallel')
    const read = merges.reduce((sum, { settings }) => sum + settings.paths * budget, 0)
    const n = problems.length
    const perProblem =
      speeds.length === 0
        ? 0
        : (prompt + read) * reading +
          budget * stepSeconds(most, speeds) +
          merges.length * summaryBudget * stepSeconds(1, speeds)
    return {
      runs: n * (1 + merges.length),
      tokens: Math.round(n * (prompt + most * budget + merges.length * summaryBudget)),
      ms: speeds.length === 0 ? null : Math.round(n * perProblem * 1000),
      speeds: speeds.map(({ paths, tokensPerSecond }) => ({ paths, tokensPerSecond })),
    }
  }
}

/** Returns how long one token of each of this many paths takes: a straight line through two widths. */
function stepSeconds(width: number, speeds: readonly Speed[]): number {
  const [first, ...others] = [...speeds].sort((a, b) => a.paths - b.paths)
  const step = ({ paths, tokensPerSecond }: Speed) => paths / tokensPerSecond
  const last = others.at(-1)
  if (last === undefined || last.paths === first!.paths)
    return step(first!) * (width > first!.paths ? width / first!.paths : 1)
  const slope = (step(last) - step(first!)) / (last.paths - first!.paths)
  return Math.max(step(first!) / first!.paths, step(first!) + slope * (width - first!.paths))
}
