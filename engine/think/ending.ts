import type { EventOf } from '../protocol/events.ts'
import type { RunState } from '../protocol/fold.ts'
import type { Run } from './run.ts'
import type { Candidate } from '../protocol/answers/vote.ts'

/** Tells the vote, where there is one, and the end of the run for now. */
export async function endRun(run: Run, reason: EventOf<'run-ended'>['reason']): Promise<void> {
  const started = run.state.status !== 'empty'
  const answer = reason === 'cancelled' ? run.state.answer : await decide(run)
  if (answer === null && started && reason === 'finished' && run.state.model?.scope) run.notice('scope', `No answer was found. This model was made for: ${run.state.model.scope}`)
  run.emit({ type: 'run-ended', reason, answer, usage: usage(run), timings: round(run.clock) })
}

/** Groups end in summaries; otherwise the paths' own answers count. */
const usesSummaries = ({ model, settings }: RunState) => (model?.nativePaths ?? 0) > 0 || settings?.strategy === 'parallel' || settings?.strategy === 'parallel-majority'

async function decide(run: Run): Promise<string | null> {
  const { state } = run
  const groups = Math.max(1, ...state.paths.map(({ group }) => group))
  const latest = state.summaries.at(-1)
  if (groups === 1 && usesSummaries(state)) return latest?.answer?.text ?? null
  if (groups === 1) return state.paths.find(({ status }) => status !== 'dropped')?.answer?.text ?? null
  if (latest !== undefined && latest.version > groups) return latest.answer?.text ?? null
  return usesSummaries(state) && latest === undefined ? null : countVotes(run, groups)
}

/** Told again only when the classes are others than before: a choice by hand stays. */
async function countVotes(run: Run, groups: number): Promise<string | null> {
  const { state, settings } = run
  const over = usesSummaries(state) ? 'summaries' as const : 'paths' as const
  const candidates: Candidate[] = over === 'paths'
    ? state.paths.filter(({ status }) => status !== 'dropped').map(({ path, answer }) => ({ member: path, answer: answer?.text ?? null }))
    : Array.from({ length: groups }, (_, i) => ({ member: i + 1, answer: state.summaries.find(({ version }) => version === i + 1)?.answer?.text ?? null }))
  if (candidates.length === 0) return null
  const { vote } = await import('../protocol/answers/vote.ts') // mathjs takes a moment to load
  const result = vote(candidates, settings.vote)
  const before = state.votes.find((vote) => vote.over === over)
  if (before !== undefined && JSON.stringify(before.classes) === JSON.stringify(result.classes)) return before.classes[before.winner]?.answer ?? null
  run.emit({ type: 'vote', rule: settings.vote, over, ...result })
  return result.classes[result.winner]?.answer ?? null
}

function usage({ state, prompt, cells }: Run): EventOf<'run-ended'>['usage'] {
  const summaryTokens = state.summaries.reduce((sum, { tokens }) => sum + tokens.length, 0)
  const used = cells?.used({ prompt, paths: state.paths }) ?? 0
  const latest = state.summaries.at(-1)?.tokens.length ?? 0
  return {
    promptTokens: prompt.length,
    pathTokens: state.paths.reduce((sum, { tokens, parent }) => sum + tokens.length - (parent?.at ?? 0), 0),
    summaryTokens,
    kvBytes: cells === null ? 0 : Math.round((cells.context.info.kvBytes / cells.context.info.cells) * (used + latest)),
    cells: cells?.context.info.cells ?? 0,
  }
}

function round(clock: Run['clock']): Run['clock'] {
  return Object.fromEntries(Object.entries(clock).map(([name, ms]) => [name, Math.round(ms * 10) / 10])) as Run['clock']
}
