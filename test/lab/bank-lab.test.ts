/** A path bank as an experiment: with a real engine and a tiny model. */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { estimateOf } from '../../engine/lab/estimate.ts'
import { runLab } from '../../engine/lab/lab.ts'
import { openLab, unitsOf } from '../../engine/lab/open.ts'
import { runsOf } from '../../engine/lab/results.ts'
import { Host } from '../../engine/host/host.ts'
import { LabEvent, type Experiment, type LabSpec } from '../../engine/protocol/lab.ts'
import { EXACT, newEngine, tinyFile } from '../run/support.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient } from '../support/test-client.ts'

const ID = 'lab-20260101-000000-abcdef'

const engine = newEngine()
const { file: model } = tinyFile({ pairs: 0, thoughts: 0, context: 2048, seed: 4 })
const folder = mkdtempSync(join(tmpdir(), 'braid-bank-lab-'))
const data = join(folder, 'set.jsonl')
writeFileSync(
  data,
  Array.from({ length: 3 }, (_, i) =>
    JSON.stringify({ problem: `the answer ${i}`, answer: i }),
  ).join('\n'),
)
afterAll(() => rmSync(folder, { recursive: true }))

const spec: LabSpec = {
  model,
  data,
  fields: {},
  samples: 1,
  answer: 'last-number',
  settings: { summaryBudget: 8, seed: 3, sampling: { temperature: 0.8 }, engine: EXACT },
  jobs: 2,
  order: 'problem',
  plan: { kind: 'bank', paths: [1, 2], budget: 12, fusions: ['reread'] },
}
const run = async (out: string, signal = new AbortController().signal) => {
  const events: LabEvent[] = []
  for await (const event of runLab(spec, signal, {
    out,
    command: 'a test',
    engine: 'none',
    bank: engine,
  }))
    events.push(LabEvent.parse(event))
  return events
}

describe('a path bank in the lab', () => {
  it('records paths once and compares a vote and the merges on the same ones', async () => {
    const out = join(folder, 'one')
    const events = await run(out)
    const last = events.at(-1) as Extract<LabEvent, { type: 'written' }>
    // Three problems: their paths, and a summary of one and of two.
    expect([last.type, last.done, last.wanted]).toEqual(['written', 9, 9])
    expect(
      last.cells.map(({ variant, paths, n, problems }) => [variant, paths, n, problems]),
    ).toEqual([
      ['one path', 1, 6, 3],
      ['vote', 1, 3, 3],
      ['merge by re-reading', 1, 3, 3],
      ['vote', 2, 3, 3],
      ['weight confidence', 2, 3, 3],
      ['weight tail', 2, 3, 3],
      ['weight length', 2, 3, 3],
      ['decided 0.95, waves of 4', 2, 3, 3],
      ['first half', 2, 3, 3],
      ['merge by re-reading', 2, 3, 3],
    ])
    const [one, , , vote, confident] = last.cells
    const merge = last.cells.at(-1)
    expect(confident!.gain).toMatchObject({ against: vote!.unit, n: 3 })
    expect(confident!.pathTokens).toBe(vote!.pathTokens)
    expect(merge!.gain).toMatchObject({ against: vote!.unit, n: 3 })
    expect(one!.gain).toBeUndefined()
    expect(merge!.pathTokens).toBe(vote!.pathTokens)
    expect(merge!.summaryTokens).toBeGreaterThan(0)
    const named = (cell: typeof one) =>
      runsOf(out, { id: ID, spec }, cell!).map(({ run }) => run!.slice(ID.length + 1))
    const paths = ['q0000-p1-2', 'q0001-p1-2', 'q0002-p1-2']
    expect(named(one).sort()).toEqual([...paths, ...paths].sort())
    expect(named(vote).sort()).toEqual(paths)
    expect(named(merge).sort()).toEqual([0, 1, 2].map((n) => `q000${n}-reread-2-value`))
    expect(existsSync(last.files.report)).toBe(true)

    // Nothing is made twice.
    const files = readdirSync(join(out, 'bank', 'runs')).sort()
    const again = await run(out)
    expect(readdirSync(join(out, 'bank', 'runs')).sort()).toEqual(files)
    expect((again.at(-1) as typeof last).cells).toEqual(last.cells)

    // What is missing is made, and only that is counted.
    const [gone] = files.filter((name) => name.startsWith('q0001-reread-2'))
    rmSync(join(out, 'bank', 'runs', gone!))
    const mended = await run(out)
    expect(mended.flatMap((event) => (event.type === 'began' ? [event.done] : []))).toEqual([8])
    expect(mended.flatMap((event) => (event.type === 'sample' ? [event.done] : []))).toEqual([9])
    expect(readdirSync(join(out, 'bank', 'runs')).sort()).toEqual(files)
  })

  it('its runs open from the table, as copies that leave the bank as it is', async () => {
    const data = join(folder, 'data')
    const home = join(data, 'lab', ID)
    cpSync(join(folder, 'one'), home, { recursive: true })
    const experiment: Experiment = {
      id: ID,
      title: 'A bank',
      time: '2026-01-01T00:00:00.000Z',
      spec,
      state: 'done',
      model: 'tiny',
      unscored: null,
      searching: null,
      done: 9,
      wanted: 9,
      msLeft: null,
      cells: [],
    }
    writeFileSync(join(home, 'experiment.json'), JSON.stringify(experiment))
    const host = new Host({ folder: data, engine: new ScriptedEngine() })
    const [here, there] = channelPair()
    host.serve(there)
    const client = new TestClient(here)
    const run = `${ID}-q0001-reread-2-value`
    const opened = await client.call('run.open', { run })
    expect(opened).toMatchObject({ live: false })
    expect(opened.events).toBeGreaterThan(3)
    const copy = join(data, 'runs', 'lab', ID, `${run}.jsonl`)
    const original = join(home, 'bank', 'runs', 'q0001-reread-2-value.jsonl')
    expect(readFileSync(copy).equals(readFileSync(original))).toBe(true)
    await expect(
      client.call('run.open', { run: `${ID}-q0009-reread-2-value` }),
    ).rejects.toMatchObject({ code: 'no-such-run' })
    expect(await client.call('runs.list', {})).toEqual([])
    await host.close()
  })

  it('keeps what was made when it is stopped', async () => {
    const stop = new AbortController()
    const out = join(folder, 'two')
    const events: LabEvent[] = []
    const stopped = (async () => {
      for await (const event of runLab(spec, stop.signal, {
        out,
        command: '',
        engine: '',
        bank: engine,
      })) {
        events.push(event)
        if (event.type === 'sample') stop.abort()
      }
    })()
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
    const last = events.at(-1)!
    expect(last.type).toBe('written')
    const end = (await run(out)).at(-1) as Extract<LabEvent, { type: 'written' }>
    expect(end.done).toBe(9)
    expect(end.cells[0]!.n).toBe(6)
  })

  it('is refused without an engine of its own, and for a model that thinks in parallel', async () => {
    const events = runLab(spec, new AbortController().signal, {
      out: join(folder, 'three'),
      command: '',
      engine: '',
    })
    expect((await events.next()).value).toMatchObject({ type: 'opened' })
    await expect(events.next()).rejects.toThrow(/braid bank/)
    const { file } = tinyFile({ seed: 5 })
    const lab = await openLab({ ...spec, model: file })
    expect(() => unitsOf(lab)).toThrow(/think in parallel/)
  })

  it('costs its paths once', async () => {
    const lab = await openLab(spec)
    const cost = estimateOf(lab, unitsOf(lab), [
      { paths: 1, tokensPerSecond: 10, promptPerSecond: 100 },
      { paths: 2, tokensPerSecond: 10, promptPerSecond: 100 },
    ])
    expect(cost.runs).toBe(9)
    const prompt = 'the answer 0'.length / 4
    expect(cost.tokens).toBe(3 * (prompt + 2 * 12 + 2 * 8))
    // Twelve steps of two paths in 0.2 s each, two summaries of eight in 0.1 s, and reading.
    const seconds = 3 * ((prompt + 12 + 24) / 100 + 12 * 0.2 + 16 * 0.1)
    expect(cost.ms).toBe(Math.round(seconds * 1000))
  })
})
