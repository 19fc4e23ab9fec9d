import { describe, expect, it } from 'vitest'
import {
  disagreement,
  EXACT,
  newEngine,
  rescore,
  solve,
  start,
  tinyFile,
  Watched,
  type Settings,
} from './support.ts'
import { since } from '../support/time.ts'

const engine = newEngine()
/** Greedily this one never stops by itself. */
const tiny = tinyFile({ seed: 34 })
const id = (text: string) => tiny.model.vocabulary.id(text)
const settings: Settings = {
  paths: 3,
  budget: 40,
  summaryBudget: 24,
  seed: 7,
  finish: 'last',
  sampling: { temperature: 0 },
}
const close = async (run: Watched, version: number) =>
  expect(disagreement(run, version, await rescore(engine, tiny.file, run, version))).toBeLessThan(
    1e-4,
  )
const code = (code: string) => expect.objectContaining({ code }) as unknown
/** Long enough to be met while it thinks. */
const long: Settings = { ...settings, budget: 1500 }
const thinking = (n: number) => (_: unknown, run: Watched) =>
  run.state.paths.length > 0 &&
  run.state.paths.every(
    ({ status, tokens }) => status !== 'waiting' && (status !== 'thinking' || tokens.length >= n),
  )

describe('after the run has ended', () => {
  it('extends a path from its cells, and summarises again', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const path = run.state.paths.find(({ reason }) => reason === 'budget')!
    expect(path).toBeDefined()
    await run.after({ type: 'extend', path: path.path, tokens: 10 })
    expect(run.state.paths[path.path - 1]!.tokens.length).toBeGreaterThan(40)
    expect(run.state.paths[path.path - 1]!.budget).toBe(50)
    expect(run.state.summaries).toHaveLength(1)
    await run.after({ type: 'summarise' })
    expect(run.state.summaries.map(({ version }) => version)).toEqual([1, 2])
    await close(run, 2)
  })

  it('moves to a larger context where the extension does not fit', async () => {
    const run = await solve(engine, tiny.file, 'the answer', { ...settings, budget: 20 })
    const before = run.state.usage!.cells
    const { path } = run.state.paths.find(({ reason }) => reason === 'budget')!
    await run.after({ type: 'extend', path, tokens: 900 })
    await run.after({ type: 'summarise' })
    expect(run.state.usage!.cells).toBeGreaterThan(before)
    await close(run, 2)
  })

  it('branches at a token, with and without another in its place', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const other = id('t')
    await run.after({ type: 'branch', path: 1, at: 5, token: other })
    await run.after({ type: 'branch', path: 1, at: 1 })
    await run.after({ type: 'branch', path: 4, at: 8 })
    const { paths } = run.state
    expect(
      paths.slice(3).map(({ thought, group, parent }) => ({ thought, group, parent })),
    ).toEqual([
      { thought: 1, group: 1, parent: { path: 1, at: 5 } },
      { thought: 1, group: 1, parent: { path: 1, at: 1 } },
      { thought: 1, group: 1, parent: { path: 4, at: 8 } },
    ])
    expect(run.ids(4).slice(0, 6)).toEqual([...run.ids(1).slice(0, 5), other])
    expect(paths[3]!.tokens.at(5)).toMatchObject({
      id: other,
      forced: true,
      logprob: expect.any(Number) as number,
    })
    for (const path of paths.slice(3)) expect(path.tokens.length).toBeLessThanOrEqual(40)
    // The branch alone scores as a path of its own; kept tokens' logprobs are the parent's.
    await run.after({ type: 'summarise', paths: [4] })
    await close(run, 2)
    await run.after({ type: 'summarise', paths: [2, 6] })
    await close(run, 3)
  })

  it('a character split at the branch point, or where the path is extended, is whole in the text', async () => {
    const other = tinyFile({ seed: 34, endless: true })
    const [first, second] = ['Ã', '©'].map((byte) => other.model.vocabulary.id(byte)) // é, as the vocabulary writes bytes
    const run = await solve(engine, other.file, 'the answer', {
      ...settings,
      budget: 3,
      sampling: { temperature: 0, repetitionWindow: 0 },
    })
    await run.after({ type: 'branch', path: 1, at: 2, token: first })
    await run.after({ type: 'branch', path: 4, at: 3, token: second })
    const [before, half, whole] = [
      run.state.paths[0]!.tokens.at(0)!.text + run.state.paths[0]!.tokens.at(1)!.text,
      run.state.paths[3]!.text,
      run.state.paths[4]!.text,
    ]
    expect([half, whole]).toEqual([before, before + 'é'])
    const long = await solve(engine, other.file, 'the answer', {
      ...settings,
      budget: 60,
      sampling: { temperature: 0, repetitionWindow: 0 },
    })
    for (let n = 0; n < 12; n++) await run.after({ type: 'extend', path: 1, tokens: 1 })
    expect(run.ids(1)).toEqual(long.ids(1).slice(0, 15))
    expect(long.state.paths[0]!.text.startsWith(run.state.paths[0]!.text)).toBe(true)
  })

  it('a summary over a path and its branch reads the shared cells once, live and rebuilt alike', async () => {
    const run = await solve(engine, tiny.file, 'the answer', {
      ...settings,
      paths: 2,
      sampling: { temperature: 0 },
    })
    await run.after({ type: 'branch', path: 1, at: 12, token: id('t') })
    await run.after({ type: 'branch', path: 1, at: 20 })
    const events = [...run.events]
    await run.after({ type: 'summarise', paths: [1, 2, 3, 4] })
    const again = new Watched(newEngine().resume(events), events)
    await again.after({ type: 'summarise', paths: [1, 2, 3, 4] })
    expect(again.ids(-2)).toEqual(run.ids(-2))
    const [a, b] = [run, again].map((one) =>
      one.state.summaries[1]!.tokens.slice().map(({ logprob }) => logprob ?? 0),
    )
    expect(Math.max(...a!.map((logprob, i) => Math.abs(logprob - b![i]!)))).toBeLessThan(1e-4)
    expect(again.state.usage!.kvBytes).toBe(run.state.usage!.kvBytes)
  })

  it('drops a path: later summaries do not read it, its branch goes on', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await run.after({ type: 'branch', path: 2, at: 6 })
    await run.handle.command({ type: 'drop', path: 2 })
    await run.after({ type: 'branch', path: 4, at: 3 })
    await run.after({ type: 'summarise' })
    expect(run.state.summaries[1]!.paths).toEqual([1, 3, 4, 5])
    for (const command of ['stop', 'drop'] as const)
      await expect(run.handle.command({ type: command, path: 2 })).rejects.toThrowError(
        code('no-such-path') as Error,
      )
    await run.after({ type: 'summarise', paths: [4] })
    await close(run, 3)
  })

  it('summarises a subset, again by re-reading, and keeps every version', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await run.after({ type: 'summarise', paths: [3, 1, 3] })
    await close(run, 2)
    await run.after({ type: 'summarise', paths: [2], fusion: 'reread' })
    await run.after({ type: 'extend', path: 1, tokens: 5 })
    await run.after({ type: 'summarise' })
    expect(run.state.summaries.map(({ paths, fusion }) => [paths, fusion])).toEqual([
      [[1, 2, 3], 'cache'],
      [[1, 3], 'cache'],
      [[2], 'reread'],
      [[1, 2, 3], 'cache'],
    ])
    await close(run, 4)
  })

  it('a majority run takes later versions beside its groups, and a vote by hand', async () => {
    const run = await solve(engine, tiny.file, 'or and', { ...settings, strategy: 'majority' })
    await expect(run.handle.command({ type: 'override-vote', winner: 9 })).rejects.toThrowError(
      code('out-of-range') as Error,
    )
    const { classes } = run.state.votes[0]!
    await run.handle.command({ type: 'override-vote', winner: classes.length - 1 })
    await run.until((event) => event.type === 'vote' && event.override === true)
    expect(run.state.answer).toBe(classes.at(-1)!.answer)
    await run.after({ type: 'summarise', paths: [1, 2] })
    expect(run.state.summaries.at(-1)).toMatchObject({ version: 4, paths: [1, 2] })
    await close(run, 4)
  })

  it('another run in between takes the cells: they come back from the tokens', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await solve(engine, tiny.file, 'another', settings)
    await run.after({ type: 'extend', path: 1, tokens: 6 })
    await run.after({ type: 'summarise' })
    await close(run, 2)
  })

  it('does not extend a path that came to an end by itself', async () => {
    const run = await solve(engine, tinyFile({ seed: 3 }).file, 'the answer', {
      ...settings,
      budget: 1500,
    })
    const { path } = run.state.paths.find(({ reason }) => reason === 'finished')!
    await expect(run.handle.command({ type: 'extend', path, tokens: 5 })).rejects.toThrowError(
      code('bad-request') as Error,
    )
    expect(run.state.paths[path - 1]).toMatchObject({ status: 'done', reason: 'finished' })
  })

  it('refuses what cannot be, each with its code', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const refused = async (
      command: Parameters<Watched['handle']['command']>[0],
      expected: string,
    ) => expect(run.handle.command(command)).rejects.toThrowError(code(expected) as Error)
    await refused({ type: 'stop', path: 1 }, 'not-running')
    await refused({ type: 'stop', path: 9 }, 'no-such-path')
    await refused({ type: 'cancel' }, 'not-running')
    await refused({ type: 'stop-all' }, 'not-running')
    await refused({ type: 'branch', path: 1, at: 1000 }, 'out-of-range')
    await refused({ type: 'branch', path: 1, at: 2, token: 1e6 }, 'out-of-range')
    await refused({ type: 'override-vote', winner: 0 }, 'bad-request')
    await refused({ type: 'extend', path: 1, tokens: -1 }, 'bad-request')
    await refused({ type: 'extend', path: 1, tokens: NaN }, 'bad-request')
    await refused({ type: 'nothing' } as never, 'bad-request')
    await run.handle.close()
    await refused({ type: 'summarise' }, 'not-running')
  })
})

describe('while it thinks', () => {
  it('stops, extends, branches and drops, then summarises now', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(20))
    const alive = run.state.paths
      .filter(({ status }) => status === 'thinking')
      .map(({ path }) => path)
    expect(alive.length).toBeGreaterThan(0)
    const [first] = alive as [number]
    await run.handle.command({ type: 'branch', path: first, at: 10, token: id('t') })
    await run.until((event) => event.type === 'tokens' && event.path === 4)
    await run.handle.command({ type: 'stop', path: first })
    await run.until((event) => event.type === 'path-ended' && event.path === first)
    expect(run.state.paths[first - 1]!.reason).toBe('stopped')
    await run.handle.command({ type: 'extend', path: first, tokens: 1600 })
    const length = run.state.paths[first - 1]!.tokens.length
    await run.until(
      (_, { state }) =>
        state.paths[first - 1]!.tokens.length > length || state.paths[first - 1]!.reason !== null,
    )
    await run.handle.command({ type: 'drop', path: 2 })
    await run.until((event) => event.type === 'path-dropped')
    await run.handle.command({ type: 'summarise', paths: [3, 4] })
    await run.end()
    expect(run.state).toMatchObject({ status: 'ended', endReason: 'finished' })
    expect(run.state.summaries.map(({ paths }) => paths)).toEqual([[3, 4]])
    await close(run, 1)
  })

  it('summarises a subset now: version 1 is over it', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(10))
    await run.handle.command({ type: 'summarise', paths: [1, 3] })
    await run.end()
    expect(run.state.summaries.map(({ version, paths }) => [version, paths])).toEqual([[1, [1, 3]]])
    expect(run.state.paths.every(({ reason }) => reason !== null)).toBe(true)
    await close(run, 1)
  })

  it('stop-all ends every path and writes no summary; more can be asked for later', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(10))
    await run.handle.command({ type: 'stop-all' })
    await run.end()
    expect(run.state).toMatchObject({
      status: 'ended',
      endReason: 'stopped',
      summaries: [],
      answer: null,
    })
    await run.after({ type: 'summarise' })
    expect(run.state).toMatchObject({ endReason: 'finished' })
    await close(run, 1)
  })

  it('an extension beyond the context moves the whole run to a larger one', async () => {
    const run = await start(engine, tiny.file, 'the answer', {
      ...long,
      budget: 300,
      paths: 2,
    }).until(thinking(10))
    const alive = run.state.paths.find(({ status }) => status === 'thinking')!.path
    await run.handle.command({ type: 'extend', path: alive, tokens: 1100 })
    await run.end()
    expect(run.state.paths.map(({ reason }) => reason)).not.toContain('cancelled')
    expect(run.state).toMatchObject({ status: 'ended', endReason: 'finished' })
    await close(run, 1)
  })

  it('commands in the summary phase wait for its end', async () => {
    const run = await start(engine, tiny.file, 'the answer', {
      ...settings,
      summaryBudget: 800,
      sampling: { temperature: 0 },
    }).until((event) => event.type === 'summary-started')
    await run.handle.command({ type: 'branch', path: 1, at: 4 })
    await run.handle.command({ type: 'summarise', paths: [1, 2] })
    await run.end()
    expect(run.state.summaries.map(({ version, paths }) => [version, paths])).toEqual([
      [1, [1, 2, 3]],
      [2, [1, 2]],
    ])
    expect(run.state.paths[3]!.reason).not.toBeNull()
    await close(run, 2)
  })
})

describe('a run taken up from its events', () => {
  it('does what the live one does', async () => {
    const run = await solve(engine, tiny.file, 'the answer', {
      ...settings,
      sampling: { temperature: 0 },
    })
    const events = [...run.events]
    await run.after({ type: 'extend', path: 1, tokens: 8 })
    await run.after({ type: 'summarise' })
    const again = new Watched(newEngine().resume(events), events)
    await again.after({ type: 'extend', path: 1, tokens: 8 })
    await again.after({ type: 'summarise' })
    expect(again.ids(1)).toEqual(run.ids(1))
    expect(again.ids(-2)).toEqual(run.ids(-2))
    await close(again, 2)
    expect(again.added.map(({ type }) => type).filter((type) => type !== 'tokens')).toEqual([
      'path-extended',
      'path-ended',
      'run-ended',
      'joined',
      'summary-started',
      'summary-ended',
      'run-ended',
    ])
    expect(again.added[0]!.at).toBeGreaterThanOrEqual(events.at(-1)!.at)
  })

  it('goes on where the engine died in mid-run', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(15))
    const events = [...run.events]
    await run.handle.close()
    const again = new Watched(newEngine().resume(events), events)
    await again.after({ type: 'summarise' })
    expect(again.state).toMatchObject({ status: 'ended', endReason: 'finished' })
    await close(again, 1)
  })

  it('needs the model it was made with, and a beginning', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const other = tinyFile({ seed: 4, keys: {} })
    const events = run.events.map((event) =>
      event.type === 'run-started'
        ? { ...event, model: { ...event.model, file: other.file, headerSha256: '0'.repeat(64) } }
        : event,
    )
    const again = await new Watched(engine.resume(events), events).after({ type: 'summarise' })
    expect(again.events.at(-1)).toMatchObject({
      type: 'run-failed',
      error: { code: 'wrong-model' },
    })
    expect(() => engine.resume([])).toThrowError(code('bad-transcript') as Error)
  })
})

describe('cancel', () => {
  const phases: [string, (run: Watched) => Promise<unknown>][] = [
    ['waiting its turn', () => Promise.resolve()],
    ['loading', () => new Promise((resolve) => setTimeout(resolve, 3))],
    ['preparing', (run) => run.until((event) => event.type === 'run-started')],
    ['thinking', (run) => run.until(thinking(5))],
    ['summarising', (run) => run.until((event) => event.type === 'summary-started')],
  ]
  it.each(phases)('while %s', async (_, reach) => {
    const run = start(newEngine(), tiny.file, 'the '.repeat(1500), {
      ...settings,
      budget: 60,
      summaryBudget: 600,
      sampling: { temperature: 0 },
      engine: EXACT,
    })
    await reach(run)
    const before = process.cpuUsage()
    await run.handle.command({ type: 'cancel' })
    await run.end()
    expect(since(before)).toBeLessThan(1000) // on one thread
    expect(run.events.at(-1)).toMatchObject({ type: 'run-ended', reason: 'cancelled' })
    for (const { status } of [...run.state.paths, ...run.state.summaries])
      expect(['waiting', 'thinking']).not.toContain(status)
    const next = await solve(engine, tiny.file, 'the next one', settings)
    expect(next.state).toMatchObject({ status: 'ended', endReason: 'finished' })
    if (run.state.paths.some(({ tokens }) => tokens.length > 0)) {
      await run.after({ type: 'summarise' })
      expect(run.events.at(-1)).toMatchObject({ type: 'run-ended', reason: 'finished' })
    }
  })

  it('a run that waits behind another ends at once, the other goes on', async () => {
    const first = await start(engine, tiny.file, 'the answer', long).until(thinking(5))
    const second = start(engine, tiny.file, 'the answer', settings)
    await second.handle.command({ type: 'cancel' })
    await second.end()
    expect(second.events).toMatchObject([{ type: 'run-ended', reason: 'cancelled' }])
    expect(first.state.status).toBe('running')
    await first.handle.command({ type: 'stop-all' })
    await first.end()
  })
})
