import { describe, expect, test } from 'vitest'
import { chartOf } from '../../renderer/lab/series.ts'
import {
  draftFor,
  faultOf,
  listOf,
  ownSet,
  PRESETS,
  specOf,
  worthFor,
  worthSpec,
} from '../../renderer/lab/plan.ts'
import { comparisonOf, points } from '../../renderer/lab/verdict.ts'
import { LabSpec } from '../../engine/protocol/lab.ts'
import { MODEL } from './fake-host.ts'
import { EXPERIMENTS, LAB_SET, LAB_SETS } from './fake-lab.ts'

const [worth, wide, tunnel] = EXPERIMENTS
const foreign = { ...MODEL, nativePaths: 0, controlTokens: [] }

describe('is it worth it', () => {
  const cells = (low: number, high: number, n = 29) => {
    const [one, many] = worth!.cells
    return [one!, { ...many!, gain: { ...many!.gain!, low, high, n } }]
  }
  test('it cannot be told where the interval contains no difference, nor from a few runs', () => {
    expect(comparisonOf(cells(-0.03, 0.3))!.verdict).toBe('unknown')
    expect(comparisonOf(cells(0, 0.3))!.verdict).toBe('unknown')
    expect(comparisonOf(cells(0.01, 0.3))!.verdict).toBe('yes')
    expect(comparisonOf(cells(-0.3, -0.01))!.verdict).toBe('no')
    expect(comparisonOf(cells(0.01, 0.3, 7))!.verdict).toBe('wait')
    expect(comparisonOf(worth!.cells)!.times).toBeCloseTo((300 + 8 * 210) / 510, 6)
  })
  test('a table with more rows, or without a common row, has no verdict', () => {
    expect(comparisonOf(wide!.cells)).toBeNull()
    expect(comparisonOf(tunnel!.cells.slice(0, 2))).toBeNull()
    expect(comparisonOf(worth!.cells.slice(0, 1))).toBeNull()
  })
  test('differences are points with a sign', () =>
    expect([points(0.125), points(-0.03), points(0.0001), points(0.2961, 0)]).toEqual([
      '+12.5',
      '−3.0',
      '0.0',
      '+30',
    ]))
  test('asks an ordinary model to box its answer, gives one that thinks room, and uses its own set', () => {
    expect(worthFor(foreign).budget).toBe(512)
    expect(worthFor({ ...foreign, thinks: true }).budget).toBe(2048)
    const spec = LabSpec.parse(worthSpec(worthFor(foreign), MODEL.file, '/x.jsonl', foreign))
    expect(spec.suffix).toContain('\\boxed')
    expect(worthSpec(worthFor(MODEL), MODEL.file, '/x.jsonl', MODEL).suffix).toBeUndefined()
    expect(spec.plan).toMatchObject({ strategies: ['sequential', 'parallel'], paths: [4] })
    expect(ownSet(LAB_SETS, true)!.name).toBe('numbers-40.jsonl')
    expect(ownSet(LAB_SETS, false)!.name).toBe('everyday-40.jsonl')
  })
})

describe('a draft', () => {
  test('takes lists as one types them, and says what is wrong', () => {
    expect(listOf('1, 2 4,,8,2', 1, 64)).toEqual([1, 2, 4, 8])
    for (const bad of ['', ' , ', '0', '65', '1.5', 'a', '-1'])
      expect(listOf(bad, 1, 64)).toBeNull()
    const draft = draftFor('eval', MODEL)
    expect(faultOf(draft, MODEL)).toBeNull()
    expect(faultOf({ ...draft, paths: '99' }, MODEL)?.field).toBe('paths')
    expect(faultOf({ ...draft, strategies: [] }, MODEL)?.field).toBe('strategies')
    expect(faultOf(draftFor('ablate', foreign), foreign)?.message).toEqual(['new.notNative'])
    expect(faultOf(draftFor('bank', MODEL), MODEL)?.message).toEqual(['new.native'])
    expect(faultOf(draftFor('bank', foreign), foreign)).toBeNull()
    expect(faultOf({ ...draftFor('tunnel', MODEL), prefixes: 'x' }, MODEL)?.field).toBe('prefixes')
  })
  test.each(PRESETS)('of %s becomes an experiment', (preset) => {
    const spec = specOf({ ...draftFor(preset, MODEL), limit: null }, MODEL, LAB_SET, {
      answer: 'level',
    })
    expect(LabSpec.parse(spec)).toEqual(spec)
    expect(spec).toMatchObject({
      data: LAB_SET.file,
      plan: { kind: preset },
      fields: { answer: 'level' },
    })
    expect(spec.limit).toBeUndefined()
  })
})

describe('the chart', () => {
  test('is over what varies, one line per strategy', () => {
    const chart = chartOf(wide!.cells)!
    expect([chart.title, chart.x.values, chart.x.log]).toEqual(['chart.paths', [1, 2, 4, 8], true])
    expect(chart.series.map(({ points }) => points.filter((c) => c !== null).length)).toEqual([
      1, 3, 3,
    ])
    const prefixes = chartOf(tunnel!.cells)!
    expect([prefixes.title, prefixes.x.values, prefixes.x.log]).toEqual([
      'chart.prefix',
      [0, 10, 20],
      false,
    ])
    const budgets = chartOf([256, 512].map((budget) => ({ ...wide!.cells[1]!, budget })))!
    expect([budgets.title, budgets.x.values]).toEqual(['chart.budget', [256, 512]])
  })
  test('is left out where there is nothing to draw', () => {
    expect(chartOf([])).toBeNull()
    expect(chartOf(worth!.cells.slice(0, 1))).toBeNull()
  })
})
