import { vote } from './answers/vote.ts'
import { countedPaths } from './deciding.ts'
import type { EventDraft } from './events.ts'
import { judgesOf, preferredBy } from './judges.ts'
import { likelyKind } from './question.ts'
import type { ValueRule } from './request.ts'
import { isOpen, type RunState, type Segment } from './run-state.ts'
import { bySegment, type SegmentId } from './segments.ts'
import { firstOf, shapeOf } from './shapes.ts'

/**
 * A tournament of answers (after V1, arXiv 2603.04304): in each round, judges compare candidates of
 * about equal rank two at a time. This file ranks them; judges.ts is what the page reads of it.
 */

/** Paths that compete as one: a text, or all paths that give the same value. */
export interface Standing {
  /** The value; null for a text. */
  answer: string | null
  /** The first one is shown to the judges, and is the answer if it wins. */
  members: SegmentId[]
  /** Judgements for it; a whole round that it sat out counts one, as a draw does. */
  points: number
  /** Sum of the points of those that it met (Buchholz). */
  opponents: number
}

/** Returns the segments that compete: paths that have ended with a text, or the summaries of a trained model. */
function competing(state: RunState): Segment[] {
  const settings = state.settings!
  const trained = (state.model?.nativePaths ?? 0) > 0
  const texts = shapeOf(settings, trained).summaries
    ? state.summaries.filter(({ group }) => group !== null)
    : countedPaths(state)
  return texts.filter(
    (one) =>
      !isOpen(one) &&
      one.tokens.length > 0 &&
      !['dropped', 'failed'].includes(one.status) &&
      // Behind the first m paths to end, no other takes part.
      !(firstOf(settings) > 0 && one.reason === 'cut'),
  )
}

const ruleIn = ({ settings }: RunState): ValueRule =>
  settings!.vote === 'text' ? 'text' : 'equality'

/** Returns the candidates. Equal values are one candidate; a path without a value is none if others have one. */
function candidatesOf(state: RunState): Pick<Standing, 'answer' | 'members'>[] {
  const texts = competing(state)
  if (likelyKind(state) === 'value') {
    const answers = texts.map((one) => ({ member: one.segment, answer: one.answer?.text ?? null }))
    const stated = vote(answers, ruleIn(state)).classes.filter(({ answer }) => answer !== null)
    if (stated.length > 0) return stated.map(({ answer, members }) => ({ answer, members }))
  }
  return texts.map(({ segment }) => ({ answer: null, members: [segment] }))
}

/**
 * Returns the candidates in their order: by points, then by the number of paths that give the value,
 * then by the points of their opponents, then by the lowest path.
 */
export function standingsOf(state: RunState): Standing[] {
  if (state.settings === null) return []
  const judges = judgesOf(state)
  const broken = new Set(judges.filter((one) => !saidAll(one)).map(({ group }) => group))
  const whole = new Set(judges.map(({ group }) => group).filter((round) => !broken.has(round)))
  const scored = candidatesOf(state).map((one): Standing => {
    const has = (segment: SegmentId | null) => segment !== null && one.members.includes(segment)
    const mine = judges.filter(({ reads }) => reads.some(has))
    const played = new Set(mine.map(({ group }) => group))
    const sat = [...whole].filter((round) => !played.has(round)).length
    return {
      ...one,
      points: mine.filter((judge) => has(preferredBy(judge))).length + sat,
      opponents: 0,
    }
  })
  const ranked = scored.map((one) => ({
    ...one,
    opponents: scored
      .filter((other) => other !== one && haveMet(one, other, judges))
      .reduce((sum, { points }) => sum + points, 0),
  }))
  return ranked.sort(
    (a, b) =>
      b.points - a.points ||
      b.members.length - a.members.length ||
      b.opponents - a.opponents ||
      bySegment(a.members[0]!, b.members[0]!),
  )
}

/** Returns whether a judge said all that it had to say, or will never say anything. */
const saidAll = ({ reason }: Segment): boolean =>
  reason === 'finished' || reason === 'budget' || reason === 'overflow' || reason === 'failed'

/** Returns whether a judge has compared these two candidates. */
export const haveMet = (a: Standing, b: Standing, judges: readonly Segment[]): boolean =>
  judges.some(
    ({ reads }) =>
      reads.some((read) => a.members.includes(read)) &&
      reads.some((read) => b.members.includes(read)),
  )

/**
 * Returns the outcome of a run's judgements as a vote, if it differs from the one in the state. The
 * user's choice stays while its path takes part. null: nothing changed, or there is nothing to tell
 * texts by, since none was judged.
 */
export function judgedVote(state: RunState): EventDraft<'vote'> | null {
  const [first, second] = standingsOf(state)
  const judged = judgesOf(state).some((judge) => !isOpen(judge))
  if (first === undefined || (second !== undefined && first.answer === null && !judged)) return null
  const before = state.votes.find(({ over }) => over === 'judges')
  const classes = standingsOf(state).map(({ answer, members, points }) => ({
    answer,
    members,
    weight: points,
  }))
  const chosen = before?.chosen
  const kept = classes.findIndex(({ members }) => chosen !== undefined && members.includes(chosen))
  const outcome = { classes, winner: Math.max(0, kept), tie: first.points === second?.points }
  const { classes: old, winner, tie } = before ?? {}
  if (JSON.stringify({ classes: old, winner, tie }) === JSON.stringify(outcome)) return null
  return {
    type: 'vote',
    rule: ruleIn(state),
    over: 'judges',
    ...outcome,
    ...(kept >= 0 && { chosen: chosen! }),
  }
}
