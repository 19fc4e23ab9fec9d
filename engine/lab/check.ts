import { extractAnswer, lastNumber } from '../prompt/index.ts'
import { equalAnswers } from '../protocol/answers/equality.ts'
import { vote } from '../protocol/answers/vote.ts'
import type { Answer, SegmentId } from '../protocol/events.ts'
import type { AnswerRule } from '../protocol/lab.ts'
import type { ValueRule } from '../protocol/request.ts'
import { checkCountdown } from './countdown.ts'
import type { Expected } from './problems.ts'

/** The text of a path or a summary, and the answer found in it. */
export interface Statement {
  text: string
  answer: Answer | null
}

/**
 * Returns a text with the answer to `question` that counts, whatever was found in it when it was
 * recorded.
 */
export const statement = (text: string, rule: AnswerRule, question: string): Statement => ({
  text,
  answer: extractAnswer(text, question) ?? (rule === 'last-number' ? lastNumber(text) : null),
})

/** A statement of a run: of which path or summary. */
export interface Ballot extends Statement {
  member: SegmentId
}

/** Returns the statements of paths or summaries, in order. */
export const ballots = (
  segments: readonly { segment: SegmentId; text: string }[],
  rule: AnswerRule,
  question: string,
): Ballot[] =>
  segments.map(({ segment, text }) => ({ member: segment, ...statement(text, rule, question) }))

/** Returns the statement of the first member of the class that wins a vote. */
export function elected(of: readonly Ballot[], rule: ValueRule): Ballot | undefined {
  const { classes, winner } = vote(
    of.map(({ member, answer }) => ({ member, answer: answer?.text ?? null })),
    rule,
  )
  return of.find(({ member }) => member === classes[winner]?.members[0])
}

/**
 * Returns whether a model's own text is correct; the model sees nothing of this. An `answer` is
 * compared mathematically, as in a vote. In the numbers game the answer must be the expression or
 * its steps. If the answer was not boxed, only the end of its line was found ("Solved: 4 + 2 = 6, 6
 * * 11 = 66"), so the line is also read, from its last colon.
 */
export function isCorrect(expected: Expected, { text, answer }: Statement): boolean {
  if (answer === null || expected.kind === 'unscored') return false
  if (expected.kind === 'answer') return equalAnswers(answer.text, expected.answer)
  const right = (part: string) =>
    checkCountdown(part, expected.numbers, expected.target) === 'correct'
  return right(bare(answer.text)) || (answer.kind !== 'boxed' && right(lineOf(text, answer)))
}

/** Removes the delimiters of a formula and a final full stop. */
function bare(text: string): string {
  return text.replace(/^\s*(?:\$\$?|\\[([])/, '').replace(/(?:\$\$?|\\[)\]])?\s*\.?\s*$/, '')
}

function lineOf(text: string, { span: [start, end] }: Answer): string {
  const from = text.lastIndexOf('\n', start - 1) + 1
  const to = text.indexOf('\n', end)
  const line = text.slice(from, to < 0 ? text.length : to).replace(/<\/?(?:think\d*|summary)>/g, '')
  return bare(line.slice(line.lastIndexOf(':') + 1))
}
