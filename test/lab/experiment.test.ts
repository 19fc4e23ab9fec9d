import { appendFileSync, mkdtempSync, readFileSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runExperiment, tasksOf, type Experiment } from '../../engine/lab/experiment.ts'
import { SampleLine } from '../../engine/cli/sample-line.ts'
import { Remaining, timeLeft } from '../../engine/lab/progress.ts'
import { ResultStore } from '../../engine/lab/store.ts'
import { digest, FakeRunner, header, problems, unit } from './fixtures.ts'

const folder = () => mkdtempSync(join(tmpdir(), 'braid-lab-'))
const experiment = (change: Partial<Experiment> = {}): Experiment => ({
  model: '/m.gguf',
  units: [unit({ paths: 1 }), unit({ paths: 2 })],
  problems: problems(5),
  samples: 2,
  seed: 3,
  ...change,
})
const answering = () =>
  new FakeRunner((job) => digest(['x'], [`\\boxed{${/\d+/.exec(job.request.problem)![0]}}`]))
const never = new AbortController().signal
const sorted = (samples: ResultStore['samples']) => samples.map((s) => JSON.stringify(s)).sort()

describe('runExperiment', () => {
  it('makes every sample once, the same with one runner or three', async () => {
    const stores = [folder(), folder()].map((f) => ResultStore.open(f, header()))
    const three = [answering(), answering(), answering()]
    await runExperiment(experiment(), stores[0]!, [answering()], { signal: never })
    await runExperiment(experiment(), stores[1]!, three, { signal: never })
    expect(stores[0]!.samples).toHaveLength(20)
    expect(sorted(stores[1]!.samples)).toEqual(sorted(stores[0]!.samples))
    expect(three.every(({ seeds }) => seeds.length > 0)).toBe(true)
  })

  it('a stop and a restart lose nothing and repeat nothing', async () => {
    const where = folder()
    const controller = new AbortController()
    const first = ResultStore.open(where, header())
    let made = 0
    const stopping = new FakeRunner((job) => {
      if (++made === 7) controller.abort()
      return digest(['x'], [`\\boxed{${job.request.settings.seed}}`])
    })
    await expect(
      runExperiment(experiment(), first, [stopping], { signal: controller.signal }),
    ).rejects.toMatchObject({ code: 'cancelled' })
    expect(first.samples).toHaveLength(6)
    expect(stopping.closed).toBe(true)
    // Killed in the middle of a line.
    appendFileSync(join(where, 'results.jsonl'), '{"unit":"parallel p2 b40","prob')
    const second = ResultStore.open(where, header())
    expect(second.samples).toEqual(first.samples)
    const rest = answering()
    await runExperiment(experiment(), second, [rest], { signal: never })
    expect(rest.seeds).toHaveLength(14)
    const lines = readFileSync(join(where, 'results.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { unit: string; problem: number; sample: number })
    expect(
      new Set(lines.slice(1).map(({ unit, problem, sample }) => `${unit}/${problem}/${sample}`))
        .size,
    ).toBe(20)
    expect(lines).toHaveLength(21)
    const third = answering()
    await runExperiment(experiment(), ResultStore.open(where, header()), [third], { signal: never })
    expect(third.seeds).toEqual([])
    // More samples and wider grids continue in the same folder.
    await runExperiment(
      experiment({ samples: 3, units: [unit({ paths: 1 }), unit({ paths: 4 })] }),
      ResultStore.open(where, header()),
      [third],
      { signal: never },
    )
    expect(third.seeds).toHaveLength(5 + 15)
  })

  it('units share their seeds; path counts are compared on the same draws', async () => {
    const tasks = tasksOf(experiment())
    expect(tasks.slice(0, 10).map(({ seed }) => seed)).toEqual(
      tasks.slice(10).map(({ seed }) => seed),
    )
    expect(new Set(tasks.map(({ seed }) => seed)).size).toBe(10)
  })

  it('one failed run counts as wrong, a failure of all ends it', async () => {
    const store = ResultStore.open(folder(), header())
    const failing = (code: string) =>
      new FakeRunner((_, count) =>
        count === 3
          ? { ...digest([], []), status: 'failed', error: { code, message: 'why' } }
          : digest(['1'], ['1']),
      )
    await runExperiment(experiment(), store, [failing('context-too-small')], { signal: never })
    expect(store.samples.filter(({ error }) => error !== undefined)).toHaveLength(1)
    const other = ResultStore.open(folder(), header())
    const runners = [failing('too-many-paths'), failing('too-many-paths')]
    await expect(
      runExperiment(experiment(), other, runners, { signal: never }),
    ).rejects.toMatchObject({ code: 'too-many-paths', message: 'why' })
    expect(other.samples.length).toBeLessThan(20)
    expect(other.samples.length).toBeGreaterThanOrEqual(2)
    expect(runners.every(({ closed }) => closed)).toBe(true)
  })

  it('gives path 1 its prefix, and leaves out problems without a wrong path', async () => {
    const store = ResultStore.open(folder(), header({ experiment: 'tunnel' }))
    const given: unknown[] = []
    const runner = new FakeRunner((job) => (given.push(job.prefix), digest(['1'], ['1'])))
    const units = [
      { ...unit({ paths: 2 }), key: 'k0', prefix: 0 },
      { ...unit({ paths: 2 }), key: 'k2', prefix: 2 },
    ]
    await runExperiment(
      experiment({
        units,
        samples: 1,
        wrongPath: (problem) => (problem === 1 || problem === 4 ? [problem, 8, 9] : null),
      }),
      store,
      [runner],
      { signal: never },
    )
    expect(given).toEqual([[], [], [1, 8], [4, 8]])
  })
})

describe('ResultStore', () => {
  it.each([
    ['model', header({ model: { name: 'Tiny', file: '/m', sha256: '00'.repeat(32) } })],
    ['data', header({ data: { file: '/data/set.jsonl', sha256: '11'.repeat(32) } })],
    ['seed', header({ seed: 1 })],
    ['sampling', header({ settings: { finish: 'first', sampling: { temperature: 0.7 } } })],
    ['experiment', header({ experiment: 'ablate' })],
  ])('refuses to go on under another %s', (name, other) => {
    const where = folder()
    ResultStore.open(where, header())
    expect(() => ResultStore.open(where, other)).toThrow(
      expect.objectContaining({ code: 'bad-request', message: expect.stringContaining(name) }),
    )
    expect(() =>
      ResultStore.open(
        where,
        header({ data: { file: '/elsewhere/set.jsonl', sha256: 'cd'.repeat(32) } }),
      ),
    ).not.toThrow()
  })
  it('refuses a damaged line in the middle and a foreign file; starts again if the first line is torn', () => {
    const where = folder()
    ResultStore.open(where, header())
    appendFileSync(join(where, 'results.jsonl'), '{"unit":3}\n')
    expect(() => ResultStore.open(where, header())).toThrow(/line 2/)
    truncateSync(join(where, 'results.jsonl'), 9)
    expect(ResultStore.open(where, header()).samples).toEqual([])
    const foreign = folder()
    appendFileSync(join(foreign, 'results.jsonl'), '{"a":1}\n')
    expect(() => ResultStore.open(foreign, header())).toThrow(/not the result file/)
  })
})

describe('progress', () => {
  it('guesses the time of units not begun from their weight, and prints a line every ten seconds', () => {
    const tasks = tasksOf(
      experiment({ units: [unit({ paths: 1 }), unit({ paths: 2, budget: 80 })] }),
    )
    const lines: string[] = []
    let now = 0
    const remaining = new Remaining(tasks, 2)
    const line = new SampleLine(
      { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NodeJS.WriteStream,
      timeLeft,
      () => now,
    )
    const key = tasks[0]!.unit.key
    const add = (done: number) => {
      remaining.add({ unit: key, ms: 100 })
      line.show({ type: 'sample', unit: key, msLeft: remaining.milliseconds(), done, wanted: 24 })
    }
    expect(remaining.milliseconds()).toBe(0)
    now = 9_999
    add(5)
    expect(lines).toEqual([])
    now = 10_001
    add(6)
    // 8 runs of 100 ms, 10 of 2 x 1.25 times that, two at once.
    expect(remaining.milliseconds()).toBeCloseTo((800 + 2500) / 2, 6)
    expect(lines).toEqual(['6/24  parallel p1 b40  2 s left\n'])
  })
  it('says times in words', () =>
    expect([timeLeft(null), timeLeft(1), timeLeft(600_000), timeLeft(7_200_000)]).toEqual([
      '',
      '1 s left',
      '10 min left',
      '2.0 h left',
    ]))
})
