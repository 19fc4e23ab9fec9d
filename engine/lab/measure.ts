import { z } from 'zod'
import { RunError, type SegmentId } from '../protocol/events.ts'
import { ValueRule } from '../protocol/request.ts'
import { vote } from '../protocol/answers/vote.ts'
import { isCorrect, statement, type AnswerRule, type Statement } from './check.ts'
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
  summaryTokens: z.int(),
  kvBytes: z.number(),
  ms: z.number(),
  pathsMs: z.number(),
  summaryMs: z.number(),
  /** Set if the run failed; it counts as wrong. */
  error: RunError.optional(),
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
  const { candidates, voted } = statements(unit, run, rule)
  const pick = (rule: ValueRule | null): Statement | undefined => {
    if (rule === null) return candidates.at(-1)
    const { classes, winner } = vote(
      candidates.map(({ member, answer }) => ({ member, answer: answer?.text ?? null })),
      rule,
    )
    return candidates.find(({ member }) => member === classes[winner]?.members[0])
  }
  const outcomes = (voted ? RULES : [null]).map((rule) => {
    const chosen = pick(rule)
    return { vote: rule, answer: chosen?.answer?.text ?? null, correct: right(chosen) }
  })
  const { usage, timings } = run
  const rest = {
    unit: unit.key,
    problem: problem.index,
    sample,
    seed,
    promptTokens: usage?.promptTokens ?? 0,
    pathTokens: usage?.pathTokens ?? 0,
    summaryTokens: usage?.summaryTokens ?? 0,
    kvBytes: usage?.kvBytes ?? 0,
    ms:
      timings === null
        ? 0
        : timings.prefillMs + timings.pathsMs + timings.joinMs + timings.summaryMs,
    pathsMs: timings?.pathsMs ?? 0,
    summaryMs: timings?.summaryMs ?? 0,
  }
  if (run.error !== null)
    return {
      ...rest,
      outcomes: outcomes.map(({ vote }) => ({ vote, answer: null, correct: false })),
      anyPath: false,
      error: run.error,
    }
  const paths = run.paths.map(({ text }) => statement(text, rule))
  return { ...rest, outcomes, anyPath: paths.some(right) || (voted && candidates.some(right)) }
}

/**
 * Returns the texts that can be the run's answer, in order: the summaries, or the paths if there is
 * no summary.
 */
function statements(
  { settings }: Unit,
  { paths, summaries, over }: Digest,
  rule: AnswerRule,
): { candidates: (Statement & { member: SegmentId })[]; voted: boolean } {
  const counted = over ?? (summaries.length > 0 ? 'summaries' : 'paths')
  const candidates = (counted === 'summaries' ? summaries : paths).map(({ segment, text }) => ({
    member: segment,
    ...statement(text, rule),
  }))
  return { candidates, voted: votesIn(settings) }
}
