import { countedPaths, votesOverPaths } from '../protocol/deciding.ts'
import { ballotOf } from '../protocol/decision.ts'
import { strengthOf, vote } from '../protocol/answers/vote.ts'
import { likelyKind } from '../protocol/question.ts'
import { ruleOf, type Shape } from '../protocol/shapes.ts'
import { certainty } from '../protocol/stopping.ts'
import type { Action, View } from './strategy.ts'

/**
 * The stop rule `decided` (adaptive consistency, arXiv 2305.11860): paths are opened in waves, and
 * no further wave is opened once the leading answer is sure enough to be that of the majority.
 */

export type Verdict =
  | { type: 'decided'; notice: Extract<Action, { type: 'notice' }> }
  /** How many groups the next wave has. */
  | { type: 'open'; groups: number }

/**
 * Returns whether a vote answers instead of a summary. Where no two paths agree, `auto` leaves it to a
 * summary to tell which one is right; a single path needs none.
 */
export function votesInstead({ settings, state, trained }: View): boolean {
  if (!votesOverPaths(state, trained)) return false
  if (settings.answerBy === 'vote' || countedPaths(state).length === 1) return true
  const { rule, candidates } = ballotOf(state)
  return vote(candidates, rule).classes.some(
    ({ answer, members }) => answer !== null && members.length > 1,
  )
}

/** Returns whether the answers of the waves so far, which have ended, decide the vote. */
export function whetherDecided({ groups, size }: Shape, { settings, state }: View): Verdict {
  const { stop, wave, sure = 1, strategy } = settings
  const all: Verdict = { type: 'open', groups }
  if (stop !== 'decided' || wave === undefined || !ruleOf(strategy).votes) return all
  const next: Verdict = { type: 'open', groups: Math.max(1, Math.floor(wave / size)) }
  if (state.paths.length === 0) return next
  const kind = likelyKind(state)
  // Nothing is counted for other questions, so waiting for answers would only cost time.
  if (kind !== 'value') return all
  const { rule, candidates } = ballotOf(state)
  const result = vote(candidates, rule)
  const leading = result.classes[result.winner]
  if (leading === undefined || leading.answer === null) return next
  // The posterior is about how often each answer is given, whatever a vote weights it by.
  const others = result.classes.filter((one) => one !== leading && one.answer !== null)
  const second = Math.max(0, ...others.map(({ members }) => members.length))
  const probability = certainty(leading.members.length, second)
  if (probability < sure || (result.tie && strengthOf(leading) > 0)) return next
  const [paths, of] = [new Set(state.paths.map(({ group }) => group)).size * size, groups * size]
  return {
    type: 'decided',
    notice: {
      type: 'notice',
      code: 'stopped-decided',
      // Rounded down: nothing is 100 % sure.
      params: {
        paths,
        of,
        sure: Math.floor(probability * 100),
        saved: Math.round(100 - (100 * paths) / of),
      },
    },
  }
}
