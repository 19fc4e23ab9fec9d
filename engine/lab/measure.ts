import { z } from 'zod'
import { RunError } from '../protocol/events.ts'
import type { AnswerRule } from '../protocol/lab.ts'
import { ValueRule } from '../protocol/request.ts'
import { ruleOf } from '../protocol/shapes.ts'
import { ballots, elected, isCorrect, type Statement } from './check.ts'
import type { Digest } from './digest.ts'
import type { Problem } from './problems.ts'
import { votesIn, type Unit } from './unit.ts'

/**
 * One scored run: a line of results.jsonl. Times are wall-clock milliseconds without loading the
 * model.
 */
export const Sample = z.object({
  unit: z.string(),
  problem: z.int().min(0),
  sample: z.int().min(0),
  seed: z.int(),
  /** The run's answer; if the run votes, its answer under each rule. */
  outcomes: z.array(
    z.object({ vote: ValueRule.nullable(), answer: z.string().nullable(), correct: z.boolean() }),
  ),
  /**
   * True if some path's own answer, or some answer voted on, is right: the result of a perfect
   * judge.
   */
  anyPath: z.boolean(),
  promptTokens: z.int(),
  pathTokens: z.int(),
  /** Tokens of summaries and judges. */
  summaryTokens: z.int(),
  kvBytes: z.number(),
  ms: z.number(),
  pathsMs: z.number(),
  /** Writing summaries, and judging. */
  summaryMs: z.number(),
  /** Set if the run failed; it counts as wrong. */
  error: RunError.optional(),
  /** The transcript, if it was kept. */
  run: z.string().optional(),
})
export type Sample = z.infer<typeof Sample>

export const sampleKey = (unit: string, problem: number, sample: number): string =>
  `${unit}|${problem}|${sample}`

const RULES = ValueRule.options

/** Scores a run by its own text. A failed run is wrong under every rule. */
export function measure(
  unit: Unit,
  problem: Problem,
  sample: number,
  seed: number,
  run: Digest,
  rule: AnswerRule = 'stated',
): Sample {
  const right = (said: Statement | undefined) =>
    said !== undefined && isCorrect(problem.expected, said)
  const paths = ballots(run.paths, rule, problem.problem)
  // The summaries can be the run's answer, or the paths if there is no summary.
  const counted = run.over ?? (run.summaries.length > 0 ? 'summaries' : 'paths')
  const candidates = counted === 'summaries' ? ballots(run.summaries, rule, problem.problem) : paths
  const voted = votesIn(unit.settings)
  const judged = ruleOf(unit.settings.strategy).judges
  const preferred = ballots(
    [...run.paths, ...run.summaries].filter(({ segment }) => segment === run.preferred),
    rule,
    problem.problem,
  )
  const outcomes = (voted ? RULES : [null]).map((vote) => {
    const chosen = judged
      ? preferred[0]
      : vote === null
        ? candidates.at(-1)
        : elected(candidates, vote)
    return { vote, answer: chosen?.answer?.text ?? null, correct: right(chosen) }
  })
  const { usage, timings } = run
  const rest = {
    unit: unit.key,
    problem: problem.index,
    sample,
    seed,
    promptTokens: usage?.promptTokens ?? 0,
    pathTokens: usage?.pathTokens ?? 0,
    summaryTokens: (usage?.summaryTokens ?? 0) + (usage?.judgeTokens ?? 0),
    kvBytes: usage?.kvBytes ?? 0,
    ms:
      timings === null
        ? 0
        : timings.prefillMs +
          timings.pathsMs +
          timings.joinMs +
          timings.summaryMs +
          (timings.judgeMs ?? 0),
    pathsMs: timings?.pathsMs ?? 0,
    summaryMs: (timings?.summaryMs ?? 0) + (timings?.judgeMs ?? 0),
    ...(run.run !== undefined && { run: run.run }),
  }
  if (run.error !== null)
    return {
      ...rest,
      outcomes: outcomes.map(({ vote }) => ({ vote, answer: null, correct: false })),
      anyPath: false,
      error: run.error,
    }
  return { ...rest, outcomes, anyPath: paths.some(right) || (voted && candidates.some(right)) }
}
