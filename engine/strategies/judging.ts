import { JUDGE_TOKENS, judgesOf, latestJudged, preferredBy } from '../protocol/judges.ts'
import { isOpen, type Segment } from '../protocol/run-state.ts'
import { segmentId } from '../protocol/segments.ts'
import type { Shape } from '../protocol/shapes.ts'
import { haveMet, standingsOf, type Standing } from '../protocol/tournament.ts'
import { judgeSeed } from './seeds.ts'
import type { Action, OpenJudge, View } from './strategy.ts'

/**
 * The rounds of a tournament (after V1, arXiv 2603.04304), in Swiss pairing: candidates meet others of
 * about the same rank, and nobody twice. Each pair is judged in both orders, so that a judge that
 * prefers what it reads first gives one point to each.
 */

/** Returns the judges of the next round, once every path and judge has ended. */
export function nextJudges({ judgements }: Pick<Shape, 'judgements'>, view: View): Action[] {
  const { state, settings, trained } = view
  const round = latestJudged(state) + 1
  const pairs = round > judgements ? [] : pairsOf(standingsOf(state), judgesOf(state))
  if (pairs.length === 0) return silence(view)
  const from = judgesOf(state).reduce((most, { number }) => Math.max(most, number), 0) + 1
  return pairs
    .flatMap(([a, b]) => [
      [a, b],
      [b, a],
    ])
    .map((pair, i): OpenJudge => ({
      type: 'open',
      role: 'judge',
      segment: segmentId('judge', from + i),
      group: round,
      reads: pair.map(({ members }) => members[0]!),
      // A trained model's join has no words between the texts.
      fusion: trained ? 'reread' : (state.fusion ?? 'reread'),
      seed: judgeSeed(settings.seed, from + i),
      budget: JUDGE_TOKENS,
    }))
}

type Pair = [Standing, Standing]

/** Pairs candidates, the best first. Of an odd number, the last one that never sat out does. */
function pairsOf(standings: readonly Standing[], judges: readonly Segment[]): Pair[] {
  if (standings.length % 2 === 0) return matched(standings, judges) ?? []
  const rounds = new Set(judges.map(({ group }) => group)).size
  for (const one of [...standings].reverse()) {
    const played = judges.filter(({ reads }) => reads.some((read) => one.members.includes(read)))
    if (new Set(played.map(({ group }) => group)).size < rounds) continue
    const pairs = matched(
      standings.filter((other) => other !== one),
      judges,
    )
    if (pairs !== null) return pairs
  }
  return []
}

/** Pairs each with the next one that it has not met; null if they cannot all be paired. */
function matched([first, ...rest]: readonly Standing[], judges: readonly Segment[]): Pair[] | null {
  if (first === undefined) return []
  for (const other of rest) {
    if (haveMet(first, other, judges)) continue
    const pairs = matched(
      rest.filter((one) => one !== other),
      judges,
    )
    if (pairs !== null) return [[first, other], ...pairs]
  }
  return null
}

/** Says once how many judges named nobody. */
function silence({ state }: View): Action[] {
  const ended = judgesOf(state).filter((judge) => !isOpen(judge))
  const silent = ended.filter((judge) => preferredBy(judge) === null).length
  if (silent === 0 || state.notices.some(({ code }) => code === 'judges-silent')) return []
  return [{ type: 'notice', code: 'judges-silent', params: { silent, of: ended.length } }]
}
