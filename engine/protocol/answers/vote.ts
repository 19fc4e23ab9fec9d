import type { ValueRule } from '../request.ts'
import { bySegment, numberOf, pathId, type SegmentId } from '../segments.ts'
import { asFraction, sameAsWritten, type Meaning } from './meaning.ts'
import { meaningOf } from './reading.ts'

/** A candidate: a path or a summary, and its answer. */
export interface Candidate {
  member: SegmentId
  answer: string | null
  /** What it counts, above 0; absent: 1. Either all candidates of a vote have a weight or none has. */
  weight?: number
}

export interface VoteResult {
  /**
   * Ordered by votes, descending, then by lowest member; `answer` is as the lowest member wrote it.
   * Members ascend. `weight`: what they count together, if they have weights.
   */
  classes: { answer: string | null; members: SegmentId[]; weight?: number }[]
  /** Index into `classes`. */
  winner: number
  /** Another class has as many votes as the winner. */
  tie: boolean
}

/**
 * Counts equal answers, each with its weight. Candidates without an answer form a class that wins only if nobody
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
  if (silent.length > 0) classes.push({ answer: null, members: silent })
  const weights = new Map(candidates.map(({ member, weight }) => [member, weight]))
  for (const one of classes) {
    one.members.sort(bySegment)
    const sum = one.members.reduce((sum, member) => sum + (weights.get(member) ?? 0), 0)
    if (candidates.some(({ weight }) => weight !== undefined))
      one.weight = Number(sum.toFixed(WEIGHT_DIGITS))
  }
  // A class without an answer comes last here: it wins only if nobody answered.
  classes.sort((a, b) => Number(a.answer === null) - Number(b.answer === null) || byStrength(a, b))
  const [first, second] = classes
  const tie =
    first !== undefined &&
    second !== undefined &&
    second.answer !== null &&
    strengthOf(first) === strengthOf(second)
  return { classes: classes.sort(byStrength), winner: Math.max(0, classes.indexOf(first!)), tie }
}

/** Returns, for each answer, a number that equal ones share; null for none. */
export function classesOf(answers: readonly (string | null)[]): (number | null)[] {
  const { classes } = vote(
    answers.map((answer, i) => ({ member: pathId(i + 1), answer })),
    'equality',
  )
  const found: (number | null)[] = answers.map(() => null)
  for (const [i, { answer, members }] of classes.entries())
    if (answer !== null) for (const member of members) found[numberOf(member) - 1] = i
  return found
}

/** Sums of weights are rounded, so that the order in which they are added does not decide a tie. */
const WEIGHT_DIGITS = 4

type Class = VoteResult['classes'][number]

/** Returns how many votes a class has. */
export const strengthOf = ({ members, weight }: Pick<Class, 'members' | 'weight'>): number =>
  weight ?? members.length

function byStrength(a: Class, b: Class): number {
  return strengthOf(b) - strengthOf(a) || bySegment(a.members[0]!, b.members[0]!)
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
