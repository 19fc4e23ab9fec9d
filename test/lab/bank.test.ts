import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Bank } from '../../engine/lab/bank.ts'
import { fusedAtOnce, fusePaths, summaryOf } from '../../engine/lab/bank-fuse.ts'
import { openBank, recordPaths, type BankOptions, type Work } from '../../engine/lab/bank-record.ts'
import { outcomesOf, reportOf } from '../../engine/lab/bank-report.ts'
import { scoredProblems, scoreOf } from '../../engine/lab/bank-score.ts'
import { readProblems } from '../../engine/lab/problems.ts'
import { SUFFIX } from '../../engine/protocol/lab.ts'
import { instructionFor } from '../../engine/protocol/instruction.ts'
import type { Settings } from '../run/support.ts'
import { EXACT, idsOf, newEngine, tinyFile } from '../run/support.ts'

const engine = newEngine()
const plain = { pairs: 0, thoughts: 0, context: 2048 } as const
const { file: model } = tinyFile({ ...plain, seed: 4 })
const folder = mkdtempSync(join(tmpdir(), 'braid-bank-'))
afterAll(() => rmSync(folder, { recursive: true }))

const dataFile = (name: string, answer = 7): string => {
  const file = join(folder, name)
  const lines = Array.from({ length: 5 }, (_, i) =>
    JSON.stringify({ problem: `the answer ${i}`, answer: answer + i }),
  )
  writeFileSync(file, lines.join('\n'))
  return file
}
const data = dataFile('set.jsonl')
const SETTINGS: Settings = {
  budget: 12,
  summaryBudget: 10,
  seed: 3,
  sampling: { temperature: 0.8 },
  engine: EXACT,
}

let count = 0
const newFolder = () => join(folder, `bank-${++count}`)
const asked = (out: string, more: Partial<BankOptions> = {}): BankOptions => ({
  folder: out,
  model,
  data,
  limit: 3,
  paths: 2,
  settings: SETTINGS,
  braid: 'test',
  ...more,
})
const work = (): Work => ({ jobs: 2, signal: new AbortController().signal })

async function record(options: BankOptions, more: Partial<Work> = {}): Promise<Bank> {
  const opened = await openBank(options)
  const failures = await recordPaths(opened, engine, {
    ...work(),
    ...more,
    paths: options.paths,
  })
  expect(failures).toEqual([])
  return opened.bank
}

const runs = (out: string) =>
  readdirSync(join(out, 'runs')).filter((name) => name.endsWith('.jsonl'))
const bytes = (out: string) =>
  Object.fromEntries(runs(out).map((name) => [name, readFileSync(join(out, 'runs', name), 'utf8')]))
const pathsOf = (bank: Bank, problem: number) => bank.recorded(problem)!.paths
/** Names the transcripts that a call wrote again or added. */
const changed = (before: Record<string, string>, after: Record<string, string>) =>
  Object.keys(after).filter((name) => before[name] !== after[name])

describe('what a bank holds besides its paths', () => {
  it('is the confidence of each token, and the answers that paths gave on the way', async () => {
    const settings = { ...SETTINGS, budget: 40, probeEvery: 16 }
    const bank = await record(asked(newFolder(), { settings, limit: 2 }))
    expect(bank.info.settings).toMatchObject({ confidence: true, probeEvery: 16 })
    const set = readProblems(data)
    for (const { problem, paths, every } of scoredProblems(bank, set, data)) {
      expect(every).toBe(16)
      const { probes } = bank.recorded(problem)!
      for (const [i, path] of paths.entries()) {
        const { tokens, segment } = pathsOf(bank, problem)[i]!
        expect(tokens.slice().every(({ confidence }) => confidence! > 0)).toBe(true)
        expect(path.weights.confidence).toBeGreaterThan(0)
        // Every round that the path reached was asked; its last tokens may have ended before.
        const rounds = probes.filter((one) => one.segment === segment).map(({ after }) => after)
        expect([16, 32].slice(0, rounds.length)).toEqual(rounds)
        expect(path.probes).toHaveLength(Math.floor(tokens.length / 16))
      }
      expect(probes.length).toBeGreaterThan(0)
      expect(probes.every(({ tokens }) => tokens > 0)).toBe(true)
    }
    const { lacking, rows } = scoreOf(scoredProblems(bank, set, data), [2])
    expect([lacking, rows.map(({ rule }) => rule)]).toEqual([
      [],
      expect.arrayContaining(['weight tail', 'stable, 3 in a row']),
    ])
  })

  it('is what it was begun with: a bank of before goes on without confidences', async () => {
    const out = newFolder()
    await record(asked(out))
    const file = join(out, 'bank.json')
    const info = JSON.parse(readFileSync(file, 'utf8')) as { settings: { confidence?: boolean } }
    delete info.settings.confidence
    writeFileSync(file, JSON.stringify(info))
    const bank = await record(asked(out, { paths: 3 }))
    expect(bank.info.settings).not.toHaveProperty('confidence')
    expect(pathsOf(bank, 0)[2]!.tokens.at(0)).not.toHaveProperty('confidence')
    const probing = { ...SETTINGS, probeEvery: 16 }
    await expect(openBank(asked(out, { settings: probing }))).rejects.toThrow(/probeEvery: – ≠ 16/)
  })
})

describe('a bank', () => {
  it('holds an ordinary run per problem, and is not recorded twice', async () => {
    const out = newFolder()
    const bank = await record(asked(out))
    expect(runs(out)).toEqual(['q0000-p1-2.jsonl', 'q0001-p1-2.jsonl', 'q0002-p1-2.jsonl'])
    expect(bank.info).toMatchObject({
      problems: [0, 1, 2],
      paths: 2,
      suffix: SUFFIX,
      seed: 3,
      model: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      data: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      settings: { budget: 12, sampling: { temperature: 0.8 } },
    })
    for (const problem of [0, 1, 2]) {
      const { run, paths } = bank.recorded(problem)!
      expect(run).toMatchObject({ status: 'ended', problem: `the answer ${problem}${SUFFIX}` })
      expect(paths.map(({ segment }) => segment)).toEqual(['p1', 'p2'])
      expect(idsOf(paths[0]!)).not.toEqual(idsOf(paths[1]!))
    }
    const [a, b] = [pathsOf(bank, 0), pathsOf(bank, 1)]
    expect(a[0]!.seed).not.toBe(b[0]!.seed)
    const listed = await bank.store.list()
    expect(listed.map(({ run, status }) => [run, status])).toEqual(
      expect.arrayContaining([['q0001-p1-2', 'ended']]),
    )
    const before = bytes(out)
    await record(asked(out))
    expect(bytes(out)).toEqual(before)
  })

  it('records torn and missing transcripts again, with the same tokens', async () => {
    const out = newFolder()
    const bank = await record(asked(out))
    const before = bytes(out)
    const ids = [0, 1, 2].map((problem) => pathsOf(bank, problem).map(idsOf))
    truncateSync(join(out, 'runs', 'q0000-p1-2.jsonl'), before['q0000-p1-2.jsonl']!.length - 40)
    writeFileSync(
      join(out, 'runs', 'q0001-p1-2.jsonl'),
      before['q0001-p1-2.jsonl']!.replace('"tokens"', '"tok'),
    )
    expect(bank.recorded(0)).toBeNull()
    expect(bank.recorded(1)).toBeNull()
    await record(asked(out))
    expect(changed(before, bytes(out)).sort()).toEqual(['q0000-p1-2.jsonl', 'q0001-p1-2.jsonl'])
    rmSync(join(out, 'runs', 'q0002-p1-2.jsonl'))
    await record(asked(out))
    expect([0, 1, 2].map((problem) => pathsOf(bank, problem).map(idsOf))).toEqual(ids)
  })

  it('gets only the new paths if more are asked for, and only the new problems', async () => {
    const out = newFolder()
    await record(asked(out, { limit: 2 }))
    const before = bytes(out)
    const bank = await record(asked(out, { limit: 3, paths: 5 }))
    expect(changed(before, bytes(out)).sort()).toEqual([
      'q0000-p3-5.jsonl',
      'q0001-p3-5.jsonl',
      'q0002-p1-5.jsonl',
    ])
    expect(bank.info).toMatchObject({ problems: [0, 1, 2], paths: 5 })
    const paths = pathsOf(bank, 0)
    expect(paths.map(({ segment, number }) => [segment, number])).toEqual(
      [1, 2, 3, 4, 5].map((number) => [`p${number}`, number]),
    )
    expect(new Set(paths.map(({ seed }) => seed)).size).toBe(5)
    // A gap is filled; what stands behind it stays.
    rmSync(join(out, 'runs', 'q0000-p1-2.jsonl'))
    expect(bank.recorded(0)).toBeNull()
    await record(asked(out, { limit: 3, paths: 5 }))
    expect(pathsOf(bank, 0).map(idsOf)).toEqual(paths.map(idsOf))
    // A smaller number takes nothing away.
    expect((await record(asked(out, { limit: 1, paths: 1 }))).info).toMatchObject({
      problems: [0, 1, 2],
      paths: 5,
    })
  })

  it('refuses other data, another model and other settings, and says what differs', async () => {
    const out = newFolder()
    await record(asked(out, { limit: 1 }))
    const { file: other } = tinyFile({ ...plain, seed: 5 })
    const cases: [Partial<BankOptions>, RegExp][] = [
      [{ data: dataFile('other.jsonl', 8) }, /here: data: "[0-9a-f]{64}" ≠ "[0-9a-f]{64}"\)/],
      [{ model: other }, /here: model: /],
      [{ suffix: ' Think.' }, /here: suffix: .* ≠ /],
      [
        { settings: { ...SETTINGS, budget: 13, sampling: { temperature: 0.9 } } },
        /here: budget: 12 ≠ 13; temperature: 0.8 ≠ 0.9\)/,
      ],
      [{ settings: { ...SETTINGS, seed: 4 } }, /here: seed: 3 ≠ 4\)/],
      [
        { settings: { ...SETTINGS, engine: { ...EXACT, kvType: 'q8_0' } } },
        /here: kvType: "f32" ≠ "q8_0"\)/,
      ],
    ]
    for (const [change, message] of cases)
      await expect(openBank(asked(out, change))).rejects.toMatchObject({
        code: 'bad-request',
        message: expect.stringMatching(message),
        detail: { detail: 'bad-request/bank-differs' },
      })
    // Speed does not count as a condition; further paths are recorded as this machine is asked to.
    const faster = { ...SETTINGS, engine: { ...EXACT, threads: 2 } }
    const more = await record(asked(out, { settings: faster, paths: 3 }))
    expect(more.info.problems).toEqual([0, 1, 2])
    expect(more.batches(0).map(({ state }) => state.settings!.engine.threads)).toEqual([
      EXACT.threads,
      2,
    ])
    expect(() => Bank.open(join(folder, 'nothing'))).toThrow(/no bank\.json/)
    writeFileSync(join(out, 'bank.json'), '{"format": 2}')
    expect(() => Bank.open(out)).toThrow(/bank\.json cannot be read/)
  })

  it('refuses a transcript of another bank, and a model that was trained for parallel thinking', async () => {
    const [out, other] = [newFolder(), newFolder()]
    await record(asked(out, { limit: 1 }))
    await record(asked(other, { limit: 1, settings: { ...SETTINGS, seed: 9 } }))
    const name = join('runs', 'q0000-p1-2.jsonl')
    writeFileSync(join(out, name), readFileSync(join(other, name)))
    await expect(record(asked(out, { limit: 1 }))).rejects.toMatchObject({ code: 'bad-transcript' })
    const { file: trained } = tinyFile({ seed: 5 })
    await expect(openBank(asked(newFolder(), { model: trained }))).rejects.toMatchObject({
      code: 'bad-combination',
    })
  })

  it('keeps what is whole when it is stopped, and goes on from there', async () => {
    const straight = await record(asked(newFolder(), { limit: 5 }))
    const out = newFolder()
    const stop = new AbortController()
    const stopped = record(asked(out, { limit: 5 }), {
      jobs: 1,
      signal: stop.signal,
      onProgress: ({ done, tokens }) => {
        if (done === 2 && tokens > 2 * 24) stop.abort()
        else if (done > 2) throw new Error('it was not stopped')
      },
    })
    await expect(stopped).rejects.toMatchObject({
      code: 'cancelled',
      message: expect.stringContaining('continues from here'),
    })
    expect(runs(out)).toEqual(['q0000-p1-2.jsonl', 'q0001-p1-2.jsonl'])
    const bank = await record(asked(out, { limit: 5 }))
    for (const problem of [0, 1, 2, 3, 4])
      expect(pathsOf(bank, problem).map(idsOf)).toEqual(pathsOf(straight, problem).map(idsOf))
  })

  it('reports problems that fail and keeps nothing of them', async () => {
    const out = newFolder()
    const context = { ...SETTINGS, engine: { ...EXACT, context: 8 } }
    const opened = await openBank(asked(out, { limit: 2, settings: context }))
    const failures = await recordPaths(opened, engine, { ...work(), paths: 2 })
    expect(failures).toEqual(
      ['q0000-p1-2', 'q0001-p1-2'].map((run) => ({ run, why: expect.stringContaining('cells') })),
    )
    expect(runs(out)).toEqual([])
  })

  it('is recorded by one process at a time', async () => {
    const bank = await record(asked(newFolder(), { limit: 1 }))
    await bank.holding(['paths'], () =>
      expect(record(asked(bank.folder, { limit: 1 }))).rejects.toThrow(/Another Braid process/),
    )
    await record(asked(bank.folder, { limit: 1 }))
  })
})

describe('summaries of recorded paths', () => {
  const fuse = (bank: Bank, more: Partial<Parameters<typeof fusePaths>[2]> = {}) =>
    fusePaths(bank, engine, {
      ...work(),
      fusions: ['reread'],
      widths: [2],
      model,
      engine: {},
      ...more,
    })
  const summary = (bank: Bank, problem: number, paths = 2) =>
    summaryOf(
      bank,
      { problem, fusion: 'reread', paths, asked: 'value' },
      pathsOf(bank, problem).slice(0, paths),
    )

  it('read the first paths, stand beside them as runs, and are not written twice', async () => {
    const out = newFolder()
    const bank = await record(asked(out, { paths: 3 }))
    const before = bytes(out)
    expect(await fuse(bank)).toEqual({ failures: [], skipped: 0 })
    expect(changed(before, bytes(out))).toEqual(
      [0, 1, 2].map((i) => `q000${i}-reread-2-value.jsonl`),
    )
    const fused = bank.read('q0001-reread-2-value')!
    expect(fused).toMatchObject({ status: 'ended', run: 'q0001-reread-2-value', fusion: 'reread' })
    expect(fused.paths.map(idsOf)).toEqual(pathsOf(bank, 1).slice(0, 2).map(idsOf))
    expect(fused.summaries).toHaveLength(1)
    expect(fused.summaries[0]).toMatchObject({ segment: 's1', reads: ['p1', 'p2'], budget: 10 })
    expect(summary(bank, 1)?.text).toBe(fused.summaries[0]!.text)
    const after = bytes(out)
    expect(await fuse(bank)).toEqual({ failures: [], skipped: 0 })
    expect(bytes(out)).toEqual(after)
    // Another number of paths is another summary.
    await fuse(bank, { widths: [3], limit: 1 })
    expect(changed(after, bytes(out))).toEqual(['q0000-reread-3-value.jsonl'])
    expect(summary(bank, 0, 3)!.reads).toEqual(['p1', 'p2', 'p3'])
  })

  it('by another instruction stand beside them under its name, and in the report', async () => {
    const bank = await record(asked(newFolder(), { limit: 1 }))
    await fuse(bank)
    const own = { name: 'brief', instruction: 'Be brief.' }
    const before = bytes(bank.folder)
    expect(await fuse(bank, { asked: [own] })).toEqual({ failures: [], skipped: 0 })
    expect(changed(before, bytes(bank.folder))).toEqual(['q0000-reread-2-brief.jsonl'])
    const [usual, brief] = ['value', 'brief'].map(
      (name) => bank.read(`q0000-reread-2-${name}`)!.summaries[0]!,
    )
    expect(usual!.instruction).toBe(instructionFor('value', ''))
    expect(brief!.instruction).toBe('Be brief.')
    expect(bank.fusions()).toEqual([
      { fusion: 'reread', asked: 'brief' },
      { fusion: 'reread', asked: 'value' },
    ])
    const after = bytes(bank.folder)
    await fuse(bank, { asked: [own] })
    expect(bytes(bank.folder)).toEqual(after)
    await fuse(bank, { asked: [{ ...own, instruction: 'Be very brief.' }] })
    expect(bank.read('q0000-reread-2-brief')!.summaries[0]!.instruction).toBe('Be very brief.')
    const { file } = bank.info.data
    const outcomes = outcomesOf(bank, readProblems(file, bank.info.data.fields), file, [2])
    expect(reportOf(outcomes, [2]).accuracy.map(({ method }) => method)).toEqual([
      'one path',
      'majority',
      'reread brief',
      'reread value',
      'some path right',
    ])
  })

  it('of one problem are written in one run, with the tokens that each has alone', async () => {
    const own = { name: 'brief', instruction: 'Be brief.' }
    const greedy = { limit: 2, paths: 3, settings: { ...SETTINGS, sampling: { temperature: 0 } } }
    const [together, apart] = [newFolder(), newFolder()]
    const bank = await record(asked(together, greedy))
    const other = await record(asked(apart, greedy))
    const kinds = {
      fusions: ['cache', 'reread'],
      widths: [2, 3],
      asked: [{ question: 'value' }, own],
    } as const
    const seen: number[] = []
    const ended = await fuse(bank, { ...kinds, onProgress: ({ done }) => seen.push(done) })
    expect(ended).toEqual({ failures: [], skipped: 0 })
    expect([Math.max(...seen), runs(together).length]).toEqual([16, 2 + 16])
    for (const fusion of kinds.fusions)
      for (const width of kinds.widths)
        for (const how of kinds.asked)
          await fuse(other, { fusions: [fusion], widths: [width], asked: [how] })
    for (const name of runs(apart).map((file) => file.replace('.jsonl', ''))) {
      const [a, b] = [bank.read(name)!, other.read(name)!]
      expect(a).toMatchObject({ status: 'ended', run: name, fusion: b.fusion, answer: b.answer })
      expect(a.settings).toEqual(b.settings)
      expect(a.notices).toEqual(b.notices)
      expect(a.paths.map(idsOf)).toEqual(b.paths.map(idsOf))
      expect(a.summaries.map(idsOf)).toEqual(b.summaries.map(idsOf))
      const how = a.summaries.map(({ segment, reads, instruction }) => [
        segment,
        reads,
        instruction,
      ])
      expect(how).toEqual(
        b.summaries.map(({ segment, reads, instruction }) => [segment, reads, instruction]),
      )
    }
    rmSync(join(together, 'runs', 'q0001-cache-3-brief.jsonl'))
    const before = bytes(together)
    await fuse(bank, kinds)
    expect(changed(before, bytes(together))).toEqual(['q0001-cache-3-brief.jsonl'])
  })

  it('are those of the recording itself, if they are written at once', async () => {
    const kinds = { fusions: ['cache', 'reread'], widths: [2, 3] } as const
    const options = asked(newFolder(), {
      limit: 2,
      paths: 3,
      settings: { ...SETTINGS, sampling: { temperature: 0 } },
    })
    const later = await record(options)
    await fuse(later, kinds)
    const opened = await openBank({ ...options, folder: newFolder() })
    const seen: string[] = []
    const failures = await recordPaths(opened, engine, {
      ...work(),
      paths: 3,
      sequel: fusedAtOnce(opened.bank, kinds),
      onProgress: ({ done, total }) => seen.push(`${done}/${total}`),
    })
    expect([failures, seen.at(-1)]).toEqual([[], '10/10'])
    expect(runs(opened.bank.folder)).toEqual(runs(later.folder))
    for (const name of runs(later.folder).map((file) => file.replace('.jsonl', ''))) {
      const [a, b] = [opened.bank.read(name)!, later.read(name)!]
      expect(a).toMatchObject({ status: 'ended', run: name, fusion: b.fusion, answer: b.answer })
      expect(a.paths.map(idsOf)).toEqual(b.paths.map(idsOf))
      expect(a.summaries.map(idsOf)).toEqual(b.summaries.map(idsOf))
    }
    const before = bytes(later.folder)
    // Paths that come later are of a run of their own, which cannot be read together with the first.
    const more = { paths: 4, sequel: fusedAtOnce(later, { ...kinds, widths: [4] }) }
    await recordPaths(await openBank({ ...options, ...more, folder: later.folder }), engine, {
      ...work(),
      ...more,
    })
    expect(changed(before, bytes(later.folder))).toEqual(['q0000-p4-4.jsonl', 'q0001-p4-4.jsonl'])
    expect(await fuse(later, { ...kinds, widths: [4] })).toEqual({ failures: [], skipped: 0 })
  })

  it('are written again where they are torn, and skipped where paths are missing', async () => {
    const out = newFolder()
    const bank = await record(asked(out))
    await fuse(bank)
    const before = bytes(out)
    truncateSync(join(out, 'runs', 'q0002-reread-2-value.jsonl'), 2000)
    rmSync(join(out, 'runs', 'q0001-p1-2.jsonl'))
    rmSync(join(out, 'runs', 'q0001-reread-2-value.jsonl'))
    expect(summary(bank, 2)).toBeNull()
    expect(await fuse(bank)).toEqual({ failures: [], skipped: 1 })
    expect(changed(before, bytes(out))).toEqual(['q0002-reread-2-value.jsonl'])
    expect(summary(bank, 2)!.tokens.length).toBeGreaterThan(0)
    expect(await fuse(bank, { widths: [3] })).toEqual({ failures: [], skipped: 3 })
  })

  it('do not count once their paths are others', async () => {
    const bank = await record(asked(newFolder(), { limit: 1 }))
    await fuse(bank)
    const [first, second] = pathsOf(bank, 0)
    const fused = { problem: 0, fusion: 'reread', paths: 2, asked: 'value' } as const
    expect(summaryOf(bank, fused, [first!, second!])).not.toBeNull()
    expect(summaryOf(bank, fused, [first!, { ...second!, text: 'other' }])).toBeNull()
  })

  it('refuse another model, and keep what is whole when they are stopped', async () => {
    const out = newFolder()
    const bank = await record(asked(out))
    const { file: other } = tinyFile({ ...plain, seed: 5 })
    await expect(fuse(bank, { model: other })).rejects.toMatchObject({ code: 'wrong-model' })
    const stop = new AbortController()
    const stopped = fuse(bank, {
      jobs: 1,
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 1) stop.abort()
      },
    })
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
    const whole = () => [0, 1, 2].filter((problem) => summary(bank, problem) !== null)
    expect(whole()).toEqual([0])
    expect(existsSync(join(out, 'runs', 'q0001-reread-2.jsonl'))).toBe(false)
    await fuse(bank)
    expect(whole()).toEqual([0, 1, 2])
  })
})
