/** Experiments of the host: kept in its data folder, carried out by its engine, told to its windows. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { experimentOf, type Experiment, type LabSpec } from '../../engine/protocol/lab.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import type { ThinkOptions } from '../../engine/run/handle.ts'
import { ended, pathStarted, runStarted, summaryStarted } from '../support/sample-run.ts'
import { ScriptedEngine, type ScriptedRun } from '../support/scripted-engine.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

/** Answers every run by itself: one path is right for even problems only, two always. */
class AnsweringEngine extends ScriptedEngine {
  /** Runs that may still be answered; the others wait. */
  allowed = Infinity

  override think(request: RunRequest, options: ThinkOptions): ScriptedRun {
    const run = super.think(request, options)
    if (this.allowed-- > 0) setImmediate(() => this.answer(run, request))
    return run
  }

  answer(run: ScriptedRun, { problem, settings }: RunRequest): void {
    const n = Number(/\d+/.exec(problem)?.[0] ?? 0)
    const said = settings.paths === 1 && n % 2 === 1 ? 99 : n + 1
    const text = `It is \\boxed{${said}}`
    run.emit(
      runStarted(run.id, problem, settings as Partial<LabSpec['settings']> as never),
      pathStarted(1, 'p1'),
      {
        type: 'tokens',
        at: 2,
        segment: 'p1',
        tokens: [{ id: 1, text, logprob: null, entropy: null }],
      },
      { type: 'segment-ended', at: 3, segment: 'p1', reason: 'finished', answer: null },
      summaryStarted(4, 's1', ['p1']),
      {
        type: 'tokens',
        at: 5,
        segment: 's1',
        tokens: [{ id: 1, text, logprob: null, entropy: null }],
      },
      { type: 'segment-ended', at: 6, segment: 's1', reason: 'finished', answer: null },
      ended(7, String(said)),
    )
  }
}

const model = writeTiny(tinyModel({ shape: 'qwen2', seed: 5 }))
afterAll(() => rmSync(dirname(model), { recursive: true }))

let folder: string
let data: string
let engine: AnsweringEngine
let host: Host
let client: TestClient

const open = () => {
  engine = new AnsweringEngine()
  host = new Host({ folder, engine })
  const [here, there] = channelPair()
  host.serve(there)
  client = new TestClient(here)
}
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-host-lab-'))
  data = join(folder, 'set.jsonl')
  writeFileSync(
    data,
    Array.from({ length: 6 }, (_, i) =>
      JSON.stringify({
        question: `What is ${i} + 1?`,
        answer: `So it is\n#### ${i + 1}`,
        level: 1,
      }),
    ).join('\n'),
  )
  open()
})
afterEach(async () => {
  await host.close()
  rmSync(folder, { recursive: true })
})

const spec = (change: Partial<LabSpec> = {}): LabSpec => ({
  model,
  data,
  fields: {},
  samples: 1,
  answer: 'stated',
  settings: { summaryBudget: 8 },
  jobs: 2,
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
const start = (change?: Partial<LabSpec>) =>
  client.call('lab.start', { title: 'A test', spec: spec(change) })
const state = async (id: string): Promise<Experiment> =>
  (await client.call('lab.list', {})).find((one) => one.id === id)!
const untilIs = (id: string, wanted: Experiment['state']) =>
  until(async () => (await state(id)).state === wanted, wanted)
const PARALLEL = { unit: 'parallel p2 b16', vote: null }
const ONE = { unit: 'sequential p1 b16', vote: null }

describe('a problem set', () => {
  it('is shown with its fields, samples and what cannot be scored', async () => {
    const set = await client.call('lab.inspect', { set: { file: data } })
    for (const given of [`"${data}"`, pathToFileURL(data).href])
      expect(await client.call('lab.inspect', { set: { file: given } })).toEqual(set)
    expect(set).toMatchObject({
      problems: 6,
      found: ['question', 'answer', 'level'],
      problemField: 'question',
      answerField: 'answer',
      unscored: { count: 0 },
    })
    expect(set.samples.map(({ expected, scores }) => [expected, scores])).toEqual([
      ['1', true],
      ['2', true],
      ['3', true],
    ])
    const long =
      'because of all the many reasons that have been given before, and also of others that nobody knows, too'
    const given = await client.call('lab.inspect', {
      set: {
        name: '../my set.jsonl',
        content: `{"problem":"a","answer":"${long}"}\n{"problem":"b","answer":"2"}`,
      },
    })
    expect(given).toMatchObject({ problems: 2, unscored: { count: 1, first: [1] } })
    expect(given.samples.map(({ expected }) => expected)).toEqual([null, '2'])
    expect(given.file.startsWith(join(folder, 'lab', 'sets'))).toBe(true)
    const sets = await client.call('lab.sets', {})
    expect(sets.map(({ name, own }) => [name, own])).toEqual([
      ['everyday-40.jsonl', true],
      ['numbers-40.jsonl', true],
      ['my-set.jsonl', false],
    ])
    for (const { file } of sets.slice(0, 2)) {
      const own = await client.call('lab.inspect', { set: { file } })
      expect([own.problems, own.unscored.count]).toEqual([40, 0])
      expect(own.samples.every(({ scores }) => scores)).toBe(true)
    }
  })

  it('is refused with the line that is wrong; other files are not read, and nothing is kept', async () => {
    const bad = { name: 'x.jsonl', content: '{"problem":"a","answer":1}\n{"text":"b"}' }
    await expect(client.call('lab.inspect', { set: bad })).rejects.toThrow(
      /line 2: no field "problem"/,
    )
    expect(readdirSync(join(folder, 'lab', 'sets'))).toEqual([])
    // What a file address hides is seen, too.
    for (const file of ['/etc/passwd', 'file:///etc/passwd?x.jsonl', 'file:///etc/passwd#.json'])
      await expect(client.call('lab.inspect', { set: { file } })).rejects.toMatchObject({
        code: 'bad-request',
        message: expect.stringContaining('is not a .jsonl or .json file') as string,
      })
  })
})

describe('an experiment', () => {
  it('runs, is told as it goes on, and compares rows; its runs open, wrong ones first', async () => {
    const { id } = await start()
    await untilIs(id, 'done')
    const { done, wanted, cells, model: name } = await state(id)
    expect([done, wanted, name]).toEqual([12, 12, expect.any(String)])
    expect(cells).toMatchObject([
      { ...ONE, n: 6, correct: 3 },
      { ...PARALLEL, n: 6, correct: 6, gain: { difference: 0.5, n: 6 } },
    ])
    const pushed = client.pushes.flatMap((push) => (push.kind === 'lab' ? [push.experiment] : []))
    expect(pushed.map((one) => one.state)).toContain('running')
    expect(pushed.at(-1)).toMatchObject({ id, state: 'done', done: 12 })

    const runs = await client.call('lab.runs', { experiment: id, ...ONE })
    expect(runs.map(({ problem, correct }) => [problem, correct])).toEqual([
      [1, false],
      [3, false],
      [5, false],
      [0, true],
      [2, true],
      [4, true],
    ])
    expect(runs[0]).toMatchObject({ text: 'What is 1 + 1?', expected: '2', answer: '99' })
    const run = runs[0]!.run!
    expect(experimentOf(run)).toBe(id)
    expect(await client.call('run.open', { run })).toMatchObject({ live: false })
    await until(() => foldRun(client.events(run)).status === 'ended')
    expect(foldRun(client.events(run)).problem).toBe('What is 1 + 1?')

    // They are runs, but no part of the history, and belong to their experiment.
    expect(await client.call('runs.list', {})).toEqual([])
    await expect(client.call('runs.delete', { run })).rejects.toThrow(/experiment/)
    expect(existsSync(join(folder, 'runs', 'lab', id, `${run}.jsonl`))).toBe(true)
    expect((await client.call('runs.export', { runs: [run], format: 'md' })).content).toContain(
      '1 + 1',
    )

    const csv = await client.call('lab.export', { experiment: id, format: 'csv' })
    expect([csv.fileName, csv.content.split('\r\n').length]).toEqual(['braid-lab-A-test.csv', 4])
    const json = await client.call('lab.export', { experiment: id, format: 'json' })
    expect(JSON.parse(json.content)).toMatchObject({ done: 12, samples: { length: 12 } })
    const html = await client.call('lab.export', { experiment: id, format: 'html' })
    expect(html.content).toContain('Accuracy over paths and budget')

    await client.call('lab.command', { experiment: id, command: 'delete' })
    expect(await client.call('lab.list', {})).toEqual([])
    expect(existsSync(join(folder, 'lab', id))).toBe(false)
    expect(existsSync(join(folder, 'runs', 'lab', id))).toBe(false)
  })

  it('pauses, goes on, waits for another one, and ends for good', async () => {
    engine.allowed = 3
    const first = await start()
    const second = await start()
    await until(async () => (await state(first.id)).done === 3, 'three runs')
    expect((await state(second.id)).state).toBe('waiting')
    await client.call('lab.command', { experiment: first.id, command: 'pause' })
    expect(await state(first.id)).toMatchObject({ state: 'paused', done: 3 })
    // What was under way is not kept.
    const files = readdirSync(join(folder, 'runs', 'lab', first.id))
    expect(files.filter((name) => name.endsWith('.jsonl'))).toHaveLength(3)
    await until(async () => (await state(second.id)).state === 'running', 'the second one')
    await client.call('lab.command', { experiment: second.id, command: 'cancel' })
    expect((await state(second.id)).state).toBe('cancelled')
    engine.allowed = Infinity
    await client.call('lab.command', { experiment: first.id, command: 'resume' })
    await untilIs(first.id, 'done')
    expect(engine.runs.filter(({ id }) => id.startsWith(first.id))).toHaveLength(12 + 2)
    await expect(
      client.call('lab.command', { experiment: second.id, command: 'resume' }),
    ).rejects.toThrow(/over/)
  })

  it('goes on when the host starts again, and not if it made nothing before the host ended', async () => {
    engine.allowed = 5
    const { id } = await start()
    await until(async () => (await state(id)).done === 5, 'five runs')
    await host.close()
    open()
    await untilIs(id, 'done')
    expect(engine.runs).toHaveLength(7)
    expect((await state(id)).cells.map(({ n }) => n)).toEqual([6, 6])

    // As a host leaves it that was killed.
    const file = join(folder, 'lab', id, 'experiment.json')
    const stored = JSON.parse(readFileSync(file, 'utf8')) as object
    const lines = readFileSync(join(folder, 'lab', id, 'results.jsonl'), 'utf8').split('\n').length
    for (const [begunAt, next] of [
      [lines - 1, 'done'],
      [lines, 'paused'],
    ] as const) {
      await host.close()
      writeFileSync(file, JSON.stringify({ ...stored, state: 'running', begunAt }))
      open()
      await untilIs(id, next)
    }
    expect((await state(id)).error).toMatchObject({ code: 'engine-lost' })
    await client.call('lab.command', { experiment: id, command: 'resume' })
    await untilIs(id, 'done')
    expect((await state(id)).error).toBeUndefined()
  })

  it('is refused before it is listed, and fails with the reason of its runs', async () => {
    await expect(
      start({ plan: { ...spec().plan, paths: [9] } as LabSpec['plan'] }),
    ).rejects.toMatchObject({
      code: 'too-many-paths',
    })
    await expect(start({ data: join(folder, 'none.jsonl') })).rejects.toMatchObject({ code: 'io' })
    expect(await client.call('lab.list', {})).toEqual([])
    engine.allowed = 0
    const { id } = await start()
    await until(() => engine.runs.length > 0)
    engine.runs[0]!.emit({
      type: 'run-failed',
      at: 1,
      error: { code: 'out-of-memory', message: 'No room.' },
    })
    await untilIs(id, 'failed')
    expect((await state(id)).error).toMatchObject({ code: 'out-of-memory' })
  })

  it('says what it costs before it starts, and how long it takes once the speed is measured', async () => {
    const first = await client.call('lab.estimate', { spec: spec() })
    expect(first).toMatchObject({ runs: 12, ms: null, speeds: [] })
    // Six problems: 16 tokens of one path and 2 of 16, each with a summary of 8.
    expect(first.tokens).toBeGreaterThanOrEqual(6 * (16 + 8 + 32 + 8))
    expect(engine.runs).toHaveLength(0)
    const measured = await client.call('lab.estimate', { spec: spec(), measure: true })
    expect(engine.runs.map(({ request }) => request!.settings.paths)).toEqual([1, 2])
    expect(measured.speeds.map(({ paths }) => paths)).toEqual([1, 2])
    expect(measured.ms).toBeGreaterThan(0)
    // It is remembered.
    const again = await client.call('lab.estimate', { spec: spec({ limit: 3 }) })
    expect(again.ms).toBeCloseTo(measured.ms! / 2, -1)
    expect(engine.runs).toHaveLength(2)
    expect(await client.call('lab.list', {})).toEqual([])
  })
})
