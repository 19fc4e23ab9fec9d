/**
 * The rules by which a vote ends before all of its paths have. Strategies apply them while a run
 * works, and the path bank to recorded paths (docs/strategies.md).
 */

/**
 * Returns the probability that the leading answer is more likely than the second one, 0..1, after
 * they were given `first` and `second` times: of a Beta(first + 1, second + 1) distribution, what
 * lies above one half (adaptive consistency, arXiv 2305.11860, section 3).
 */
export function certainty(first: number, second: number): number {
  // For whole numbers, that is a binomial tail: at most `first` of n fair coins are heads.
  const n = first + second + 1
  let term = -n * Math.LN2
  let sum = 0
  for (let heads = 0; heads <= first; heads++) {
    sum += Math.exp(term)
    term += Math.log((n - heads) / (heads + 1))
  }
  return Math.min(1, sum)
}

/**
 * What the paths of a run answer in one round of probes: a class of equal answers, null for none, and
 * undefined for a path that was dropped. A path that has ended gives its own answer.
 */
export type Round = readonly (number | null | undefined)[]

export interface Judgement {
  /** The class that leads the last round; null if none does, or at a tie. */
  leader: number | null
  /** How many paths give it, and how many were asked. */
  agree: number
  asked: number
  /** The majority stays: all paths may stop. */
  stop: boolean
  /** Indexes of paths that kept disagreeing. */
  deviating: number[]
}

/**
 * Judges the rounds of probes so far by their last `patience` ones (after Parallel-Probe, arXiv
 * 2602.03845): all paths may stop if one answer led in each of these rounds and more than half of
 * the paths give it; a path deviates if its answer in each of them was another than the leading one.
 */
export function judge(rounds: readonly Round[], patience: number): Judgement {
  const last = rounds.slice(-patience)
  const leaders = last.map(leaderOf)
  const now = leaders.at(-1) ?? { leader: null, agree: 0, asked: 0 }
  const enough = last.length === patience
  const stays = enough && now.leader !== null && leaders.every((one) => one.leader === now.leader)
  const paths = Array.from({ length: rounds.at(-1)?.length ?? 0 }, (_, path) => path)
  return {
    ...now,
    stop: stays && 2 * now.agree > now.asked,
    deviating: paths.filter(
      (path) => enough && last.every((round, i) => differs(round[path], leaders[i]!.leader)),
    ),
  }
}

const differs = (answer: Round[number], leader: number | null): boolean =>
  answer !== null && answer !== undefined && leader !== null && answer !== leader

function leaderOf(round: Round): Pick<Judgement, 'leader' | 'agree' | 'asked'> {
  const votes = new Map<number, number>()
  for (const answer of round)
    if (answer !== null && answer !== undefined) votes.set(answer, (votes.get(answer) ?? 0) + 1)
  const agree = Math.max(0, ...votes.values())
  const leading = [...votes].filter(([, count]) => count === agree)
  return {
    leader: leading.length === 1 ? leading[0]![0] : null,
    agree,
    asked: round.filter((answer) => answer !== undefined).length,
  }
}
