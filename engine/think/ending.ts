import type { EventOf } from '../protocol/events.ts'
import { statements } from '../protocol/answers/statements.ts'
import type { Candidate } from '../protocol/answers/vote.ts'
import { BraidError } from '../protocol/errors.ts'
import { summaryOf, type RunState, type VoteState } from '../protocol/fold.ts'
import type { VoteRule } from '../protocol/request.ts'
import type { Run } from './run.ts'

/** Tells the vote, where there is one, and the end of the run for now. */
export async function endRun(run: Run, reason: EventOf<'run-ended'>['reason']): Promise<void> {
  const started = run.state.status !== 'empty'
  const answer = reason === 'cancelled' ? run.state.answer : await decide(run)
  if (answer === null && started && reason === 'finished' && run.state.model?.scope)
    run.notice('scope', `No answer was found. The model says of itself: ${run.state.model.scope}`)
  if (run.work.length === 0) run.phase = 'idle'
  run.emit({ type: 'run-ended', reason, answer, usage: usage(run), timings: round(run.clock) })
}

/** A run that is over says its answer again where a command changed what is counted. */
export async function recount(run: Run): Promise<void> {
  const { status, endReason, answer: before, usage, timings } = run.state
  if (run.active || status !== 'ended' || endReason === 'cancelled') return
  const answer = await decide(run)
  if (!run.active && answer !== before)
    run.emit({ type: 'run-ended', reason: endReason!, answer, usage: usage!, timings: timings! })
}

/** A choice by hand, among the classes of the vote or, where there was none, the answers of the paths that ended. */
export async function overrideVote(run: Run, winner: number): Promise<void> {
  const { rule, over, classes, tie } = run.state.votes.at(-1) ?? (await groupAnswers(run))
  if (winner >= classes.length)
    throw new BraidError(
      'out-of-range',
      `There are ${classes.length} answers to choose from, the first is 0: there is no answer ${winner}.`,
    )
  run.emit({ type: 'vote', rule, over, classes, winner, tie, override: true })
}

/** As they are shown where no vote was taken. */
async function groupAnswers({
  state,
}: Run): Promise<Pick<VoteState, 'rule' | 'over' | 'classes' | 'tie'>> {
  const { vote } = await import('../protocol/answers/vote.ts')
  const rule = 'equality'
  const candidates = statements(state.paths)
  if (candidates.every(({ answer }) => answer === null))
    throw new BraidError('bad-request', 'No path that has ended gives an answer to choose.')
  return { rule, over: 'paths', ...vote(candidates, rule) }
}

/** Groups end in summaries; otherwise the paths' own answers count. */
const usesSummaries = ({ model, settings }: RunState) =>
  (model?.nativePaths ?? 0) > 0 ||
  settings?.strategy === 'parallel' ||
  settings?.strategy === 'parallel-majority'

/**
 * A summary that was asked for decides, and so does a choice by hand: whichever came last. Without them, groups vote, and one
 * group says what its summary says, or its path.
 */
async function decide(run: Run): Promise<string | null> {
  const { state } = run
  const groups = groupsOf(state)
  const latest = state.summaries.at(-1)
  const byHand = chosenByHand(state)
  if (byHand === undefined) {
    if (latest !== undefined && (groups === 1 || latest.version > groups))
      return latest.answer?.text ?? null
    if (usesSummaries(state) && latest === undefined) return null
    if (groups === 1)
      return state.paths.find(({ status }) => status !== 'dropped')?.answer?.text ?? null
  }
  return countVotes(run, byHand?.over ?? (usesSummaries(state) ? 'summaries' : 'paths'))
}

const groupsOf = ({ paths }: RunState) => Math.max(1, ...paths.map(({ group }) => group))

/** Unless a summary was begun since. */
function chosenByHand({ votes, summaries }: RunState): VoteState | undefined {
  const byHand = votes.find(({ override }) => override === true)
  return byHand !== undefined && byHand.at >= (summaries.at(-1)?.startedAt ?? 0)
    ? byHand
    : undefined
}

/** Votes are told again only when the classes are others than before: a choice by hand stays while somebody gives that answer. */
async function countVotes(run: Run, over: VoteState['over']): Promise<string | null> {
  const { vote } = await import('../protocol/answers/vote.ts') // mathjs takes a moment to load
  const before = run.state.votes.find((vote) => vote.over === over)
  const { rule, candidates } = ballot(run, over)
  if (candidates.length === 0 && before === undefined) return null
  const result = vote(candidates, rule)
  const old = before?.classes[before.winner]?.answer ?? null
  if (JSON.stringify(before?.classes) === JSON.stringify(result.classes)) return old
  const same = (answer: string | null) =>
    vote(
      [
        { member: 1, answer },
        { member: 2, answer: old },
      ],
      rule,
    ).classes.length === 1
  const kept =
    before?.override === true ? result.classes.findIndex(({ answer }) => same(answer)) : -1
  run.emit({
    type: 'vote',
    rule,
    over,
    ...result,
    ...(kept >= 0 && { winner: kept, override: true }),
  })
  return result.classes[kept >= 0 ? kept : result.winner]?.answer ?? null
}

/** Whose answers are counted, and how. A run that takes no vote by itself is counted as its answers are shown. */
function ballot(
  { state, settings }: Run,
  over: VoteState['over'],
): { rule: VoteRule; candidates: Candidate[] } {
  const paths = state.paths.filter(({ status }) => status !== 'dropped')
  if (over === 'summaries') {
    const groups = [...new Set(paths.map(({ group }) => group))]
    return {
      rule: settings.vote,
      candidates: groups.map((group) => ({
        member: group,
        answer: summaryOf(state, group)?.answer?.text ?? null,
      })),
    }
  }
  if (groupsOf(state) > 1 && !usesSummaries(state))
    return {
      rule: settings.vote,
      candidates: paths.map(({ path, answer }) => ({ member: path, answer: answer?.text ?? null })),
    }
  return { rule: 'equality', candidates: statements(paths) }
}

function usage({ state, prompt, cells }: Run): EventOf<'run-ended'>['usage'] {
  const summaryTokens = state.summaries.reduce((sum, { tokens }) => sum + tokens.length, 0)
  const used = cells?.used({ prompt, paths: state.paths }) ?? 0
  const latest = state.summaries.at(-1)?.tokens.length ?? 0
  return {
    promptTokens: prompt.length,
    pathTokens: state.paths.reduce(
      (sum, { tokens, parent }) => sum + tokens.length - (parent?.at ?? 0),
      0,
    ),
    summaryTokens,
    kvBytes:
      cells === null
        ? 0
        : Math.round((cells.context.info.kvBytes / cells.context.info.cells) * (used + latest)),
    cells: cells?.context.info.cells ?? 0,
  }
}

function round(clock: Run['clock']): Run['clock'] {
  return Object.fromEntries(
    Object.entries(clock).map(([name, ms]) => [name, Math.round(ms * 10) / 10]),
  ) as Run['clock']
}
