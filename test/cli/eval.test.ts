import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { braid, Cli } from '../support/cli.ts'
import { until } from '../support/test-client.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-eval-'))
const model = writeTiny(tinyModel({ shape: 'qwen2', seed: 5 }))
const data = join(folder, 'set.jsonl')
writeFileSync(
  data,
  Array.from({ length: 4 }, (_, i) =>
    JSON.stringify({ question: `the answer ${i}`, gold: `${i}.0` }),
  ).join('\n'),
)
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(dirname(model), { recursive: true })
})

const fields = ['--problem-field', 'question', '--answer-field', 'gold']
const small = [
  '--model',
  model,
  '--data',
  data,
  ...fields,
  '--summary-budget',
  '8',
  '--jobs',
  '1',
  '--threads',
  '1',
]
const lines = (out: string) =>
  readFileSync(join(out, 'results.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
const untimed = (out: string) =>
  lines(out)
    .map(({ ms: _1, pathsMs: _2, summaryMs: _3, ...rest }) => JSON.stringify(rest))
    .sort()

describe('braid eval', () => {
  it('measures a grid, is stopped by Ctrl-C, and goes on: the samples are those of an undisturbed run', async () => {
    const flags = [
      'eval',
      ...small,
      '--strategies',
      'parallel,sequential,majority',
      '--paths',
      '1,2',
      '--budgets',
      '16',
      '--sequential-budgets',
      '32',
      '--vote',
      'equality,text',
    ]
    const [straight, stopped] = [join(folder, 'straight'), join(folder, 'stopped')]
    const whole = await braid([...flags, '--out', straight])
    expect(whole.code, whole.stderr).toBe(0)
    expect(whole.stdout).toMatch(/^strategy .*accuracy %/)
    const { cells } = JSON.parse(readFileSync(join(straight, 'results.json'), 'utf8'))
    expect(
      cells.map((c: Record<string, unknown>) => [c.strategy, c.paths, c.budget, c.vote, c.n]),
    ).toEqual([
      ['parallel', 1, 16, null, 4],
      ['parallel', 2, 16, null, 4],
      ['sequential', 1, 32, null, 4],
      ['majority', 1, 16, 'equality', 4],
      ['majority', 1, 16, 'text', 4],
      ['majority', 2, 16, 'equality', 4],
      ['majority', 2, 16, 'text', 4],
    ])
    for (const c of cells)
      expect(c).toMatchObject({
        failed: 0,
        correct: expect.any(Number),
        accuracy: expect.any(Number),
        low: expect.any(Number),
        high: expect.any(Number),
        pathTokens: expect.any(Number),
        peakKvBytes: expect.any(Number),
      })
    expect(
      readFileSync(join(straight, 'results.csv'), 'utf8').trimEnd().split('\r\n'),
    ).toHaveLength(8)
    expect(readFileSync(join(straight, 'report.html'), 'utf8')).toContain('<svg')

    const first = new Cli([...flags, '--out', stopped])
    await until(() => existsSync(join(stopped, 'results.jsonl')) && lines(stopped).length >= 3)
    first.child.kill('SIGINT')
    const end = await first.done
    const kept = lines(stopped)
    if (kept.length < 20) {
      expect([end.code, end.stderr]).toEqual([130, expect.stringContaining('continues from here')])
      expect(readFileSync(join(stopped, 'report.html'), 'utf8')).toContain('stopped early')
    }
    expect((await braid([...flags, '--out', stopped])).code).toBe(0)
    expect(lines(stopped).slice(0, kept.length)).toEqual(kept)
    expect(untimed(stopped)).toEqual(untimed(straight))
    const other = await braid([...flags, '--out', stopped, '--temperature', '0.9'])
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('sampling')])
    // Another checkpoint of the same shape: same header, different weights.
    const retrained = writeTiny(tinyModel({ shape: 'qwen2', seed: 6 }))
    const trained = await braid([
      ...flags.map((flag) => (flag === model ? retrained : flag)),
      '--out',
      stopped,
    ])
    rmSync(dirname(retrained), { recursive: true })
    expect([trained.code, trained.stderr]).toEqual([1, expect.stringContaining('(model)')])
  }, 180_000)

  it('tunnel and ablate: one table each', async () => {
    const tunnel = await braid([
      'eval',
      'tunnel',
      ...small,
      '--limit',
      '3',
      '--budget',
      '16',
      '--paths',
      '2',
      '--prefixes',
      '0,4',
      '--out',
      join(folder, 'tunnel'),
    ])
    expect(tunnel.code, tunnel.stderr).toBe(0)
    const rows = JSON.parse(readFileSync(join(folder, 'tunnel', 'results.json'), 'utf8')).cells
    expect(rows.map((c: Record<string, unknown>) => [c.variant, c.prefix, c.paths])).toEqual([
      ['0 tokens, alone', 0, 1],
      ['4 tokens, alone', 4, 1],
      ['0 tokens, 1 free', 0, 2],
      ['4 tokens, 1 free', 4, 2],
    ])
    const ablate = await braid([
      'eval',
      'ablate',
      ...small,
      '--limit',
      '1',
      '--budgets',
      '12',
      '--paths',
      '1,2',
      '--out',
      join(folder, 'ablate'),
    ])
    expect(ablate.code, ablate.stderr).toBe(0)
    expect(
      JSON.parse(readFileSync(join(folder, 'ablate', 'results.json'), 'utf8')).cells.map(
        (c: Record<string, unknown>) => `${c.variant} ${c.paths}`,
      ),
    ).toEqual([
      'as trained 1',
      'thought table off 1',
      'fusion by re-reading 1',
      'as trained 2',
      'thought table off 2',
      'same control token 2',
      'table off, same token 2',
      'finish half 2',
      'finish last 2',
      'fusion by re-reading 2',
    ])
  }, 120_000)

  it('says what is wrong with the flags and the data', async () => {
    const none = await braid(['eval', '--model', model])
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('--data')])
    const strategy = await braid(['eval', '--data', data, '--strategies', 'parallel,magic'])
    expect([strategy.code, strategy.stderr]).toEqual([
      2,
      expect.stringContaining('parallel-majority'),
    ])
    const field = await braid([
      'eval',
      '--model',
      model,
      '--data',
      data,
      '--problem-field',
      'prompt',
      '--out',
      join(folder, 'x'),
    ])
    expect([field.code, field.stderr]).toEqual([1, expect.stringContaining('--problem-field')])
    const wide = await braid(['eval', ...small, '--paths', '9', '--out', join(folder, 'x')])
    expect([wide.code, wide.stderr]).toEqual([1, expect.stringContaining('8 paths')])
    expect(existsSync(join(folder, 'x'))).toBe(false)
  })
})
