import { equalAnswers } from './answers/equality.ts'
import { statements } from './answers/statements.ts'
import { strengthOf, vote, type Candidate } from './answers/vote.ts'
import { scaled, weightOf } from './answers/weights.ts'
import {
  answeringSegment,
  countedPaths,
  decidingSummary,
  spokenText,
  votesOverPaths,
} from './deciding.ts'
import { fail } from './errors.ts'
import type { EventDraft } from './events.ts'
import { votedAnswer } from './probes.ts'
import { questionOf, showsValues } from './question.ts'
import type { ValueRule, Weight } from './request.ts'
import { type RunState, type Segment, type VoteState } from './run-state.ts'
import { summaryId, type SegmentId } from './segments.ts'
import { firstOf, shapeOf, ruleOf } from './shapes.ts'
import { judgedVote } from './tournament.ts'

/**
 * Decides a run's answer, which segment gave it, and the votes. Both the engine and the page use
 * these functions.
 */

export type VoteDraft = EventDraft<'vote'>

export interface Decision {
  answer: string | null
  /** The vote that decided, if it is not already in the state. */
  vote: VoteDraft | null
}

/** Returns whether groups end in summaries; otherwise the paths' own answers count. */
const fuses = ({ model, settings }: RunState): boolean =>
  settings !== null && shapeOf(settings, (model?.nativePaths ?? 0) > 0).summaries

const overPaths = (state: RunState): boolean =>
  votesOverPaths(state, (state.model?.nativePaths ?? 0) > 0)

/** Returns the number of groups of paths. A round does not count as one: it reads the round before. */
const groupsOf = ({ paths, settings }: Pick<RunState, 'paths' | 'settings'>): number =>
  inRounds({ settings }) ? 1 : paths.reduce((most, { group }) => Math.max(most, group ?? 1), 1)

const inRounds = ({ settings }: Pick<RunState, 'settings'>): boolean =>
  settings !== null && ruleOf(settings.strategy).rounds

/**
 * Returns the answer of a run. Where the question has no single value, it is the whole text of a
 * summary, and nothing is counted. If the user requested a summary or chose an answer by hand, the
 * later of the two decides. Otherwise several groups vote, or the paths of the last round, and a
 * single group has the answer of its summary, or of its path.
 */
export function decide(state: RunState): Decision {
  const kind = questionOf(state)
  if (kind === null) return none
  if (state.settings !== null && ruleOf(state.settings.strategy).judges)
    return judged(state, kind === 'value')
  if (kind !== 'value') {
    const segment = answeringSegment(state)
    return { answer: (segment && spokenText(segment, state)) || null, vote: null }
  }
  const byHand = chosenByHand(state)
  if (byHand !== undefined) return count(state, byHand.over)
  const latest = state.summaries.at(-1)
  const groups = groupsOf(state)
  const byPaths = overPaths(state)
  const summarised = latest !== undefined && (groups === 1 || latest.group === null)
  // A summary that states no value leaves the answer to paths that do.
  const counts = byPaths && countedPaths(state).some(({ answer }) => answer !== null)
  if (summarised && (latest.answer !== null || !counts))
    return { answer: latest.answer?.text ?? null, vote: null }
  if (byPaths) return count(state, 'paths')
  if (fuses(state)) return latest === undefined ? none : count(state, 'summaries')
  if (groups === 1) return { answer: countedPaths(state)[0]?.answer?.text ?? null, vote: null }
  return count(state, 'paths')
}

/** Decides a run whose answers judges compare. A summary that the user asked for later is the answer. */
function judged(state: RunState, values: boolean): Decision {
  const asked = state.summaries.findLast(({ group }) => group === null)
  const byHand = chosenByHand(state) !== undefined
  if (asked !== undefined && !byHand && (!values || asked.answer !== null))
    return { answer: values ? asked.answer!.text : spokenText(asked, state) || null, vote: null }
  const vote = judgedVote(state)
  const votes = vote === null ? state.votes : [{ ...vote, at: state.at }]
  const told = votes.find(({ over }) => over === 'judges')
  if (values) return { answer: told?.classes[told.winner]?.answer ?? null, vote }
  const segment = answeringSegment({ ...state, votes })
  return { answer: (segment && spokenText(segment, state)) || null, vote }
}

const none: Decision = { answer: null, vote: null }

/** Returns the vote that the user decided, unless a summary was started later. */
function chosenByHand({ votes, summaries }: RunState): VoteState | undefined {
  const byHand = votes.find(({ chosen }) => chosen !== undefined)
  return byHand !== undefined && byHand.at >= (summaries.at(-1)?.startedAt ?? 0)
    ? byHand
    : undefined
}

/** Counts a vote, which is new if its classes changed. The user's choice stays if still given. */
function count(state: RunState, over: VoteState['over']): Decision {
  const before = state.votes.find((vote) => vote.over === over)
  const { rule, candidates, weight } = ballot(state, over)
  if (candidates.length === 0 && before === undefined) return none
  const result = vote(candidates, rule)
  const old = before?.classes[before.winner]?.answer ?? null
  if (JSON.stringify(before?.classes) === JSON.stringify(result.classes))
    return { answer: old, vote: null }
  const kept =
    before?.chosen === undefined
      ? undefined
      : result.classes.find(({ answer }) => sameAnswer(answer, old, rule))
  const winner = kept === undefined ? result.winner : result.classes.indexOf(kept)
  const chosen =
    kept === undefined
      ? undefined
      : kept.members.includes(before!.chosen!)
        ? before!.chosen!
        : kept.members[0]!
  return {
    answer: result.classes[winner]?.answer ?? null,
    vote: {
      type: 'vote',
      rule,
      over,
      ...(weight !== undefined && { weight }),
      ...result,
      winner,
      ...(chosen !== undefined && { chosen }),
    },
  }
}

function sameAnswer(a: string | null, b: string | null, rule: ValueRule): boolean {
  const candidates = [a, b].map((answer, i) => ({ member: summaryId(i + 1), answer }))
  return vote(candidates, rule).classes.length === 1
}

interface Ballot {
  rule: ValueRule
  candidates: Candidate[]
  /** What they count by; absent: each counts 1. */
  weight?: Weight
}

/** Returns whose answers a run counts while it works, and by which rule. */
export const ballotOf = (state: RunState): Ballot =>
  ballot(state, fuses(state) && !overPaths(state) ? 'summaries' : 'paths')

/**
 * Returns whose answers are counted, and by which rule. A run without a vote is counted as the page
 * shows it.
 */
function ballot(state: RunState, over: VoteState['over']): Ballot {
  const paths = countedPaths(state).filter((path) => takesPart(path, state))
  const asked = state.settings?.vote ?? 'equality'
  // Values have no behaviour.
  const rule = asked === 'behaviour' ? 'equality' : asked
  if (over === 'summaries') {
    const groups = [...new Set(paths.map(({ group }) => group ?? 1))]
    const voters = groups.map((group) => {
      const own = state.summaries.find((summary) => summary.group === group)
      const member = own?.segment ?? summaryId(group)
      const of = paths.filter((path) => (path.group ?? 1) === group)
      return { member, answer: own?.answer?.text ?? null, of }
    })
    return weighted(rule, voters, state)
  }
  if (inRounds(state) || overPaths(state) || (groupsOf(state) > 1 && !fuses(state))) {
    const voters = paths.map((path) => ({
      member: path.segment,
      answer: votedAnswer(path, state),
      of: [path],
    }))
    return weighted(rule, voters, state)
  }
  return { rule: 'equality', candidates: statements(paths) }
}

/** Returns whether a path takes part in a vote: of the first m paths to end, the others do not. */
const takesPart = ({ reason }: Segment, { settings }: RunState): boolean =>
  reason !== 'cut' || settings === null || firstOf(settings) === 0

/** Gives each voter the mean weight of the paths that its answer is from. */
function weighted(
  rule: ValueRule,
  voters: readonly { member: SegmentId; answer: string | null; of: readonly Segment[] }[],
  { settings }: RunState,
): Ballot {
  const weight = settings?.weight
  const candidates = voters.map(({ member, answer }): Candidate => ({ member, answer }))
  if (weight === undefined) return { rule, candidates }
  const weights = scaled(
    voters.map(({ of }) => {
      const known = of.flatMap((path) => weightOf(path, weight) ?? [])
      return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length
    }),
  )
  if (weights === undefined) return { rule, candidates }
  return { rule, weight, candidates: candidates.map((one, i) => ({ ...one, weight: weights[i]! })) }
}

/**
 * Returns the vote, or the comparison of programs, in which the user chose the answer of this member.
 * The choice is among the classes of the last vote or, if there was none, the answers of the paths.
 * Errors: `no-such-path`, `bad-request`.
 */
export function chooseByHand(
  state: RunState,
  member: SegmentId,
): VoteDraft | EventDraft<'agreement'> {
  const { agreement } = state
  if (questionOf(state) === 'code' && agreement !== null) {
    const { at: _, ...compared } = agreement
    const program = compared.programs[compared.of.indexOf(member)]
    if (program === undefined || program.source === '')
      throw fail('no-such-path/program', { member })
    return { ...compared, chosen: member }
  }
  const ranked = state.votes.find(({ over }) => over === 'judges')
  if (!showsValues(state) && ranked === undefined) throw fail('bad-request/nothing-to-count')
  const last = ranked ?? state.votes.at(-1)
  const { rule, over, classes, tie } = last ?? grouped(state)
  const winner = classes.findIndex(({ members }) => members.includes(member))
  if (winner < 0) throw fail('no-such-path/member', { member })
  return { type: 'vote', rule, over, classes, winner, tie, chosen: member }
}

function grouped(state: RunState): Pick<VoteState, 'rule' | 'over' | 'classes' | 'tie'> {
  const candidates = statements(countedPaths(state))
  if (candidates.every(({ answer }) => answer === null)) throw fail('bad-request/nothing-to-choose')
  return { rule: 'equality', over: 'paths', ...vote(candidates, 'equality') }
}

export interface BoardRow {
  answer: string | null
  members: readonly SegmentId[]
  /** How many votes it has: members, or the sum of their weights. */
  votes: number
  wins: boolean
}

/** What a board of votes shows. */
export interface Board {
  rows: readonly BoardRow[]
  over: VoteState['over']
  /** Votes of all rows, at least 1. */
  total: number
  /** What the votes are weighted by; null: each counts 1. */
  weight: Weight | null
  /** false: the answers are only grouped by equality; there was no vote. */
  voted: boolean
  /** A vote was decided by the lowest number. */
  tie: boolean
  /** The user chose the winner. */
  byHand: boolean
  /** The row that has more than half of the votes for an answer. */
  majority: BoardRow | null
  /** The deciding summary's answer is not that of the majority. */
  disagrees: boolean
  summaryAnswer: string | null
}

/**
 * Returns the board of the vote over summaries, else of that over paths, else of the paths' answers
 * by equality.
 */
export function boardOf(
  state: Pick<RunState, 'paths' | 'votes' | 'agreement' | 'summaries' | 'settings' | 'question'>,
): Board {
  const { votes } = state
  const told =
    votes.find((one) => one.over === 'summaries') ?? votes.find((one) => one.over === 'paths')
  const { classes } = told ?? vote(statements(countedPaths(state)), 'equality')
  const rows = classes.map((one, i) => ({
    ...one,
    votes: strengthOf(one),
    wins: i === told?.winner,
  }))
  const byHand = told?.chosen !== undefined
  const answers = rows.filter(({ answer }) => answer !== null)
  const majority = answers.find(({ votes }) => 2 * votes > votesIn(answers)) ?? null
  const deciding = decidingSummary(state)
  const summaryAnswer = deciding?.answer?.text ?? null
  return {
    rows,
    over: told?.over ?? 'paths',
    total: Math.max(1, votesIn(rows)),
    weight: told?.weight ?? null,
    voted: told !== undefined,
    tie: told?.tie === true && !byHand,
    byHand,
    majority,
    disagrees:
      !byHand &&
      majority !== null &&
      summaryAnswer !== null &&
      !majority.members.includes(deciding!.segment) &&
      !equalAnswers(majority.answer!, summaryAnswer),
    summaryAnswer,
  }
}

const votesIn = (rows: readonly BoardRow[]): number =>
  rows.reduce((sum, { votes }) => sum + votes, 0)
