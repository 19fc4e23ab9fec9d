/** Transcripts that Braid 0.1.0 wrote: they open, fold to what they folded to then, and go on as format 2. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { numberOf, RunEvent, summaryId, type Source } from '../../engine/protocol/events.ts'
import { foldRun, type RunState, type Segment } from '../../engine/protocol/fold.ts'
import { digestOf } from '../../engine/protocol/run-list.ts'
import { shapeOf } from '../../engine/protocol/shapes.ts'
import { exportRuns, FORMATS } from '../../engine/transcripts/export/export.ts'
import { importRuns } from '../../engine/transcripts/export/json.ts'
import { Format1, type Format1Event } from '../../engine/transcripts/format1.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { pathSeed, summarySeed } from '../../engine/strategies/seeds.ts'
import { code, file, folder, store } from './support.ts'

const FOLDER = join(import.meta.dirname, 'format1')

interface GoldenStream {
  status: string
  reason: string | null
  answer: { text: string; kind: string } | null
  ids: number[]
  text: string
}
interface GoldenPath extends GoldenStream {
  path: number
  group: number
  thought: number
  seed: number
  parent: { path: number; at: number } | null
  budget: number
  logprobSum: number
}
interface GoldenSummary extends GoldenStream {
  version: number
  paths: number[]
  fusion: string
  cuts: { path: number; removed: number }[]
}
interface Golden {
  model: string
  commands: { type: string }[]
  status: string
  answer: string | null
  endReason: string | null
  error: string | null
  notices: string[]
  paths: GoldenPath[]
  summaries: GoldenSummary[]
  votes: {
    rule: string
    over: string
    classes: { answer: string | null; members: number[] }[]
    winner: number
    tie: boolean
    override?: boolean
  }[]
  alternatives?: { path: number; version: number; ids: (number[] | null)[] }[]
}
const { runs } = JSON.parse(readFileSync(join(FOLDER, 'golden.json'), 'utf8')) as {
  runs: Record<string, Golden>
}
const NAMES = Object.keys(runs)

/** Copies a fixture to where the store finds it. */
function put(run: string): void {
  copyFileSync(join(FOLDER, `${run}.jsonl`), file(`${run}.jsonl`))
  const alternatives = join(FOLDER, `${run}.alt`)
  if (existsSync(alternatives)) copyFileSync(alternatives, file(`${run}.alt`))
}

/** 0.1.0 counted what was found at the end of a text, even if that was cut off there. */
const stream = ({ status, reason, found, tokens, text }: Segment) => ({
  status,
  reason,
  answer: found && { text: found.text, kind: found.kind },
  ids: [...tokens].map(({ id }) => id),
  text,
})

/** Returns a state in the form of golden.json, in the terms of format 1. */
function goldenOf(state: RunState): Omit<Golden, 'model' | 'commands' | 'alternatives'> {
  const { status, answer, endReason, error, notices, paths, summaries, votes } = state
  return {
    status,
    answer,
    endReason,
    error: error?.code ?? null,
    notices: notices.map((notice) => notice.code),
    paths: paths.map((path) => ({
      path: path.number,
      group: path.group!,
      thought: path.thought,
      seed: path.seed,
      parent: path.parent && { path: numberOf(path.parent.segment), at: path.parent.at },
      budget: path.budget,
      ...(stream(path) as GoldenStream),
      logprobSum: Math.round(path.logprobSum * 1e6) / 1e6,
    })),
    summaries: summaries.map((one) => ({
      version: one.number,
      paths: one.reads.map(numberOf),
      fusion: one.fusion!,
      cuts: one.cuts.map(({ segment, removed }) => ({ path: numberOf(segment), removed })),
      ...(stream(one) as GoldenStream),
    })),
    votes: votes.map(({ rule, over, classes, winner, tie, chosen }) => ({
      rule,
      over,
      classes: classes.map((one) => ({ ...one, members: one.members.map(numberOf) })),
      winner,
      tie,
      ...(chosen !== undefined && { override: true }),
    })),
  }
}

/** Token lists share arrays; compare what they hold. */
const plain = (state: RunState) =>
  JSON.stringify(state, (key, value: unknown) =>
    key === 'tokens' && typeof value === 'object' && value !== null && !Array.isArray(value)
      ? [...(value as Iterable<unknown>)]
      : value,
  )

describe.each(NAMES)('%s', (run) => {
  const golden = runs[run]!
  const native = golden.model !== 'plain'

  it('folds to what it folded to in 0.1.0, by events of format 2', () => {
    put(run)
    const events = store.events(run)
    for (const event of events) expect(() => RunEvent.parse(event)).not.toThrow()
    const {
      model: _m,
      commands: _c,
      alternatives: _a,
      again: _,
      ...wanted
    } = golden as Golden & {
      again: string
    }
    expect(goldenOf(foldRun(events, { live: store.isLive(run) }))).toEqual(wanted)
    // A window gets the lines of the file.
    const lines = [...store.read(run)].flatMap((chunk) => chunk.lines)
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(events)
  })

  it('says of each segment where it began, with which seed, for which group', () => {
    put(run)
    const { settings, paths, summaries } = foldRun(store.events(run))
    for (const path of paths) {
      expect(path.seed).toBe(pathSeed(settings!.seed, path.number))
      expect(path.source.type).toBe(path.parent === null ? 'prompt' : 'branch')
    }
    const { groups } = shapeOf(settings!, native)
    for (const [i, one] of summaries.entries()) {
      const { fusion, cuts, paths: read, version } = golden.summaries[i]!
      expect(one.seed).toBe(summarySeed(settings!.seed, version))
      expect([one.budget, one.thought]).toEqual([settings!.summaryBudget, 0])
      expect(one.group).toBe(version <= groups ? version : null)
      expect(one.source).toEqual(wantedSource(fusion, native, read, cuts, paths))
    }
  })

  it('is listed, found and exported', async () => {
    put(run)
    const [listed] = await store.list()
    const state = foldRun(store.events(run), { live: false })
    expect(listed).toMatchObject({
      run,
      status: golden.status,
      answer: golden.answer,
      paths: golden.paths.length,
      problem: state.problem,
      ...(golden.status === 'ended' && { durationMs: state.timings!.totalMs }),
    })
    const text = golden.paths[0]!.text.replace(/[^ -~]/g, ' ')
    const [word] = text.split(' ').filter((part) => part.length > 2)
    const { hits } = await store.search(`${state.problem} ${word ?? ''}`)
    expect(hits.map((hit) => hit.run)).toEqual([run])
    for (const format of FORMATS) {
      const { content } = exportRuns(store, [run], format)
      expect(content).toContain(golden.model)
      expect(content.length).toBeGreaterThan(1000)
    }
    const { content } = exportRuns(store, [run], 'json')
    const [copy] = importRuns(store, content)
    const same = (one: string) =>
      plain({ ...foldRun(store.events(one), { live: false }), run: '', events: 0 })
    expect(same(copy!)).toBe(same(run))
  })

  it('is imported as it is, and from an export of 0.1.0', () => {
    put(run)
    const same = (one: string) =>
      plain({ ...foldRun(store.events(one), { live: false }), run: '', events: 0 })
    const content = readFileSync(file(`${run}.jsonl`), 'utf8')
    const [bare] = importRuns(store, content)
    expect(same(bare!)).toBe(same(run))
    const events = content
      .split('\n')
      .slice(0, content.split('\n').length - 1)
      .map((line) => JSON.parse(line) as unknown)
    const [exported] = importRuns(
      store,
      JSON.stringify({ format: 'braid-run', version: 1, run, title: 'Old', events }),
    )
    expect(same(exported!)).toBe(same(run))
    expect(store.summary(exported!).title).toBe('Old')
  })

  it('is rewritten as format 2 before a command goes on, and nothing changes', () => {
    put(run)
    const old = readFileSync(file(`${run}.jsonl`))
    const [before, seen] = [store.events(run), store.summary(run)]
    const writer = store.append(run)
    expect(foldRun(store.events(run), { live: false })).toEqual(foldRun(before, { live: false }))
    expect(store.events(run)).toEqual(before)
    expect(digestOf(writer.state, false)).toMatchObject({
      answer: seen.answer,
      tokens: seen.tokens,
    })
    const more: RunEvent = { type: 'notice', at: 1e6, code: 'scope', params: { scope: 'x' } }
    writer.append(more)
    store.close(run)
    expect(store.events(run)).toEqual([...before, more])
    for (const line of readFileSync(file(`${run}.jsonl`), 'utf8')
      .trimEnd()
      .split('\n'))
      RunEvent.parse(JSON.parse(line))
    // The old file is there until the next start, and another command leaves it.
    store.append(run)
    store.close(run)
    expect(readFileSync(file(`${run}.format1`))).toEqual(old)
    const restarted = new RunStore(folder)
    expect(existsSync(file(`${run}.format1`))).toBe(false)
    expect(restarted.events(run)).toEqual([...before, more])
    expect(readdirSync(file('.')).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})

/** Returns what a summary of 0.1.0 read, according to the paths in golden.json. */
function wantedSource(
  fusion: string,
  native: boolean,
  read: number[],
  cuts: GoldenSummary['cuts'],
  paths: readonly Segment[],
): Source {
  const removedFrom = (path: number) => cuts.find((cut) => cut.path === path)?.removed
  const texts = read.map((path) => {
    const removed = removedFrom(path)
    const all = [...paths[path - 1]!.tokens].map(({ id }) => id!)
    const head = Math.ceil((all.length - (removed ?? 0)) / 2)
    const tokens = all.filter((_, i) => i < head || i >= head + (removed ?? 0))
    const rest = { of: `p${path}`, ...(removed !== undefined && { removed }) }
    return native ? { tokens, thought: paths[path - 1]!.thought, ...rest } : { tokens: [], ...rest }
  })
  if (fusion === 'cache') {
    const parts = read.map((path) => ({ segment: `p${path}` }))
    return { type: 'join', layout: 'shared', parts: [{ prompt: true }, ...parts] }
  }
  return native
    ? { type: 'join', layout: 'consecutive', parts: [{ prompt: true }, ...texts] }
    : { type: 'text', parts: texts }
}

describe('alternatives of format 1', () => {
  it('are read through branches, before and after the rewriting, and go on in the new form', () => {
    put('alternatives')
    const { alternatives } = runs.alternatives!
    const check = () => {
      for (const { path, version, ids } of alternatives!) {
        const segment = path > 0 ? `p${path}` : summaryId(version)
        const found = store.alternatives('alternatives', segment, 0, ids.length)
        expect(found.map((list) => list && list.map(({ id }) => id))).toEqual(ids)
      }
    }
    check()
    const writer = store.append('alternatives')
    check()
    const at = runs.alternatives!.paths[0]!.ids.length
    const { seed } = foldRun(store.events('alternatives')).settings!
    writer.append({
      type: 'segment-started',
      at: 1e6,
      segment: 'p9',
      role: 'path',
      group: 1,
      source: { type: 'branch', of: 'p1', at },
      thought: 1,
      seed,
      budget: 99,
    })
    const token = { id: 5, text: 'x', logprob: -1, entropy: 1 }
    const list = [{ id: 5, text: 'x', logprob: -1 }]
    writer.append({
      type: 'tokens',
      at: 1e6,
      segment: 'p9',
      tokens: [{ ...token, alternatives: list }],
    })
    store.close('alternatives')
    check()
    const own = store.alternatives('alternatives', 'p9', 0, at + 1)
    expect(own.at(-1)).toEqual(list)
    expect(own.slice(0, at)).toEqual(store.alternatives('alternatives', 'p1', 0, at))
  })
})

describe('the conversion', () => {
  const start = JSON.parse(
    readFileSync(join(FOLDER, 'parallel-cache.jsonl'), 'utf8').split('\n')[0]!,
  ) as Format1Event
  const convert = (...events: unknown[]) => {
    const converter = new Format1()
    return [
      ...[start, ...(events as Format1Event[])].flatMap((event) => converter.convert(event)),
      ...converter.end(),
    ].slice(1)
  }
  const path = { type: 'path-started', path: 1, group: 1, thought: 1, seed: 3, at: 1 }
  const branch = { ...path, path: 2, parent: { path: 1, at: 4 }, at: 5 }
  const joined = { type: 'joined', version: 1, paths: [1], fusion: 'cache', at: 6 }
  const begun = { ...joined, type: 'summary-started', at: 7 }

  it('gives a branch the budget that stands in the next event, if it is the branch’s own', () => {
    const budgets = (...events: unknown[]) =>
      convert(path, ...events).map((event) => [event.type, event.segment, event.budget])
    const extended = { type: 'path-extended', path: 2, budget: 77, at: 5 }
    const usual = (start as { settings: { budget: number } }).settings.budget
    const [first, plain] = [
      ['segment-started', 'p1', usual],
      ['segment-started', 'p2', usual],
    ]
    expect(budgets(branch)).toEqual([first, plain])
    expect(budgets(branch, extended)).toEqual([first, ['segment-started', 'p2', 77]])
    expect(budgets(branch, { ...extended, path: 1 })).toEqual([
      first,
      plain,
      ['segment-extended', 'p1', 77],
    ])
    expect(budgets(branch, extended, extended)).toEqual([
      first,
      ['segment-started', 'p2', 77],
      ['segment-extended', 'p2', 77],
    ])
    expect(budgets(branch, { ...branch, path: 3 }, { ...extended, path: 3 })).toEqual([
      first,
      plain,
      ['segment-started', 'p3', 77],
    ])
  })

  it('opens a summary once, at the first of its two events', () => {
    const opened = (...events: unknown[]) =>
      convert(path, ...events).flatMap((event) =>
        event.segment === 's1' ? [[event.type, event.at]] : [],
      )
    expect(opened(joined, begun)).toEqual([['segment-started', 6]])
    expect(opened(joined)).toEqual([['segment-started', 6]])
    expect(opened(begun)).toEqual([['segment-started', 7]])
    // Joined, interrupted, and begun again by a command.
    expect(opened(joined, { ...joined, at: 20 }, { ...begun, at: 21 })).toEqual([
      ['segment-started', 6],
      ['segment-started', 20],
    ])
  })

  it('counts a summary to a group only if the strategy wrote it for that group', () => {
    const groupOf = (version: number, paths: number[], ...before: unknown[]) =>
      convert(path, ...before, { ...joined, version, paths }).at(-1)!.group
    const ended = { type: 'run-failed', error: { code: 'io', message: 'x' }, at: 5 }
    expect(groupOf(1, [1])).toBe(1)
    expect(groupOf(2, [1])).toBeUndefined()
    expect(groupOf(1, [1], ended)).toBeUndefined()
    expect(groupOf(1, [1, 2], { ...path, path: 2, group: 2 })).toBeUndefined()
  })

  it('keeps fields that it does not know', () => {
    const events = [
      { ...path, later: 1 },
      { type: 'tokens', path: 1, tokens: [], at: 2, later: 2 },
      { type: 'path-ended', path: 1, reason: 'finished', answer: null, at: 3, later: 3 },
      { ...joined, later: 4 },
      { type: 'notice', code: 'a', message: 'b', at: 8, later: 5 },
    ]
    expect(convert(...events).map(({ later }) => later)).toEqual([1, 2, 3, 4, 5])
  })
})

describe('a transcript of format 1', () => {
  const lines = () => readFileSync(join(FOLDER, 'branch.jsonl'), 'utf8').trimEnd().split('\n')
  const put = (content: string[]) => writeFileSync(file('old.jsonl'), content.join('\n') + '\n')

  it('keeps events of types that nobody knows, and gives no new meaning to those that only format 2 knows', () => {
    const [first, ...rest] = lines()
    put([first!, '{"type":"from-the-future","at":1}', '{"type":"question","at":1}', ...rest])
    const before = store.events('old')
    put([first!, ...rest])
    expect(store.events('old')).toEqual(before)
    put([first!, '{"type":"from-the-future","at":1}', '{"type":"question","at":1}', ...rest])
    store.append('old')
    store.close('old')
    const text = readFileSync(file('old.jsonl'), 'utf8')
    expect([text.includes('from-the-future'), text.includes('question"')]).toEqual([true, false])
    expect(store.events('old')).toEqual(before)
  })

  it.each([
    ['not JSON in the middle', (all: string[]) => all.splice(2, 0, '{"type":')],
    ['an event of format 2', (all: string[]) => all.splice(2, 0, all[1]!.replace('"path"', '"p"'))],
    ['a number that no address holds', (all: string[]) => all.splice(1, 0, tokens(1e9))],
    ['no start', (all: string[]) => all.shift()],
  ])('that is damaged (%s) is listed as such, and stays as it is', async (_, harm) => {
    const all = lines()
    harm(all)
    put(all)
    const content = readFileSync(file('old.jsonl'))
    expect((await store.list()).map(({ status }) => status)).toEqual(['damaged'])
    expect(code(() => store.events('old'))).toBe('bad-transcript')
    expect(code(() => store.append('old'))).toBe('bad-transcript')
    expect(readFileSync(file('old.jsonl'))).toEqual(content)
    expect(readdirSync(file('.')).sort()).toEqual(['index.json', 'old.jsonl', 'trash'])
  })
  const tokens = (path: number) => JSON.stringify({ type: 'tokens', at: 1, path, tokens: [] })

  it('torn at any byte is rewritten with what was whole', () => {
    const whole = readFileSync(join(FOLDER, 'branch.jsonl'))
    const step = Math.ceil(whole.length / 40)
    for (let length = whole.indexOf(0x0a) + 1; length < whole.length; length += step) {
      writeFileSync(file('old.jsonl'), whole.subarray(0, length))
      const before = store.events('old')
      store.append('old')
      store.close('old')
      expect(store.events('old')).toEqual(before)
    }
  })

  it('is not rewritten through a link', () => {
    put(lines())
    const outside = join(folder, 'outside')
    writeFileSync(outside, 'mine')
    symlinkSync(outside, file('old.format1'))
    expect(code(() => store.append('old'))).toBe('bad-path')
    expect(readFileSync(outside, 'utf8')).toBe('mine')
  })

  it('is whole in one format or the other whenever the rewriting is killed', async () => {
    const [first, ...rest] = lines()
    const batch = rest.find((line) => line.startsWith('{"type":"tokens","path":1'))!
    const long = [first!, ...rest, ...Array.from({ length: 2000 }, () => batch)]
    put(long)
    const old = readFileSync(file('old.jsonl'), 'utf8')
    const wanted = store.events('old').length
    const script = `
      import { RunStore } from './engine/transcripts/index.ts'
      const store = new RunStore(${JSON.stringify(folder)})
      process.stdout.write('go')
      store.append('old')
      store.close('old')
      process.stdout.write('done')
      setInterval(() => {}, 1000)
    `
    const seen = new Set<string>()
    let finished = false
    for (let delay = 0; !finished; delay = 4 * delay + 20) {
      put(long)
      rmSync(file('old.lock'), { force: true }) // a lock without a process id yet holds for a minute
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '-e', script],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      const gone = once(child, 'exit')
      await once(child.stdout, 'data')
      const done = once(child.stdout, 'data').then(() => (finished = true))
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, delay))])
      child.kill('SIGKILL')
      await gone
      const text = readFileSync(file('old.jsonl'), 'utf8')
      seen.add(text.slice(0, 60).includes('"format":2') ? 'new' : 'old')
      if (!text.includes('"format":2')) expect(text).toBe(old)
      expect(new RunStore(folder).events('old')).toHaveLength(wanted)
    }
    expect([...seen].sort()).toEqual(['new', 'old'])
  }, 120_000)
})
