import type { ValueRule } from '../request.ts'
import { bySegment, type SegmentId } from '../segments.ts'
import { asFraction, sameAsWritten, type Meaning } from './meaning.ts'
import { meaningOf } from './reading.ts'

/** A candidate: a path or a summary, and its answer. */
export interface Candidate {
  member: SegmentId
  answer: string | null
}

export interface VoteResult {
  /**
   * Ordered by votes, descending, then by lowest member; `answer` is as the lowest member wrote it.
   * Members ascend.
   */
  classes: { answer: string | null; members: SegmentId[] }[]
  /** Index into `classes`. */
  winner: number
  /** Another class has as many votes as the winner. */
  tie: boolean
}

/**
 * Counts equal answers. Candidates without an answer form a class that wins only if nobody
 * answered. A tie goes to the class with the lowest member. The result does not depend on the order
 * of the candidates.
 */
export function vote(candidates: readonly Candidate[], rule: ValueRule): VoteResult {
  const ordered = [...candidates].sort((a, b) => bySegment(a.member, b.member))
  const answered = ordered.filter(
    (c): c is { member: SegmentId; answer: string } => c.answer !== null,
  )
  const silent = ordered.filter((c) => c.answer === null).map((c) => c.member)
  const classes: VoteResult['classes'] = rule === 'text' ? byText(answered) : byEquality(answered)
  for (const { members } of classes) members.sort(bySegment)
  classes.sort(byStrength)
  if (silent.length > 0) classes.push({ answer: null, members: silent })
  const [first, second] = classes
  const tie =
    first !== undefined &&
    second !== undefined &&
    second.answer !== null &&
    first.members.length === second.members.length
  return { classes: classes.sort(byStrength), winner: Math.max(0, classes.indexOf(first!)), tie }
}

function byStrength(a: VoteResult['classes'][number], b: VoteResult['classes'][number]): number {
  return b.members.length - a.members.length || bySegment(a.members[0]!, b.members[0]!)
}

type Answered = { member: SegmentId; answer: string }

function byText(answered: readonly Answered[]): { answer: string; members: SegmentId[] }[] {
  const classes = new Map<string, { answer: string; members: SegmentId[] }>()
  for (const { member, answer } of answered) {
    const text = answer.normalize('NFC').trim().replace(/\s+/g, ' ')
    const found = classes.get(text)
    if (found === undefined) classes.set(text, { answer, members: [member] })
    else found.members.push(member)
  }
  return [...classes.values()]
}

/** Groups equal answers. Percentages come last: 50% joins 1/2 if somebody wrote that, else 50. */
function byEquality(answered: readonly Answered[]): { answer: string; members: SegmentId[] }[] {
  const meant = answered.map((candidate) => ({
    ...candidate,
    meaning: meaningOf(candidate.answer),
  }))
  const classes: { answer: string; first: Meaning; members: SegmentId[] }[] = []
  for (const { member, answer, meaning } of [
    ...meant.filter((c) => !c.meaning.percent),
    ...meant.filter((c) => c.meaning.percent),
  ]) {
    const found =
      classes.find(
        ({ first }) =>
          !(meaning.percent && first.percent) && sameAsWritten(first, asFraction(meaning)),
      ) ?? classes.find(({ first }) => sameAsWritten(first, meaning))
    if (found === undefined) classes.push({ answer, first: meaning, members: [member] })
    else {
      found.members.push(member)
      if (found.members.every((other) => bySegment(member, other) <= 0)) found.answer = answer
    }
  }
  return classes.map(({ answer, members }) => ({ answer, members }))
}
