import { describe, expect, it } from 'vitest'
import { cellsCsv, cellsOf } from '../../engine/lab/cells.ts'
import { measure } from '../../engine/lab/measure.ts'
import { gridUnits, sampleSeed } from '../../engine/lab/unit.ts'
import { SETTINGS } from '../support/sample-run.ts'
import { digest, problems, unit } from './fixtures.ts'

const [problem] = problems(1)
const parallel = unit({ paths: 2 })
const majority = unit({ strategy: 'majority', paths: 3 })

describe('measure', () => {
  it('scores the summary, not the paths', () => {
    const right = measure(parallel, problem!, 0, 7, digest(['It is 5', 'It is 6'], ['\\boxed{1}']))
    expect(right).toMatchObject({
      outcomes: [{ vote: null, answer: '1', correct: true }],
      anyPath: false,
      pathTokens: 20,
      summaryTokens: 7,
      promptTokens: 5,
      kvBytes: 2000,
      ms: 30,
    })
    const wrong = measure(parallel, problem!, 0, 7, digest(['It is 1', 'It is 6'], ['\\boxed{6}']))
    expect(wrong).toMatchObject({ outcomes: [{ correct: false }], anyPath: true })
  })
  it('votes over the summaries under both rules', () => {
    const sample = measure(
      majority,
      problem!,
      0,
      7,
      digest(['1', '1', '1'], ['\\boxed{6}', '\\boxed{1.0}', '\\boxed{1}'], 'summaries'),
    )
    expect(sample.outcomes).toEqual([
      { vote: 'equality', answer: '1.0', correct: true },
      { vote: 'text', answer: '6', correct: false },
    ])
  })
  it('votes over the paths where there is no summary, and knows some voter was right', () => {
    const sample = measure(
      majority,
      problem!,
      0,
      7,
      digest(['\\boxed{3}', '\\boxed{3}', '\\boxed{1}'], [], 'paths'),
    )
    expect(sample.outcomes.map(({ correct }) => correct)).toEqual([false, false])
    expect(sample.anyPath).toBe(true)
  })
  it('scores the path or summary that judges prefer, and counts what they wrote', () => {
    const judged = unit({ strategy: 'tournament', paths: 3 })
    const run = digest(['\\boxed{3}', '\\boxed{1}', '\\boxed{4}'], [], 'judges')
    const judging = {
      ...run,
      preferred: 'p2',
      usage: { ...run.usage!, judgeTokens: 11 },
      timings: { ...run.timings!, judgeMs: 5 },
    }
    expect(measure(judged, problem!, 0, 7, judging)).toMatchObject({
      outcomes: [{ vote: null, answer: '1', correct: true }],
      summaryTokens: 18,
      ms: 35,
      summaryMs: 13,
    })
    const summaries = digest(['1', '1'], ['\\boxed{2}', '\\boxed{1}'], 'judges')
    expect(measure(judged, problem!, 0, 7, { ...summaries, preferred: 's2' })).toMatchObject({
      outcomes: [{ answer: '1', correct: true }],
    })
    // Without a judgement there is no answer, though some path has the right one.
    expect(measure(judged, problem!, 0, 7, { ...run, over: null })).toMatchObject({
      outcomes: [{ vote: null, answer: null, correct: false }],
      anyPath: true,
    })
  })
  it('a run without an answer and a failed run are wrong', () => {
    expect(measure(parallel, problem!, 0, 7, digest(['?'], ['none'])).outcomes).toEqual([
      { vote: null, answer: null, correct: false },
    ])
    const failed = measure(parallel, problem!, 0, 7, {
      ...digest([], []),
      status: 'failed',
      usage: null,
      timings: null,
      error: { code: 'context-too-small', message: 'x' },
    })
    expect(failed).toMatchObject({
      outcomes: [{ vote: null, correct: false }],
      anyPath: false,
      error: { code: 'context-too-small' },
      ms: 0,
    })
    const voted = measure(majority, problem!, 0, 7, {
      ...digest([], []),
      error: { code: 'engine-lost', message: 'x' },
    })
    expect(voted.outcomes).toEqual([
      { vote: 'equality', answer: null, correct: false },
      { vote: 'text', answer: null, correct: false },
    ])
  })
})

describe('units and seeds', () => {
  it('lays out strategies, paths and budgets; sequential once a budget', () => {
    const units = gridUnits(
      {
        strategies: ['parallel', 'sequential', 'majority'],
        paths: [1, 4],
        budgets: [50, 100],
        sequentialBudgets: [100, 400],
        votes: ['text'],
      },
      (asked) => ({ ...SETTINGS, ...asked }),
    )
    expect(units.map(({ key }) => key)).toEqual([
      'parallel p1 b50',
      'parallel p4 b50',
      'parallel p1 b100',
      'parallel p4 b100',
      'sequential p1 b100',
      'sequential p1 b400',
      'majority p1 b50',
      'majority p4 b50',
      'majority p1 b100',
      'majority p4 b100',
    ])
    expect(units.map(({ votes }) => votes.length)).toEqual([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
  })
  it('seeds depend on seed, problem and sample, and are 32 bits', () => {
    const seeds = [
      sampleSeed(0, 0, 0),
      sampleSeed(0, 0, 1),
      sampleSeed(0, 1, 0),
      sampleSeed(1, 0, 0),
    ]
    expect(new Set(seeds).size).toBe(4)
    expect(sampleSeed(0, 0, 0)).toBe(seeds[0])
    for (const seed of seeds)
      expect(seed >= 0 && seed < 2 ** 32 && Number.isInteger(seed)).toBe(true)
  })
})

describe('cellsOf', () => {
  it('has one cell a vote rule, with counts, shares and means', () => {
    const set = problems(4)
    const says = (text: string) => digest([text, '\\boxed{9}', '\\boxed{9}'], [], 'paths')
    const samples = set.flatMap((p) => [
      measure(majority, p, 0, 1, says(`\\boxed{${p.index + 1}}`)),
      measure(
        parallel,
        p,
        0,
        1,
        digest(['1', '2'], [p.index < 3 ? `\\boxed{${p.index + 1}}` : '?']),
      ),
    ])
    const cells = cellsOf([parallel, unit({ paths: 64 }), majority], samples)
    expect(cells.map(({ strategy, vote }) => [strategy, vote])).toEqual([
      ['parallel', null],
      ['majority', 'equality'],
      ['majority', 'text'],
    ])
    expect(cells[0]).toMatchObject({
      paths: 2,
      budget: 40,
      n: 4,
      correct: 3,
      accuracy: 0.75,
      problems: 4,
      failed: 0,
      pathTokens: 20,
      tokens: 32,
      medianMs: 30,
      peakKvBytes: 2000,
    })
    expect(cells[0]!.low).toBeCloseTo(0.3006, 3)
    expect(cells[0]!.high).toBeCloseTo(0.9544, 3)
    expect(cells[1]).toMatchObject({ correct: 0, accuracy: 0, low: 0, anyPath: 1 })
    const [head, row] = cellsCsv(cells).split('\r\n')
    expect(head).toMatch(/^strategy,paths,budget,vote,n,correct,accuracy,low,high,/)
    expect(row).toMatch(/^parallel,2,40,,4,3,0.75,/)
  })
  it('quotes what CSV must quote', () => {
    const [cell] = cellsOf(
      [{ ...parallel, variant: 'a "b", c' }],
      [measure(parallel, problem!, 0, 1, digest(['1'], ['1']))],
    )
    expect(cellsCsv([cell!])).toContain('"a ""b"", c"')
  })
})
