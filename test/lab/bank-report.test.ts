import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Bank, batchRun, batchSeed, fusedRun, type BankInfo } from '../../engine/lab/bank.ts'
import { mergedOutcomes, outcomesAt, savedOutcomes } from '../../engine/lab/bank-outcomes.ts'
import { outcomesOf, ranges, reportOf, type Outcome } from '../../engine/lab/bank-report.ts'
import { plain, scoredProblems } from '../../engine/lab/bank-score.ts'
import { readProblems } from '../../engine/lab/problems.ts'
import { wilson } from '../../engine/lab/stats.ts'
import { extractAnswer } from '../../engine/prompt/answer.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import type { Fusion } from '../../engine/protocol/request.ts'
import {
  ended,
  pathStarted,
  runStarted,
  SETTINGS,
  summaryStarted,
  tokensOf,
} from '../support/sample-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-report-'))
afterAll(() => rmSync(folder, { recursive: true }))
const data = join(folder, 'set.jsonl')
writeFileSync(data, [5, 6, 7].map((answer) => JSON.stringify({ problem: '?', answer })).join('\n'))
const set = readProblems(data)

const info: BankInfo = {
  format: 1,
  braid: 'test',
  data: { file: data, sha256: set.sha256, fields: {} },
  problems: [0, 1, 2],
  paths: 4,
  model: {
    name: 'Tiny',
    file: '/tiny.gguf',
    sha256: 'cd'.repeat(32),
    headerSha256: 'ab'.repeat(32),
  },
  suffix: '',
  seed: 0,
  settings: {
    budget: SETTINGS.budget,
    summaryBudget: SETTINGS.summaryBudget,
    sampling: SETTINGS.sampling,
    alternatives: 0,
    engine: SETTINGS.engine,
  },
}

const boxed = (answer: number) => `\\boxed{${answer}}`
const written = (segment: string, text: string): RunEvent[] => [
  { type: 'tokens', at: 1, segment, tokens: tokensOf(text) },
  { type: 'segment-ended', at: 1, segment, reason: 'finished', answer: extractAnswer(text) },
]
const pathsOf = (answers: readonly number[]) =>
  answers.flatMap((answer, i) => [
    pathStarted(0, `p${i + 1}`, { seed: i }),
    ...written(`p${i + 1}`, boxed(answer)),
  ])

function write(bank: Bank, run: string, events: readonly RunEvent[]): void {
  const { writer } = bank.store.create(run)
  for (const event of events) writer.append(event)
  bank.store.close(run)
}

function writePaths(bank: Bank, problem: number, answers: readonly number[]): void {
  const batch = { problem, first: 1, last: answers.length }
  const seed = batchSeed(info, batch)
  write(bank, batchRun(batch), [
    runStarted(batchRun(batch), '?', { seed }),
    ...pathsOf(answers),
    ended(2, null),
  ])
}

function writeSummary(
  bank: Bank,
  problem: number,
  fusion: Fusion,
  read: readonly number[],
  answer: number,
): void {
  const run = fusedRun({ problem, fusion, paths: read.length })
  write(bank, run, [
    runStarted(run, '?'),
    ...pathsOf(read),
    summaryStarted(1, 's1', []),
    ...written('s1', boxed(answer)),
    ended(2, null),
  ])
}

describe('the outcomes of a bank', () => {
  const bank = Bank.begin(join(folder, 'bank'), info)
  const answers = [
    [5, 1, 5, 2],
    [1, 1, 6, 6],
    [1, 7, 2, 3],
  ]
  answers.forEach((list, problem) => writePaths(bank, problem, list))
  writeSummary(bank, 0, 'cache', answers[0]!, 5)
  writeSummary(bank, 1, 'cache', answers[1]!, 6)
  writeSummary(bank, 1, 'reread', answers[1]!, 1)
  writeSummary(bank, 2, 'reread', [7, 7, 7, 7], 7) // of other paths than those of the bank
  const outcomes = outcomesOf(bank, set, data, [2, 4])

  it('are those of paths, votes and summaries', () => {
    expect(outcomes.map(({ paths }) => paths.map(Number).join(''))).toEqual([
      '1010',
      '0011',
      '0100',
    ])
    // A tie goes to the answer of the lowest path.
    const right = (width: number) =>
      outcomes.map(({ verdicts }) =>
        Object.fromEntries(
          Object.entries(verdicts.get(width)!).map(([method, one]) => [method, one.right]),
        ),
      )
    expect(right(2)).toEqual([{ majority: true }, { majority: false }, { majority: false }])
    expect(right(4)).toEqual([
      { majority: true, cache: true },
      { majority: false, cache: true, reread: false },
      { majority: false },
    ])
  })

  it('are those of the rules of a vote, too', () => {
    const scored = scoredProblems(bank, set, data)
    for (const width of [2, 4])
      expect(scored.map(({ paths }) => plain(paths.slice(0, width)).right)).toEqual(
        outcomes.map(({ verdicts }) => verdicts.get(width)!.majority!.right),
      )
    expect(scored.map(({ paths }) => paths.map(({ right }) => Number(right)).join(''))).toEqual([
      '1010',
      '0011',
      '0100',
    ])
    expect(scored[0]!.paths[0]).toMatchObject({ weights: { confidence: null }, probes: null })
  })

  it('make a table: each row over the problems that it has, differences over those of both', () => {
    const { accuracy, differences } = reportOf(outcomes, [4])
    expect(
      accuracy.map(({ method, paths, n, share }) => [method, paths, n, Number(share.toFixed(3))]),
    ).toEqual([
      ['one path', 4, 3, 0.417],
      ['majority', 4, 3, 0.333],
      ['cache', 4, 2, 1],
      ['reread', 4, 1, 0],
      ['some path right', 4, 3, 1],
    ])
    expect(accuracy[1]).toMatchObject(wilson(1 / 3, 3))
    expect(differences.map(({ methods, n, difference }) => [...methods, n, difference])).toEqual([
      ['cache', 'reread', 1, 1],
      ['cache', 'majority', 2, 0.5],
      ['reread', 'majority', 1, 0],
    ])
    expect(differences[1]).toMatchObject({ both: 1, first: 1, second: 0, neither: 0, p: 1 })
  })

  it('are saved without texts, and read again', () => {
    const [judged] = outcomesAt(bank.folder, { rule: 'stated', widths: [2, 4] })
    expect(judged).toEqual({ info: bank.info, rule: 'stated', widths: [2, 4], outcomes })
    const file = join(folder, 'outcomes.json')
    writeFileSync(file, savedOutcomes([judged!]))
    expect(readFileSync(file, 'utf8')).not.toContain(folder)
    const [read] = outcomesAt(file, { rule: 'stated' })
    expect(read!.outcomes).toEqual(outcomes)
    expect(reportOf(read!.outcomes, [2, 4])).toEqual(reportOf(outcomes, [2, 4]))
    expect(() => outcomesAt(file, { rule: 'last-number' })).toThrow(/--answer stated/)
    for (const text of ['', '{"format":1}', readFileSync(file, 'utf8').replace('1010', '10x0')]) {
      writeFileSync(file, text)
      expect(() => outcomesAt(file, { rule: 'stated' })).toThrow(/holds no outcomes of a bank/)
    }
  })

  it('of parts of a bank are those of one bank; the first part that has a problem counts', () => {
    const judged = outcomesAt(bank.folder, { rule: 'stated', widths: [4] })[0]!
    const first = { ...judged, outcomes: outcomes.slice(0, 2) }
    const rest = {
      ...judged,
      outcomes: outcomes.slice(1).map((one) => ({ ...one, paths: [true] })),
    }
    const other = { ...judged, info: { ...bank.info, seed: 1 } }
    const banks = mergedOutcomes([rest, other, first])
    expect(banks.map(({ info: { seed } }) => seed)).toEqual([0, 1])
    expect(banks[0]!.outcomes.map(({ problem, paths }) => [problem, paths.length])).toEqual([
      [0, 4],
      [1, 1],
      [2, 1],
    ])
  })

  it('are refused for other data', () => {
    const other = join(folder, 'other.jsonl')
    writeFileSync(other, '{"problem": "?", "answer": 9}')
    expect(() => outcomesOf(bank, readProblems(other), other, [4])).toThrow(/is not the data/)
  })
})

it('a pooled report counts the problems of all banks', () => {
  const said = (right: boolean) => ({ right, tokens: 30 })
  const outcome = (problem: number, cache: boolean, reread: boolean): Outcome => ({
    problem,
    paths: [cache, reread, true, false],
    verdicts: new Map([[4, { majority: said(false), cache: said(cache), reread: said(reread) }]]),
  })
  // The discordant pairs of the published table of stats.test.ts, in two banks.
  const bank = (both: number, first: number, second: number, neither: number) =>
    [
      ...Array.from({ length: both }, () => [true, true]),
      ...Array.from({ length: first }, () => [true, false]),
      ...Array.from({ length: second }, () => [false, true]),
      ...Array.from({ length: neither }, () => [false, false]),
    ].map(([cache, reread], i) => outcome(i, cache!, reread!))
  const { differences } = reportOf([...bank(50, 2, 10, 30), ...bank(9, 4, 6, 50)], [4])
  const [{ difference, low, high, p, n }] = differences as [(typeof differences)[number]]
  expect([difference, low, high, p].map((x) => Number(x.toFixed(4)))).toEqual([
    -0.0621, -0.1186, -0.0046, 0.0525,
  ])
  expect(n).toBe(161)
})

it('numbers are printed as ranges', () => {
  expect([ranges([]), ranges([3]), ranges([0, 1, 2, 5, 7, 8])]).toEqual(['', '3', '0-2, 5, 7-8'])
})
