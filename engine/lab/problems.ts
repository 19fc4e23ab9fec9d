import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'
import { BraidError } from '../protocol/errors.ts'
import { MAX_PROBLEM_CHARS } from '../protocol/request.ts'

const MAX_FILE_BYTES = 256 * 1024 * 1024

/**
 * What makes an answer right: mathematical equality with `answer`, or the rules of the numbers
 * game.
 */
export type Expected =
  | { kind: 'answer'; answer: string }
  | { kind: 'numbers'; numbers: readonly number[]; target: number }

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

export interface Fields {
  /** Field of the problem's text; default `problem`. */
  problem?: string
  /** Field of the answer; default: `numbers` and `target` if a line has both, else `answer`. */
  answer?: string
}

const Text = z.string().min(1).max(MAX_PROBLEM_CHARS)
const AnswerValue = z.union([z.string().trim().min(1).max(10_000), z.number(), z.boolean()])
const Numbers = z.array(z.int().min(0).max(999_999_999)).min(1).max(16)
const Target = z.int().min(-999_999_999).max(999_999_999)

/**
 * Reads a problem set: JSON lines, or one JSON array of objects. Throws `io`, or `bad-request` with
 * the line (in an array, the entry) that cannot be used and why.
 */
export function readProblems(file: string, fields: Fields = {}): ProblemSet {
  let bytes: Buffer
  try {
    if (statSync(file).size > MAX_FILE_BYTES)
      throw new BraidError('bad-request', `${file} is larger than 256 MiB.`)
    bytes = readFileSync(file)
  } catch (error) {
    if (error instanceof BraidError) throw error
    throw new BraidError('io', `Cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
  const problems = entries(file, bytes.toString('utf8').replace(/^\ufeff/, '')).map(
    ({ where, value }, index) => {
      try {
        return { index, ...readProblem(value, fields) }
      } catch (error) {
        throw new BraidError(
          'bad-request',
          `${where}: ${error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message}`,
          { cause: error },
        )
      }
    },
  )
  if (problems.length === 0) throw new BraidError('bad-request', `${file} holds no problems.`)
  return { problems, sha256: createHash('sha256').update(bytes).digest('hex') }
}

function entries(file: string, text: string): { where: string; value: unknown }[] {
  if (text.trimStart().startsWith('[')) {
    const list = parse(`${file}`, text)
    return (list as unknown[]).map((value, i) => ({ where: `${file}, entry ${i + 1}`, value }))
  }
  return text.split('\n').flatMap((line, i) => {
    const where = `${file}, line ${i + 1}`
    return line.trim() === '' ? [] : [{ where, value: parse(where, line) }]
  })
}

function parse(where: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new BraidError(
      'bad-request',
      `${where}: this is not valid JSON (${(error as Error).message}).`,
      { cause: error },
    )
  }
}

function readProblem(value: unknown, fields: Fields): Omit<Problem, 'index'> {
  const line = z.record(z.string(), z.unknown(), 'not an object').parse(value)
  const name = fields.problem ?? 'problem'
  if (!Object.hasOwn(line, name))
    throw new Error(
      `no field "${name}" (name it with --problem-field). Fields: ${Object.keys(line).join(', ')}`,
    )
  return { problem: Text.parse(line[name]), expected: expected(line, fields.answer) }
}

function expected(line: Record<string, unknown>, field: string | undefined): Expected {
  if (field === undefined && line.numbers !== undefined && line.target !== undefined) {
    return {
      kind: 'numbers',
      numbers: Numbers.parse(line.numbers),
      target: Target.parse(line.target),
    }
  }
  const name = field ?? 'answer'
  if (!Object.hasOwn(line, name))
    throw new Error(
      `no field "${name}" (name it with --answer-field), nor "numbers" and "target". Fields: ${Object.keys(line).join(', ')}`,
    )
  return { kind: 'answer', answer: String(AnswerValue.parse(line[name])) }
}
