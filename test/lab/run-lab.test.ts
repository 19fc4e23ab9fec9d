import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runLab } from '../../engine/lab/lab.ts'
import type { Job } from '../../engine/lab/experiment.ts'
import { foldLab, LabEvent, type Experiment, type LabSpec } from '../../engine/protocol/lab.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { digest, FakeRunner } from './fixtures.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-run-lab-'))
const model = writeTiny(tinyModel({ shape: 'qwen2', seed: 5 }))
const data = join(folder, 'set.jsonl')
writeFileSync(
  data,
  [
    ...Array.from({ length: 4 }, (_, i) => ({ problem: `${i} + 1?`, answer: String(i + 1) })),
    {
      problem: 'Why?',
      answer: 'Because of the many things that nobody can say in a few words, as ever and ever.',
    },
  ]
    .map((line) => JSON.stringify(line))
    .join('\n'),
)
afterAll(() => {
  rmSync(folder, { recursive: true })
  rmSync(dirname(model), { recursive: true })
})

const spec = (change: Partial<LabSpec> = {}): LabSpec => ({
  model,
  data,
  fields: {},
  samples: 1,
  answer: 'stated',
  suffix: ' Box it.',
  settings: { summaryBudget: 8, seed: 3 },
  jobs: 1,
  order: 'problem',
  plan: {
    kind: 'eval',
    strategies: ['sequential', 'parallel'],
    paths: [2],
    budgets: [16],
    votes: [],
  },
  ...change,
})
let count = 0
/** Answers right with two paths, and with one path for problem 0 only. */
const right = ({ request: { problem, settings } }: Job) => {
  const n = Number(/\d+/.exec(problem)![0])
  return digest(['x'], [`\\boxed{${settings.paths === 2 || n === 0 ? n + 1 : 99}}`])
}
async function events(
  asked: LabSpec,
  options: { out?: string; answer?: typeof right; signal?: AbortSignal } = {},
): Promise<{ events: LabEvent[]; jobs: Job[]; out: string }> {
  const out = options.out ?? join(folder, `out-${++count}`)
  const jobs: Job[] = []
  const list: LabEvent[] = []
  const runner = new FakeRunner((job) => (jobs.push(job), (options.answer ?? right)(job)))
  for await (const event of runLab(asked, options.signal ?? new AbortController().signal, {
    out,
    command: 'a test',
    engine: 'none',
    runners: () => [runner],
  }))
    list.push(LabEvent.parse(event))
  return { events: list, jobs, out }
}

describe('runLab', () => {
  it('tells what happens, in an order in which rows can be compared, and writes the results', async () => {
    const { events: list, jobs, out } = await events(spec())
    expect(list.map(({ type }) => type)).toEqual([
      'opened',
      'began',
      ...Array.from({ length: 8 }, () => 'sample'),
      'written',
    ])
    expect(list[0]).toMatchObject({ unscored: { count: 1, of: 5, first: [5] } })
    expect(jobs.map(({ name }) => name)).toEqual([
      'u0-p0-s0',
      'u1-p0-s0',
      'u0-p1-s0',
      'u1-p1-s0',
      'u0-p2-s0',
      'u1-p2-s0',
      'u0-p3-s0',
      'u1-p3-s0',
    ])
    expect(jobs[0]!.request.problem).toBe('0 + 1? Box it.')
    expect(jobs[0]!.request.settings.seed).toBe(jobs[1]!.request.settings.seed)
    const last = list.at(-1) as Extract<LabEvent, { type: 'written' }>
    expect(last.cells).toMatchObject([
      { unit: 'sequential p1 b16', n: 4, correct: 1 },
      {
        unit: 'parallel p2 b16',
        n: 4,
        correct: 4,
        gain: { against: 'sequential p1 b16', n: 4, right: 4, rightAgainst: 1, difference: 0.75 },
      },
    ])
    expect(last.cells[0]!.gain).toBeUndefined()
    // Four problems decide nothing, whatever their share.
    expect(last.cells[1]!.gain!.low).toBeLessThan(0.75)
    expect(existsSync(last.files.report)).toBe(true)
    expect(readFileSync(join(out, 'results.csv'), 'utf8')).toMatch(/,unit,against,difference,/)
  })

  it('goes on where it was stopped; the fold of its events is the experiment', async () => {
    const stop = new AbortController()
    let made = 0
    const out = join(folder, 'stopped')
    await expect(
      events(spec(), {
        out,
        signal: stop.signal,
        answer: (job) => {
          if (++made === 4) stop.abort()
          return right(job)
        },
      }),
    ).rejects.toMatchObject({ code: 'cancelled' })
    const { events: list, jobs } = await events(spec(), { out })
    expect(jobs).toHaveLength(5)
    const start: Experiment = {
      id: 'lab-1',
      title: 't',
      time: '',
      spec: spec(),
      state: 'running',
      model: '',
      unscored: null,
      searching: null,
      done: 0,
      wanted: 0,
      msLeft: null,
      cells: [],
    }
    expect(list.slice(0, 2).reduce(foldLab, start)).toMatchObject({ done: 3, wanted: 8 })
    const end = list.reduce(foldLab, start)
    expect(end).toMatchObject({ done: 8, wanted: 8, unscored: { count: 1 } })
    expect(end.cells.map(({ correct }) => correct)).toEqual([1, 4])
    await expect(events(spec({ suffix: ' Now.' }), { out })).rejects.toMatchObject({
      code: 'bad-request',
      message: expect.stringContaining('suffix'),
    })
  })

  it('finds wrong paths first, and tells how many', async () => {
    const plan: LabSpec['plan'] = { kind: 'tunnel', prefixes: [0, 2], paths: 2, budget: 16 }
    const wrong = () => {
      const one = digest(['x'], ['\\boxed{99}'])
      return { ...one, paths: [{ ...one.paths[0]!, tokens: [1, 2, 3, 4] }] }
    }
    const { events: list, jobs } = await events(spec({ plan }), { answer: wrong })
    expect(list.slice(1, 4)).toMatchObject([
      { type: 'searching', runs: 4 },
      { type: 'searched', usable: 4, of: 4, least: 2 },
      { type: 'began', wanted: 16 },
    ])
    expect(jobs[0]).toMatchObject({ name: 'w-p0-s0', tokens: true })
  })

  it('ends what it began when its reader leaves', async () => {
    const runner = new FakeRunner(right)
    for await (const event of runLab(spec(), new AbortController().signal, {
      out: join(folder, 'left'),
      command: '',
      engine: '',
      runners: () => [runner],
    }))
      if (event.type === 'sample') break
    expect(runner.closed).toBe(true)
    expect(runner.seeds.length).toBeLessThan(8)
  })
})
