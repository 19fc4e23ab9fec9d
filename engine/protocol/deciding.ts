import { answeringPaths } from './forks.ts'
import { framedText } from './frame.ts'
import type { ProgramRecord } from './programs.ts'
import { likelyKind, questionOf, showsValues } from './question.ts'
import { isOpen, pathsKept, type RunState, type Segment } from './run-state.ts'
import { roleOf, type SegmentId } from './segments.ts'
import { takesAnswerBy } from './shapes.ts'
import { afterThought } from './thoughts.ts'

type Deciding = Pick<RunState, 'summaries' | 'votes' | 'agreement' | 'settings' | 'question'>

/**
 * Returns the summary that gives the run's answer: the latest one that a user asked for, unless a
 * vote between groups came later; else the one that won that vote. Where there is nothing to count,
 * the one whose program was chosen, or the first group's summary. Separate from decision.ts so that
 * the page can start without the rules of equality.
 */
export function decidingSummary(state: Deciding): Segment | undefined {
  const { summaries, votes } = state
  const latest = summaries.at(-1)
  if (latest === undefined) return undefined
  const judged = judgedWinner(state)
  if (judged !== undefined) return summaries.find(({ segment }) => segment === judged)
  const program = decidingProgram(state)
  const chosen = summaries.find(({ segment }) => segment === program)
  if (chosen !== undefined) return chosen
  if (!showsValues(state)) return latest.group === null ? latest : summaries[0]
  const vote = votes.find(({ over }) => over === 'summaries')
  const members = vote?.classes[vote.winner]?.members ?? []
  const won = summaries.find(({ segment }) => members.includes(segment))
  return won === undefined || latest.startedAt > vote!.at ? latest : won
}

/**
 * Returns the paths whose answers count, and that the run's own summary reads: all that may answer
 * and were not dropped; of a run in rounds, those of the last round in which a path ended by itself or at its
 * budget, or else of the last one that has text.
 */
export function countedPaths(state: Pick<RunState, 'paths' | 'settings'>): readonly Segment[] {
  const kept = pathsKept({ paths: answeringPaths(state) })
  if ((state.settings?.rounds ?? 1) < 2) return kept
  const written = kept.filter(({ status, tokens }) => status !== 'failed' && tokens.length > 0)
  const ended = written.filter(({ reason }) => reason === 'finished' || reason === 'budget')
  const last = (ended.length > 0 ? ended : written).reduce(
    (most, { group }) => Math.max(most, group ?? 1),
    1,
  )
  return kept.filter(({ group }) => (group ?? 1) === last)
}

/**
 * Returns whether a vote over the paths answers a run instead of a summary, as far as that is known;
 * by `auto`, only if two of them agree, which is not looked at here.
 */
export function votesOverPaths(
  state: Pick<RunState, 'settings' | 'question' | 'paths' | 'thought' | 'problem'>,
  trained: boolean,
): boolean {
  const { settings } = state
  if (settings === null || !takesAnswerBy(settings.strategy)) return false
  const { answerBy = 'summary' } = settings
  if (answerBy !== 'auto') return answerBy === 'vote'
  return !trained && likelyKind(state) === 'value'
}

/**
 * Returns the segment whose program is the run's answer; undefined if none is. The one that the user
 * chose, unless a summary was started later; else the one that agrees most with the others, unless
 * the run has a summary that was not itself chosen from.
 */
export function decidingProgram(
  state: Pick<RunState, 'agreement' | 'summaries' | 'settings' | 'question'>,
): SegmentId | undefined {
  const { agreement, summaries } = state
  if (agreement === null || questionOf(state) !== 'code') return undefined
  const { of, winner, chosen } = agreement
  if (chosen !== undefined && agreement.at >= (summaries.at(-1)?.startedAt ?? 0)) return chosen
  const ofSummaries = of.every((segment) => roleOf(segment) === 'summary')
  const all = summaries.every(({ segment }) => ofSummaries && of.includes(segment))
  return winner === null || !all ? undefined : of[winner]
}

/** Returns the program that is the run's answer, as it ran, and whose it is; null if there is none. */
export function answeringProgram(
  state: Parameters<typeof decidingProgram>[0],
): { segment: SegmentId; program: ProgramRecord } | null {
  const segment = decidingProgram(state)
  if (segment === undefined || state.agreement === null) return null
  // Programs that could not be compared again leave no record.
  const program = state.agreement.programs[state.agreement.of.indexOf(segment)]
  return program === undefined ? null : { segment, program }
}

/**
 * Returns the segment that judges prefer, or that the user chose among those that they ranked;
 * undefined if there were none, or if the user asked for a summary later.
 */
export function judgedWinner({
  votes,
  summaries,
}: Pick<RunState, 'votes' | 'summaries'>): SegmentId | undefined {
  const vote = votes.find(({ over }) => over === 'judges')
  if (vote === undefined) return undefined
  const asked = summaries.findLast(({ group }) => group === null)
  const byHand = vote.chosen !== undefined && vote.at >= (asked?.startedAt ?? 0)
  if (asked !== undefined && !byHand) return undefined
  return vote.chosen ?? vote.classes[vote.winner]?.members[0]
}

/**
 * Returns the segment whose text is the run's answer, for a question without a single value: the one
 * whose program is chosen, the one that judges prefer, the deciding summary, or the path of a run that has only one. Otherwise
 * there is no answer yet.
 */
export function answeringSegment(state: Deciding & Pick<RunState, 'paths'>): Segment | undefined {
  const program = decidingProgram(state)
  if (program !== undefined)
    return [...state.paths, ...state.summaries].find(({ segment }) => segment === program)
  const judged = judgedWinner(state)
  if (judged !== undefined)
    return [...state.paths, ...state.summaries].find(({ segment }) => segment === judged)
  const summary = decidingSummary(state)
  if (summary !== undefined) return summary
  const paths = countedPaths(state)
  return paths.length === 1 ? paths[0] : undefined
}

/**
 * Returns the segment that a reader takes for the run's answer, and that a follow-up builds on: where
 * answers were counted and no summary gave one later, the first that gave the one that won; else that
 * of `answeringSegment`.
 */
export function spokesman(state: Deciding & Pick<RunState, 'paths'>): Segment | undefined {
  const { votes, paths, summaries } = state
  const vote = votes.find(({ chosen }) => chosen !== undefined) ?? votes.at(-1)
  const latest = summaries.at(-1)
  const counts =
    vote !== undefined &&
    showsValues(state) &&
    (latest === undefined ||
      (vote.chosen !== undefined && vote.at >= latest.startedAt) ||
      (vote.over !== 'summaries' && !isOpen(latest) && latest.answer === null))
  if (!counts) return answeringSegment(state)
  const won = vote.chosen ?? vote.classes[vote.winner]?.members[0]
  return [...paths, ...summaries].find(({ segment }) => segment === won)
}

/** Returns what a segment says to a reader: without its control tokens and its thought. */
export const spokenText = (
  segment: Pick<Segment, 'text' | 'tokens'>,
  { thought }: Pick<RunState, 'thought'>,
): string => afterThought(framedText(segment), thought).trim()
