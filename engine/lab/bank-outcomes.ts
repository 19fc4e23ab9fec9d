import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { readText } from '../files/index.ts'
import { MAX_PATHS } from '../protocol/request.ts'
import { fail } from '../protocol/errors.ts'
import { AnswerRule } from '../protocol/lab.ts'
import { Bank, BankInfo, conditions } from './bank.ts'
import { outcomesOf, type Outcome, type Verdict } from './bank-report.ts'
import { readProblems } from './problems.ts'

/**
 * What was right about the problems of a bank, without any of their texts: it may be published where
 * the problems may not, and a bank that was recorded in parts, on several machines, is reported from
 * the outcomes of its parts.
 */
export interface BankOutcomes {
  info: BankInfo
  rule: AnswerRule
  /** Numbers of paths for which votes and summaries were judged. */
  widths: readonly number[]
  outcomes: readonly Outcome[]
}

/** Largest file that is read, in bytes. */
const MAX_FILE = 64 << 20

const Width = z.int().min(1).max(MAX_PATHS)
const byWidth = <T extends z.ZodType>(of: T) =>
  z.record(z.string().regex(/^\d{1,3}$/), z.record(z.string().max(64), of))
const Saved = z.object({
  format: z.literal(1),
  banks: z.array(
    z.object({
      info: BankInfo,
      rule: AnswerRule,
      widths: z.array(Width),
      /** Position of the problem, which of its paths were right (1) and not (0); the same for each method by width, and its tokens. */
      outcomes: z.array(
        z.object({
          problem: z.int().min(0),
          paths: z
            .string()
            .max(MAX_PATHS)
            .regex(/^[01]+$/),
          right: byWidth(z.boolean()),
          tokens: byWidth(z.int().min(0).nullable()).optional(),
        }),
      ),
    }),
  ),
})

/** Returns the text of a file of outcomes: one line per problem. Folders of files are left out. */
export function savedOutcomes(banks: readonly BankOutcomes[]): string {
  const text = banks.map(({ info, rule, widths, outcomes }) => {
    const { data, model } = info
    const named: BankInfo = {
      ...info,
      data: { ...data, file: basename(data.file) },
      model: { ...model, file: basename(model.file) },
    }
    const lines = outcomes.map(({ problem, paths, verdicts }) => {
      const each = (key: keyof Verdict) =>
        Object.fromEntries(
          [...verdicts].map(([width, methods]) => [width, mapValues(methods, (one) => one[key])]),
        )
      const [right, tokens] = [each('right'), each('tokens')]
      return JSON.stringify({ problem, paths: paths.map(Number).join(''), right, tokens })
    })
    const head = JSON.stringify({ info: named, rule, widths }).slice(0, -1)
    return `${head},"outcomes":[\n${lines.join(',\n')}\n]}`
  })
  return `{"format":1,"banks":[\n${text.join(',\n')}\n]}\n`
}

/** How a bank is judged. */
export interface Judging {
  rule: AnswerRule
  /** Default: 4 and 8, where the bank has as many paths. */
  widths?: readonly number[] | undefined
  /** The problems, if the file was moved. */
  data?: string | undefined
}

/**
 * Judges the bank in a folder, or reads what `savedOutcomes` wrote into a file. Errors: `bad-request`,
 * also for a file that was judged by another rule.
 */
export function outcomesAt(place: string, { rule, widths, data }: Judging): BankOutcomes[] {
  if (statSync(place, { throwIfNoEntry: false })?.isFile() === true) {
    const saved = readOutcomes(place)
    const other = saved.find((bank) => bank.rule !== rule)
    if (other !== undefined) throw fail('bad-request/bank-rule', { file: place, rule: other.rule })
    return saved
  }
  const bank = Bank.open(place)
  const { info } = bank
  const file = data ?? info.data.file
  const judged = widths ?? [4, 8].filter((width) => width <= info.paths)
  const outcomes = outcomesOf(bank, readProblems(file, info.data.fields), file, judged, rule)
  return [{ info, rule, widths: judged, outcomes }]
}

const mapValues = <T, U>(
  of: Readonly<Record<string, T>>,
  to: (value: T, key: string) => U,
): Record<string, U> =>
  Object.fromEntries(Object.entries(of).map(([key, value]) => [key, to(value, key)]))

/** Reads a file of outcomes. Errors: `bad-request`. */
function readOutcomes(file: string): BankOutcomes[] {
  const broken = (reason: string, cause?: unknown) =>
    fail('bad-request/bank-outcomes', { file, reason }, { cause })
  let text: string
  try {
    text = readText(file, MAX_FILE)
  } catch (error) {
    throw broken((error as Error).message, error)
  }
  try {
    return Saved.parse(JSON.parse(text)).banks.map(({ outcomes, ...bank }) => ({
      ...bank,
      outcomes: outcomes.map(({ problem, paths, right, tokens }) => ({
        problem,
        paths: [...paths].map((bit) => bit === '1'),
        verdicts: new Map(
          Object.entries(right).map(([width, methods]) => [
            Number(width),
            mapValues(methods, (is, method) => ({
              right: is,
              tokens: tokens?.[width]?.[method] ?? null,
            })),
          ]),
        ),
      })),
    }))
  } catch (error) {
    throw broken(error instanceof z.ZodError ? z.prettifyError(error) : String(error), error)
  }
}

/**
 * Joins parts of the same bank: those that were recorded under equal conditions and judged by the
 * same rule. A problem of several parts is taken from the first, since its paths differ in each.
 */
export function mergedOutcomes(parts: readonly BankOutcomes[]): BankOutcomes[] {
  const banks: BankOutcomes[] = []
  for (const part of parts) {
    const at = banks.findIndex(
      ({ info, rule }) =>
        rule === part.rule && isDeepStrictEqual(conditions(info), conditions(part.info)),
    )
    if (at < 0) {
      banks.push(part)
      continue
    }
    const { info, rule, widths, outcomes } = banks[at]!
    const there = new Set(outcomes.map(({ problem }) => problem))
    const added = part.outcomes.filter(({ problem }) => !there.has(problem))
    banks[at] = {
      info: {
        ...info,
        problems: ascending([...info.problems, ...part.info.problems]),
        paths: Math.max(info.paths, part.info.paths),
      },
      rule,
      widths: ascending([...widths, ...part.widths]),
      outcomes: [...outcomes, ...added].sort((a, b) => a.problem - b.problem),
    }
  }
  return banks
}

const ascending = (numbers: readonly number[]): number[] =>
  [...new Set(numbers)].sort((a, b) => a - b)
