import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { braid, Cli } from '../support/cli.ts'
import { until } from '../support/test-client.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-bank-cli-'))
const model = writeTiny(
  tinyModel({ shape: 'qwen2', seed: 5, pairs: 0, thoughts: 0, context: 2048, endless: true }),
)
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(dirname(model), { recursive: true })
})
const data = join(folder, 'set.jsonl')
writeFileSync(
  data,
  Array.from({ length: 6 }, (_, i) => JSON.stringify({ question: `what is ${i}`, gold: i })).join(
    '\n',
  ),
)
const out = join(folder, 'bank')
const engine = ['--device', 'cpu', '--threads', '1']
const record = [
  ...['bank', '--data', data, '--problem-field', 'question', '--answer-field', 'gold'],
  ...['--model', model, ...engine, '--budget', '24', '--summary-budget', '8', '--seed', '2'],
  ...['--temperature', '0.8', '--top-p', '0.95', '--out', out],
]
const runs = (part: string) =>
  existsSync(join(out, 'runs'))
    ? readdirSync(join(out, 'runs')).filter(
        (name) => name.includes(part) && name.endsWith('.jsonl'),
      )
    : []

describe('braid bank', () => {
  it('records, is stopped by Ctrl-C, goes on, fuses and reports', async () => {
    const first = new Cli([...record, '--paths', '2', '--jobs', '1'])
    await until(() => runs('-p1-2').length >= 2)
    first.child.kill('SIGINT')
    const end = await first.done
    expect(end.stdout).toBe('')
    if (runs('-p1-2').length < 6)
      expect([end.code, end.stderr]).toEqual([130, expect.stringContaining('continues from here')])
    const whole = await braid([...record, '--paths', '2'])
    expect([whole.code, whole.stderr]).toEqual([
      0,
      expect.stringContaining(`${out}: 6 problems, 2 paths each.`),
    ])
    expect(runs('-p1-2')).toHaveLength(6)
    const more = await braid([...record, '--paths', '3', '--limit', '4'])
    expect([more.code, runs('-p3-3').length]).toEqual([0, 4])

    const fused = await braid([
      'bank',
      'fuse',
      out,
      '--fusion',
      'reread',
      '--paths',
      '3',
      ...engine,
    ])
    expect([fused.code, fused.stderr]).toEqual([
      0,
      expect.stringContaining('2 times, a problem has fewer recorded paths'),
    ])
    expect(runs('-reread-3-value')).toHaveLength(4)

    const finish = ['bank', 'finish', out, '--strategy', 'merge', '--paths', '3', ...engine]
    const finished = await braid(finish)
    expect([finished.code, finished.stderr]).toEqual([
      0,
      expect.stringContaining('2 times, a problem has fewer recorded paths'),
    ])

    const report = await braid(['bank', 'report', out, '--paths', '2,3'])
    expect([report.code, report.stderr]).toEqual([0, ''])
    expect(report.stdout).toMatch(/data [0-9a-f]{64}, problems 0-5\n/)
    expect(report.stdout).toContain('temperature 0.8, top-p 0.95, budget 24')
    expect(report.stdout).toMatch(/one path +3 +6 /)
    expect(report.stdout).toMatch(/reread value +3 +4 /)
    expect(report.stdout).toMatch(/merge +3 +4 .* \d+\n/)
    expect(report.stdout).toMatch(/reread value - majority +3 +4 /)

    // The rest of the problems in another folder, as another machine would record them.
    const [rest, saved] = [join(folder, 'rest'), join(folder, 'saved.json')]
    const part = await braid([...record, '--out', rest, '--paths', '3', '--skip', '4'])
    expect([part.code, part.stderr]).toEqual([
      0,
      expect.stringContaining(`${rest}: 2 problems, 3 paths each.`),
    ])
    await braid(['bank', 'report', out, '--paths', '3', '--save', saved])
    const both = await braid(['bank', 'report', saved, rest, '--paths', '3', '--json'])
    const { banks, reports } = JSON.parse(both.stdout)
    expect(banks).toMatchObject([{ problems: [0, 1, 2, 3, 4, 5] }])
    expect(reports).toHaveLength(1)
    expect(reports[0].report.differences).toMatchObject([
      { methods: ['merge', 'reread value'], paths: 3, n: 4 },
      { methods: ['merge', 'majority'], paths: 3, n: 4 },
      { methods: ['reread value', 'majority'], paths: 3, n: 4 },
    ])

    const other = await braid([...record, '--paths', '2', '--budget', '25'])
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('budget: 24 ≠ 25')])
  }, 240_000)

  it('says what is missing', async () => {
    const none = await braid(['bank', '--model', model])
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('--data')])
    const where = await braid(['bank', '--data', data])
    expect([where.code, where.stderr]).toEqual([2, expect.stringContaining('--out')])
    const needs = (...flags: string[]) =>
      braid(['bank', '--model', model, '--data', data, '--out', out, ...flags])
    const unfused = await needs('--fuse-paths', '4')
    expect([unfused.code, unfused.stderr]).toEqual([2, expect.stringContaining('--fuse with')])
    const few = await needs('--paths', '4', '--fuse', 'cache', '--fuse-paths', '2,8')
    expect([few.code, few.stderr]).toEqual([2, expect.stringContaining('--paths 8')])
    const how = await braid(['bank', 'fuse', out])
    expect([how.code, how.stderr]).toEqual([2, expect.stringContaining('--fusion')])
    const unknown = await braid(['bank', 'finish', out, '--strategy', 'merge,majority'])
    expect([unknown.code, unknown.stderr]).toEqual([
      2,
      expect.stringContaining('Use refine, merge, tournament'),
    ])
    const unnamed = await braid(['bank', 'fuse', out, '--fusion', 'reread', '--instruction', 'x'])
    expect([unnamed.code, unnamed.stderr]).toEqual([2, expect.stringContaining('--as')])
    const nothing = await braid(['bank', 'report', folder])
    expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringContaining('bank.json')])
  }, 120_000)
})
