import { createHash } from 'node:crypto'
import { z } from 'zod'
import { MAX_TEXT_FILE, readRegular } from '../files/index.ts'
import { extractAnswer, LETTERS, nameOf, type Option } from '../prompt/index.ts'
import { BraidError, fail } from '../protocol/errors.ts'
import type { LabFields, Unscored } from '../protocol/lab.ts'
import { MAX_PROBLEM_CHARS } from '../protocol/request.ts'
import { readEntries } from './json-lines.ts'

/**
 * What makes an answer right: mathematical equality with `answer`, or the rules of the numbers
 * game. `unscored`: the reference is not a short answer, so nothing can be compared with it.
 */
export type Expected =
  | { kind: 'answer'; answer: string }
  | { kind: 'numbers'; numbers: readonly number[]; target: number }
  | { kind: 'unscored' }

export interface Problem {
  /** Position in the file, from 0; names the problem in results. */
  index: number
  problem: string
  expected: Expected
}

export interface ProblemSet {
  problems: readonly Problem[]
  /** SHA-256 of the file in hex. */
  sha256: string
}

const Text = z.string().min(1).max(MAX_PROBLEM_CHARS)
const AnswerValue = z.union([z.string().trim().min(1).max(10_000), z.number(), z.boolean()])
const Numbers = z.array(z.int().min(0).max(999_999_999)).min(1).max(16)
const Target = z.int().min(-999_999_999).max(999_999_999)

/**
 * Reads a problem set: JSON lines, or one JSON array of objects, with references as GSM8K (`####
 * 18`), MATH (`\boxed{}`) and sets of multiple choice publish them. Throws `io`, or `bad-request` with
 * the line (in an array, the entry) that cannot be used and why.
 */
export const readProblems = (file: string, fields: LabFields = {}): ProblemSet =>
  problemsIn(file, readSet(file), fields)

/** Returns the bytes of a problem set. Throws `bad-path`, `io`, or `bad-request` if it is too large. */
export function readSet(file: string): Buffer {
  try {
    return readRegular(file, MAX_TEXT_FILE)
  } catch (error) {
    if (error instanceof BraidError) throw error
    throw fail('io/set', { file, reason: (error as Error).message }, { cause: error })
  }
}

/** As `readProblems`, for a file that was read. */
export function problemsIn(file: string, bytes: Buffer, fields: LabFields): ProblemSet {
  const problems = readEntries(file, bytes.toString('utf8'), (value, index) => ({
    index,
    ...readProblem(value, fields),
  }))
  if (problems.length === 0) throw fail('bad-request/set-empty', { file })
  return { problems, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** Returns the problems that can be scored. */
export const scored = ({ problems }: Pick<ProblemSet, 'problems'>): Problem[] =>
  problems.filter(({ expected }) => expected.kind !== 'unscored')

/** Returns which problems cannot be scored. */
export function unscoredIn({ problems }: Pick<ProblemSet, 'problems'>): Unscored {
  const left = problems.filter(({ expected }) => expected.kind === 'unscored')
  return {
    count: left.length,
    of: problems.length,
    first: left.slice(0, 10).map(({ index }) => index + 1),
  }
}

/** Returns a sentence about the problems that cannot be scored; null if all can. */
export function unscoredNote({ count, of, first }: Unscored): string | null {
  if (count === 0) return null
  const more = count > first.length ? ', ...' : ''
  return `${count} of ${of} problems are left out, because their reference is not a short answer: problem ${first.join(', ')}${more}.`
}

/** Returns the name of the field that holds a line's problem. */
export const problemField = (line: Record<string, unknown>, { problem }: LabFields): string =>
  problem ?? ('problem' in line ? 'problem' : 'question')

/** Returns the name of the field that holds a line's answer; null: `numbers` and `target`. */
export const answerField = (line: Record<string, unknown>, { answer }: LabFields): string | null =>
  answer === undefined && line.numbers !== undefined && line.target !== undefined
    ? null
    : (answer ?? ANSWER_FIELDS.find((one) => Object.hasOwn(line, one)) ?? 'answer')

function readProblem(value: unknown, fields: LabFields): Omit<Problem, 'index'> {
  const line = z.record(z.string(), z.unknown(), 'not an object').parse(value)
  const name = problemField(line, fields)
  if (!Object.hasOwn(line, name))
    throw new Error(
      `no field "${fields.problem ?? 'problem'}" (name it with --problem-field). Fields: ${Object.keys(line).join(', ')}`,
    )
  const choices = choicesOf(line)
  const text = Text.parse(line[name])
  return {
    problem: choices === null ? text : withChoices(text, choices),
    expected: expectedOf(line, fields.answer, ' (name it with --answer-field)'),
  }
}

const ANSWER_FIELDS = ['answer', 'final_answer', 'answerKey', 'correct', 'solution'] as const

/** Returns what makes an answer to a line of a problem set right. Errors: it has no such field. */
export function expectedOf(line: Record<string, unknown>, field?: string, hint = ''): Expected {
  const name = answerField(line, { answer: field })
  if (name === null) {
    return {
      kind: 'numbers',
      numbers: Numbers.parse(line.numbers),
      target: Target.parse(line.target),
    }
  }
  if (!Object.hasOwn(line, name))
    throw new Error(
      `no field "${name}"${hint}, nor "numbers" and "target". Fields: ${Object.keys(line).join(', ')}`,
    )
  const value = AnswerValue.parse(line[name])
  const choices = choicesOf(line)
  const answer = (choices === null ? null : chosen(value, choices)) ?? referenceIn(String(value))
  return answer === null ? { kind: 'unscored' } : { kind: 'answer', answer }
}

/** References of more characters or words are not short answers. */
const MAX_REFERENCE = { chars: 200, words: 15 }

/**
 * Returns the short answer that a reference gives: what stands after its last `####`, else in its
 * last `\boxed{}`, else all of it. Returns null for a longer text that states no answer.
 */
export function referenceIn(reference: string): string | null {
  const marked = [...reference.matchAll(/^[ \t]*####[ \t]*(\S.*)$/gm)].at(-1)?.[1]
  if (marked !== undefined) return marked.trim()
  const text = reference.trim()
  const stated = extractAnswer(text)
  if (stated?.kind === 'boxed') return stated.text
  const isShort =
    text.length <= MAX_REFERENCE.chars &&
    text.split(/\s+/).length <= MAX_REFERENCE.words &&
    (!text.includes('\n') || text.includes('\\begin{'))
  if (isShort) return text
  return stated !== null && (stated.kind === 'final-answer' || stated.kind === 'choice')
    ? stated.text
    : null
}

const Options = z
  .array(z.union([z.string(), z.number(), z.boolean()]))
  .min(2)
  .max(LETTERS.length)
const Labelled = z.object({ text: Options, label: z.array(z.string()).optional() })
const ByLetter = z.record(z.string().regex(/^[A-J]$/), z.union([z.string(), z.number()]))

/** Reads `choices` or `options`: a list, { text, label } as ARC has it, or one field per letter. */
function choicesOf(line: Record<string, unknown>): Option[] | null {
  const given = line.choices ?? line.options
  const lettered = ByLetter.safeParse(given)
  if (lettered.success && Object.keys(lettered.data).length > 1)
    return Object.entries(lettered.data).map(([letter, text]) => ({ letter, text: String(text) }))
  const labelled = Labelled.safeParse(given)
  const list = labelled.success ? labelled.data.text : Options.safeParse(given).data
  return (
    list?.map((text, i) => ({
      letter: LETTERS[i]!,
      // Some sets write the letter into the option: "A) 21".
      text: String(text).replace(new RegExp(`^\\(?${LETTERS[i]}\\s?[).:]\\s*`), ''),
    })) ?? null
  )
}

/** Returns the option that a reference names by its letter, its text or its index from 0. */
function chosen(value: string | number | boolean, choices: readonly Option[]): string | null {
  const text = String(value).trim()
  const letter = /^\(?([A-J])\)?[.:]?$/i.exec(text)?.[1]?.toUpperCase()
  const found =
    choices.find((choice) => choice.letter === letter) ??
    choices.find((choice) => choice.text === text) ??
    (typeof value === 'number' || /^\d$/.test(text) ? choices[Number(value)] : undefined)
  return found === undefined ? null : nameOf(found)
}

/** Adds the options to a problem that does not name them. */
function withChoices(problem: string, choices: readonly Option[]): string {
  if (choices.every(({ text }) => problem.includes(text))) return problem
  return `${problem}\n\n${choices.map(({ letter, text }) => `(${letter}) ${text}`).join('\n')}`
}
