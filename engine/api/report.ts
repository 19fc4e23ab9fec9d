import { countedPaths, spokesman } from '../protocol/deciding.ts'
import { boardOf } from '../protocol/decision.ts'
import { outcomeOf } from '../protocol/outcome.ts'
import { questionOf } from '../protocol/question.ts'
import type { RunState } from '../protocol/run-state.ts'
import { noticeText } from '../protocol/wording.ts'

/** What Braid says about a run beside its answer, in the field `braid` of a response. */
export function runReport(run: string, state: RunState) {
  const { settings, model, paths, summaries, votes, notices } = state
  const board = votes.length === 0 ? null : boardOf(state)
  return {
    run,
    strategy: settings?.strategy ?? null,
    model: model?.name ?? null,
    /** What kind of answer the question has: value, text or code. */
    question: questionOf(state),
    /** The value of a question that has one. */
    answer: state.answer,
    /** The path or summary whose text is the content. */
    segment: spokesman(state)?.segment ?? null,
    outcome: outcomeOf(state),
    answers: countedPaths(state).map(({ segment, answer, tokens }) => ({
      segment,
      answer: answer?.text ?? null,
      tokens: tokens.length,
    })),
    votes:
      board === null
        ? null
        : board.rows.map(({ answer, members, votes: count, wins }) => ({
            answer,
            votes: count,
            members,
            wins,
          })),
    paths: paths.length,
    summaries: summaries.length,
    notices: notices.map((notice) => ({ code: notice.code, message: noticeText(notice) })),
  }
}
export type RunReport = ReturnType<typeof runReport>

/** Token counts of a response, in OpenAI's form. */
export interface UsageBody {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  completion_tokens_details: { reasoning_tokens: number }
}

/** Adds up runs. `answer`: tokens of its content. `counts`: its prompt is not that of a run before. */
export function usageOf(
  runs: readonly { state: RunState; answer: number; counts: boolean }[],
): UsageBody {
  const total = { prompt: 0, completion: 0, answer: 0 }
  for (const { state, answer, counts } of runs) {
    const { pathTokens = 0, summaryTokens = 0, probeTokens = 0 } = state.usage ?? {}
    if (counts) total.prompt += state.promptTokens.length
    total.completion += pathTokens + summaryTokens + probeTokens
    total.answer += answer
  }
  const { prompt, completion, answer } = total
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    completion_tokens_details: { reasoning_tokens: Math.max(0, completion - answer) },
  }
}
