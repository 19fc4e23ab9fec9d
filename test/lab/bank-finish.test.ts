import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { finishedState, finishRuns, type FinishOptions } from '../../engine/lab/bank-finish.ts'
import { openBank, recordPaths } from '../../engine/lab/bank-record.ts'
import { outcomesOf } from '../../engine/lab/bank-report.ts'
import { readProblems } from '../../engine/lab/problems.ts'
import { allSegments } from '../../engine/protocol/fold.ts'
import { GOING_ON } from '../../engine/protocol/shapes.ts'
import { EXACT, idsOf, newEngine, solve, tinyFile } from '../run/support.ts'

const engine = newEngine()
const { file: model } = tinyFile({ pairs: 0, thoughts: 0, context: 2048, seed: 4 })
const folder = mkdtempSync(join(tmpdir(), 'braid-finish-'))
afterAll(() => rmSync(folder, { recursive: true }))

const data = join(folder, 'set.jsonl')
const lines = [0, 1].map((i) => JSON.stringify({ problem: `the answer ${i}`, answer: i }))
writeFileSync(data, lines.join('\n'))

const work = () => ({ jobs: 2, signal: new AbortController().signal })
const settings = {
  budget: 12,
  summaryBudget: 10,
  sampling: { temperature: 0.8 },
  engine: EXACT,
} as const

async function record(name: string, paths: number) {
  const out = join(folder, name)
  const all = { ...settings, seed: 3, probeEvery: 16 }
  const opened = await openBank({ folder: out, model, data, paths, settings: all, braid: 'test' })
  expect(await recordPaths(opened, engine, { ...work(), paths })).toEqual([])
  return opened.bank
}

describe('runs that a strategy finishes from recorded paths', async () => {
  const bank = await record('bank', 3)
  const finish = (more: Partial<FinishOptions> = {}) =>
    finishRuns(bank, engine, {
      ...work(),
      strategies: GOING_ON,
      widths: [3],
      model,
      engine: {},
      ...more,
    })
  const files = () =>
    readdirSync(join(bank.folder, 'runs')).filter((name) => /-[a-z]{3,}-\d\.jsonl$/.test(name))
  const recorded = (problem: number) => bank.recorded(problem)!.paths

  it('are as if the strategy had begun with these paths', async () => {
    expect(await finish()).toEqual({ failures: [], skipped: 0 })
    for (const problem of [0, 1])
      for (const strategy of GOING_ON) {
        const state = finishedState(
          bank,
          { problem, strategy, paths: 3 },
          recorded(problem).slice(0, 3),
        )!
        const { problem: text, settings: asked } = state
        expect(asked).toMatchObject({ strategy, paths: 3, question: 'value' })
        expect(asked).not.toHaveProperty('probeEvery')
        const { state: whole } = await solve(engine, model, text, asked!)
        const tokens = (of: typeof state) =>
          Object.fromEntries(allSegments(of).map((one) => [one.segment, idsOf(one)]))
        expect(tokens(state)).toEqual(tokens(whole))
        expect([state.answer, state.usage!.pathTokens]).toEqual([
          whole.answer,
          whole.usage!.pathTokens,
        ])
      }
  })

  it('are not made twice, stand in the report with their tokens, and skip short problems', async () => {
    const before = files()
    expect(before).toHaveLength(6)
    expect(await finish({ widths: [3, 4] })).toEqual({ failures: [], skipped: 2 })
    expect(files()).toEqual(before)
    for (const { problem, verdicts } of outcomesOf(bank, readProblems(data), data, [3])) {
      const methods = verdicts.get(3)!
      expect(Object.keys(methods)).toEqual(['majority', ...GOING_ON])
      const paths = methods['majority']!.tokens!
      expect(paths).toBe(recorded(problem).reduce((sum, { tokens }) => sum + tokens.length, 0))
      for (const strategy of GOING_ON) expect(methods[strategy]!.tokens).toBeGreaterThan(paths)
    }
  })

  it('leave nothing half done when they are stopped, and refuse another model', async () => {
    const stop = new AbortController()
    const before = files()
    const stopped = finish({
      widths: [2],
      jobs: 1,
      signal: stop.signal,
      onProgress: ({ done }) => done === 1 && stop.abort(),
    })
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
    expect(files()).toHaveLength(before.length + 1)
    const { file } = tinyFile({ pairs: 0, thoughts: 0, context: 2048, seed: 5 })
    await expect(finish({ model: file })).rejects.toThrow(/is not the model of this bank/)
  })
})
