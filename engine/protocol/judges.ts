import type { RunState, Segment } from './run-state.ts'
import type { SegmentId } from './segments.ts'
import type { Answer } from './tokens.ts'

/**
 * Judges compare two texts of a run at a time and say which one is better (docs/strategies.md, "A
 * tournament of answers"). Free of the rules of equality, so that the page starts without them.
 */

/** The most tokens of a judgement: a few sentences of reasons, and the verdict. */
export const JUDGE_TOKENS = 256

const VERDICT = new RegExp(
  [
    String.raw`(?:\bbetter|更好)\s{0,8}[:：][\s*_"'\x60(\[{<]{0,12}`,
    String.raw`(?:attempt\s{0,8}|answer\s{0,8}|尝试\s{0,8})?([12])`,
    // "1 or 2" names neither.
    String.raw`(?!\d|\s{0,8}(?:or|and|,|/|或|和|、)\s{0,8}(?:attempt\s{0,8}|尝试\s{0,8})?[12])`,
  ].join(''),
  'giu',
)

/**
 * Returns the verdict of a judge that was shown these two segments in this order: the one that it
 * names last, as the address of the segment. null: it names neither, or both in its last such line.
 */
export function verdictIn(text: string, reads: readonly SegmentId[]): Answer | null {
  const matches = [...text.matchAll(VERDICT)]
  const match = matches.at(-1)
  const named = match === undefined ? undefined : reads[Number(match[1]) - 1]
  if (match === undefined || named === undefined) return null
  // A line with both verdicts repeats what was asked.
  const line = text.lastIndexOf('\n', match.index)
  if (matches.some((other) => other.index > line && other[1] !== match[1])) return null
  return { text: named, span: [match.index, match.index + match[0].length], kind: 'verdict' }
}

/** Returns the judges of a run, each of which was shown two segments. */
export const judgesOf = ({ others }: Pick<RunState, 'others'>): Segment[] =>
  others.filter(({ role, reads }) => role === 'judge' && reads.length === 2)

/** Returns which segment a judge prefers; null for neither, or if it has not ended. */
export const preferredBy = ({ answer, reads }: Segment): SegmentId | null =>
  answer?.kind === 'verdict' ? (reads.find((read) => read === answer.text) ?? null) : null

/** Returns the number of the latest round that was opened; 0 if none was. */
export const latestJudged = (state: Pick<RunState, 'others'>): number =>
  judgesOf(state).reduce((most, { group }) => Math.max(most, group ?? 1), 0)

/** Two segments that met in a round, and the judges that compared them. */
export interface Match {
  round: number
  pair: readonly [SegmentId, SegmentId]
  judges: Segment[]
}

/** Returns the matches of a run, in the order in which they were opened. */
export function matchesOf(state: Pick<RunState, 'others'>): Match[] {
  const matches: Match[] = []
  for (const judge of judgesOf(state)) {
    const [a, b] = judge.reads as [SegmentId, SegmentId]
    const round = judge.group ?? 1
    const match = matches.find((one) => one.round === round && samePair(one.pair, [a, b]))
    if (match === undefined) matches.push({ round, pair: [a, b], judges: [judge] })
    else match.judges.push(judge)
  }
  return matches
}

const samePair = (one: Match['pair'], other: Match['pair']): boolean =>
  other.every((segment) => one.includes(segment))

/** Returns how many judges of a match prefer each of the two. */
export const scoreOf = ({ pair, judges }: Match): [number, number] => {
  const votes = judges.map(preferredBy)
  const count = (segment: SegmentId) => votes.filter((vote) => vote === segment).length
  return [count(pair[0]), count(pair[1])]
}
