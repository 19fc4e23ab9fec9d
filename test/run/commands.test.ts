import { describe, expect, it } from 'vitest'
import { loadAddon, type ContextOptions, type NativeModel } from '../../engine/native/index.ts'
import type { RunCommand, RunEvent, SegmentId } from '../../engine/protocol/events.ts'
import { foldRun, isOpen } from '../../engine/protocol/fold.ts'
import { Engine } from '../../engine/run/index.ts'
import {
  disagreement,
  EXACT,
  newEngine,
  rescore,
  solve,
  start,
  tinyFile,
  Watched,
  wrapModel,
  type Settings,
} from './support.ts'
import { since } from '../support/time.ts'

const engine = newEngine()
/** With greedy sampling, this model never stops by itself. */
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
const summaryStarted = (event: RunEvent) =>
  event.type === 'segment-started' && event.role === 'summary'
const close = async (run: Watched, summary: SegmentId) =>
  expect(disagreement(run, summary, await rescore(engine, tiny.file, run, summary))).toBeLessThan(
    1e-4,
  )
const code = (code: string) => expect.objectContaining({ code }) as unknown
/** Long enough for a command to arrive while it thinks. */
const long: Settings = { ...settings, budget: 1500 }
const thinking = (n: number) => (_: unknown, run: Watched) =>
  run.state.paths.length > 0 &&
  run.state.paths.every(
    ({ status, tokens }) => status !== 'waiting' && (status !== 'thinking' || tokens.length >= n),
  )

describe('after the run has ended', () => {
  it('extends a path from its cells, and summarises again', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const { segment } = run.state.paths.find(({ reason }) => reason === 'budget')!
    await run.after({ type: 'extend', segment, tokens: 10 })
    expect(run.segment(segment).tokens.length).toBeGreaterThan(40)
    expect(run.segment(segment).budget).toBe(50)
    expect(run.state.summaries).toHaveLength(1)
    await run.after({ type: 'summarise' })
    expect(run.state.summaries.map(({ segment }) => segment)).toEqual(['s1', 's2'])
    await close(run, 's2')
  })

  it('moves to a larger context where the extension does not fit', async () => {
    const run = await solve(engine, tiny.file, 'the answer', { ...settings, budget: 20 })
    const before = run.state.usage!.cells
    const { segment } = run.state.paths.find(({ reason }) => reason === 'budget')!
    await run.after({ type: 'extend', segment, tokens: 900 })
    await run.after({ type: 'summarise' })
    expect(run.state.usage!.cells).toBeGreaterThan(before)
    await close(run, 's2')
  })

  it('branches at a token, with and without another in its place', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const other = id('t')
    await run.after({ type: 'branch', segment: 'p1', at: 5, token: other })
    await run.after({ type: 'branch', segment: 'p1', at: 1 })
    await run.after({ type: 'branch', segment: 'p4', at: 8 })
    const { paths } = run.state
    expect(
      paths.slice(3).map(({ thought, group, parent }) => ({ thought, group, parent })),
    ).toEqual([
      { thought: 1, group: 1, parent: { segment: 'p1', at: 5 } },
      { thought: 1, group: 1, parent: { segment: 'p1', at: 1 } },
      { thought: 1, group: 1, parent: { segment: 'p4', at: 8 } },
    ])
    expect(run.ids('p4').slice(0, 6)).toEqual([...run.ids('p1').slice(0, 5), other])
    expect(paths[3]!.tokens.at(5)).toMatchObject({
      id: other,
      forced: true,
      logprob: expect.any(Number) as number,
    })
    for (const path of paths.slice(3)) expect(path.tokens.length).toBeLessThanOrEqual(40)
    // Alone, the branch scores like a separate path; the logprobs of kept tokens are the parent's.
    await run.after({ type: 'summarise', segments: ['p4'] })
    await close(run, 's2')
    await run.after({ type: 'summarise', segments: ['p2', 'p6'] })
    await close(run, 's3')
  })

  it('a character split at the branch point, or where the path is extended, is whole in the text', async () => {
    const other = tinyFile({ seed: 34, endless: true })
    const [first, second] = ['Ã', '©'].map((byte) => other.model.vocabulary.id(byte)) // é, as the vocabulary writes bytes
    const run = await solve(engine, other.file, 'the answer', {
      ...settings,
      budget: 3,
      sampling: { temperature: 0, repetitionWindow: 0 },
    })
    await run.after({ type: 'branch', segment: 'p1', at: 2, token: first })
    await run.after({ type: 'branch', segment: 'p4', at: 3, token: second })
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
    for (let n = 0; n < 12; n++) await run.after({ type: 'extend', segment: 'p1', tokens: 1 })
    expect(run.ids('p1')).toEqual(long.ids('p1').slice(0, 15))
    expect(long.state.paths[0]!.text.startsWith(run.state.paths[0]!.text)).toBe(true)
  })

  it('a summary over a path and its branch reads the shared cells once, live and rebuilt alike', async () => {
    const run = await solve(engine, tiny.file, 'the answer', {
      ...settings,
      paths: 2,
      sampling: { temperature: 0 },
    })
    await run.after({ type: 'branch', segment: 'p1', at: 12, token: id('t') })
    await run.after({ type: 'branch', segment: 'p1', at: 20 })
    const events = [...run.events]
    await run.after({ type: 'summarise', segments: ['p1', 'p2', 'p3', 'p4'] })
    const again = new Watched(newEngine().resume(events), events)
    await again.after({ type: 'summarise', segments: ['p1', 'p2', 'p3', 'p4'] })
    expect(again.ids('s2')).toEqual(run.ids('s2'))
    const [a, b] = [run, again].map((one) =>
      one.state.summaries[1]!.tokens.slice().map(({ logprob }) => logprob ?? 0),
    )
    expect(Math.max(...a!.map((logprob, i) => Math.abs(logprob - b![i]!)))).toBeLessThan(1e-4)
    expect(again.state.usage!.kvBytes).toBe(run.state.usage!.kvBytes)
  })

  it('drops a path: later summaries do not read it, its branch goes on', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await run.after({ type: 'branch', segment: 'p2', at: 6 })
    await run.handle.command({ type: 'drop', segment: 'p2' })
    await run.after({ type: 'branch', segment: 'p4', at: 3 })
    await run.after({ type: 'summarise' })
    expect(run.state.summaries[1]!.reads).toEqual(['p1', 'p3', 'p4', 'p5'])
    for (const command of ['stop', 'drop'] as const)
      await expect(run.handle.command({ type: command, segment: 'p2' })).rejects.toThrowError(
        code('no-such-path') as Error,
      )
    await run.after({ type: 'summarise', segments: ['p4'] })
    await close(run, 's3')
  })

  it('takes a dropped path back: a summary reads it again, and it goes on as it would have', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const before = run.segment('p2')
    await run.after({ type: 'summarise' })
    await run.handle.command({ type: 'drop', segment: 'p2' })
    await run.after({ type: 'summarise' })
    expect(run.segment('s3').reads).toEqual(['p1', 'p3'])
    expect(await run.handle.command({ type: 'restore', segment: 'p2' })).toEqual({})
    expect(run.segment('p2')).toMatchObject({ reason: before.reason, answer: before.answer })
    await expect(run.handle.command({ type: 'restore', segment: 'p2' })).rejects.toThrowError(
      code('bad-request') as Error,
    )
    await run.after({ type: 'summarise' })
    expect(run.segment('s4').reads).toEqual(['p1', 'p2', 'p3'])
    await close(run, 's4')
    await run.after({ type: 'branch', segment: 'p2', at: 6 })
    expect(run.ids('p4').slice(0, 6)).toEqual(run.ids('p2').slice(0, 6))
  })

  it('summarises a subset, again by re-reading, and keeps every version', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await run.after({ type: 'summarise', segments: ['p3', 'p1', 'p3'] })
    await close(run, 's2')
    await run.after({ type: 'summarise', segments: ['p2'], fusion: 'reread' })
    await run.after({ type: 'extend', segment: 'p1', tokens: 5 })
    await run.after({ type: 'summarise' })
    expect(run.state.summaries.map(({ reads, fusion }) => [reads, fusion])).toEqual([
      [['p1', 'p2', 'p3'], 'cache'],
      [['p1', 'p3'], 'cache'],
      [['p2'], 'reread'],
      [['p1', 'p2', 'p3'], 'cache'],
    ])
    await close(run, 's4')
  })

  it('a majority run takes later versions beside its groups, and a vote by hand', async () => {
    const run = await solve(engine, tiny.file, 'or and', {
      ...settings,
      strategy: 'majority',
      question: 'value',
    })
    await expect(run.handle.command({ type: 'override-vote', member: 's9' })).rejects.toThrowError(
      code('no-such-path') as Error,
    )
    const last = run.state.votes[0]!.classes.at(-1)!
    await run.handle.command({ type: 'override-vote', member: last.members[0]! })
    await run.until((event) => event.type === 'vote' && event.chosen === last.members[0])
    expect(run.state.answer).toBe(last.answer)
    await run.after({ type: 'summarise', segments: ['p1', 'p2'] })
    expect(run.state.summaries.at(-1)).toMatchObject({ segment: 's4', reads: ['p1', 'p2'] })
    await close(run, 's4')
  })

  it('another run in between takes the cells: they come back from the tokens', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await solve(engine, tiny.file, 'another', settings)
    await run.after({ type: 'extend', segment: 'p1', tokens: 6 })
    await run.after({ type: 'summarise' })
    await close(run, 's2')
  })

  it('does not extend a path that came to an end by itself', async () => {
    const run = await solve(engine, tinyFile({ seed: 3 }).file, 'the answer', {
      ...settings,
      budget: 1500,
    })
    const { segment } = run.state.paths.find(({ reason }) => reason === 'finished')!
    await expect(run.handle.command({ type: 'extend', segment, tokens: 5 })).rejects.toThrowError(
      code('bad-request') as Error,
    )
    expect(run.segment(segment)).toMatchObject({ status: 'done', reason: 'finished' })
  })

  it('refuses what cannot be, each with its code', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const refused = async (
      command: Parameters<Watched['handle']['command']>[0],
      expected: string,
    ) => expect(run.handle.command(command)).rejects.toThrowError(code(expected) as Error)
    await refused({ type: 'stop', segment: 'p1' }, 'not-running')
    await refused({ type: 'stop', segment: 'p9' }, 'no-such-path')
    await refused({ type: 'cancel' }, 'not-running')
    await refused({ type: 'stop-all' }, 'not-running')
    await refused({ type: 'branch', segment: 'p1', at: 1000 }, 'out-of-range')
    await refused({ type: 'branch', segment: 'p1', at: 2, token: 1e6 }, 'out-of-range')
    await refused({ type: 'override-vote', member: 'p1' }, 'bad-request')
    await refused({ type: 'extend', segment: 'p1', tokens: -1 }, 'bad-request')
    await refused({ type: 'extend', segment: 'p1', tokens: NaN }, 'bad-request')
    await refused({ type: 'nothing' } as never, 'bad-request')
    await run.handle.close()
    await refused({ type: 'summarise' }, 'not-running')
  })
})

it('a run that moves to a larger context while a summary reads its paths again has room for both there', async () => {
  const endless = tinyFile({ seed: 34, endless: true })
  const asked: Settings = { ...settings, paths: 4, budget: 469, summaryBudget: 2 }
  const run = await solve(engine, endless.file, 'the answer', asked)
  await run.handle.command({ type: 'branch', segment: 'p1', at: 99 })
  await run.until((event) => event.type === 'tokens' && event.segment === 'p5')
  await run.handle.command({ type: 'summarise', fusion: 'reread' })
  await run.until((event) => event.type === 'segment-started' && event.segment === 's2')
  await run.handle.command({ type: 'branch', segment: 'p1', at: 24 })
  await run.until(() => run.state.status === 'ended' && run.state.paths.length === 6)
  expect(run.segment('s2').reason).toBe('budget')
  expect(run.segment('p6').reason).toBe('budget')
})

describe('one command right behind another', () => {
  const logprobs = (run: Watched, path: SegmentId) =>
    run
      .segment(path)
      .tokens.slice()
      .map(({ logprob }) => logprob)
  const asScored = async (run: Watched, path: SegmentId) => {
    const { paths } = await engine.score(
      {
        prompt: [...run.state.promptTokens],
        paths: [{ thought: run.segment(path).thought, tokens: run.ids(path) }],
      },
      { model: tiny.file, engine: EXACT },
    )
    for (const [i, logprob] of logprobs(run, path).entries())
      expect(Math.abs(logprob! - paths[0]![i]!.logprob!)).toBeLessThan(1e-4)
  }

  it('a branch keeps what it began with, though its parent is dropped before it thinks', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await run.handle.command({ type: 'branch', segment: 'p2', at: 9 })
    await run.after({ type: 'drop', segment: 'p2' })
    expect(run.ids('p4').slice(0, 9)).toEqual(run.ids('p2').slice(0, 9))
    await asScored(run, 'p4')
  })

  it('a branch of a branch that did not think yet starts from the same path', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await run.handle.command({ type: 'branch', segment: 'p2', at: 9, token: id('t') })
    await run.after({ type: 'branch', segment: 'p4', at: 5 })
    for (const path of ['p4', 'p5']) {
      expect(run.segment(path).reason).not.toBe('failed')
      await asScored(run, path)
    }
    expect(run.segment('p5').parent).toEqual({ segment: 'p4', at: 5 })
    expect(run.ids('p5').slice(0, 5)).toEqual(run.ids('p2').slice(0, 5))
  })
})

describe('while it thinks', () => {
  it('stops, extends, branches and drops, then summarises now', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(20))
    const alive = run.state.paths
      .filter(({ status }) => status === 'thinking')
      .map(({ segment }) => segment)
    expect(alive.length).toBeGreaterThan(0)
    const [first] = alive as [SegmentId]
    await run.handle.command({ type: 'branch', segment: first, at: 10, token: id('t') })
    await run.until((event) => event.type === 'tokens' && event.segment === 'p4')
    await run.handle.command({ type: 'stop', segment: first })
    await run.until((event) => event.type === 'segment-ended' && event.segment === first)
    expect(run.segment(first).reason).toBe('stopped')
    await run.handle.command({ type: 'extend', segment: first, tokens: 1600 })
    const { length } = run.segment(first).tokens
    await run.until(
      (_, now) => now.segment(first).tokens.length > length || now.segment(first).reason !== null,
    )
    await run.handle.command({ type: 'drop', segment: 'p2' })
    await run.until((event) => event.type === 'segment-dropped')
    await run.handle.command({ type: 'summarise', segments: ['p3', 'p4'] })
    await run.end()
    expect(run.state).toMatchObject({ status: 'ended', endReason: 'finished' })
    expect(run.state.summaries.map(({ reads }) => reads)).toEqual([['p3', 'p4']])
    await close(run, 's1')
  })

  it('a path that was dropped in mid-thought thinks on when it is taken back at once', async () => {
    const run = await start(engine, tiny.file, 'the answer', { ...settings, budget: 600 }).until(
      thinking(20),
    )
    const { segment } = run.state.paths.find(({ status }) => status === 'thinking')!
    await run.handle.command({ type: 'drop', segment })
    const { length } = run.segment(segment).tokens
    await run.handle.command({ type: 'restore', segment })
    expect(run.segment(segment)).toMatchObject({ status: 'waiting', reason: null })
    await run.end()
    expect(run.segment(segment).tokens.length).toBeGreaterThan(length)
    expect(run.state.summaries[0]!.reads).toContain(segment)
    await close(run, 's1')
  })

  it('summarises a subset now: the first summary is over it', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(10))
    await run.handle.command({ type: 'summarise', segments: ['p1', 'p3'] })
    await run.end()
    expect(run.state.summaries.map(({ segment, reads }) => [segment, reads])).toEqual([
      ['s1', ['p1', 'p3']],
    ])
    expect(run.state.paths.every(({ reason }) => reason !== null)).toBe(true)
    await close(run, 's1')
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
    await close(run, 's1')
  })

  it('an extension beyond the context moves the whole run to a larger one', async () => {
    const run = await start(engine, tiny.file, 'the answer', {
      ...long,
      budget: 300,
      paths: 2,
    }).until(thinking(10))
    const alive = run.state.paths.find(({ status }) => status === 'thinking')!.segment
    await run.handle.command({ type: 'extend', segment: alive, tokens: 1100 })
    await run.end()
    expect(run.state.paths.map(({ reason }) => reason)).not.toContain('cancelled')
    expect(run.state).toMatchObject({ status: 'ended', endReason: 'finished' })
    await close(run, 's1')
  })

  it('commands in the summary phase leave the summary that is being written as it is', async () => {
    const run = await start(engine, tiny.file, 'the answer', {
      ...settings,
      summaryBudget: 800,
      sampling: { temperature: 0 },
    }).until(summaryStarted)
    await run.handle.command({ type: 'branch', segment: 'p1', at: 4 })
    await run.handle.command({ type: 'summarise', segments: ['p1', 'p2'] })
    await run.end()
    expect(run.state.summaries.map(({ segment, reads }) => [segment, reads])).toEqual([
      ['s1', ['p1', 'p2', 'p3']],
      ['s2', ['p1', 'p2']],
    ])
    expect(run.state.paths[3]!.reason).not.toBeNull()
    await close(run, 's2')
  })
})

describe('what opens a segment answers with it', () => {
  it('after the end, and all at once', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    expect(await run.after({ type: 'branch', segment: 'p1', at: 4 })).toEqual({ segment: 'p4' })
    expect(await run.after({ type: 'summarise' })).toEqual({ segment: 's2' })
    const commands: RunCommand[] = [
      { type: 'branch', segment: 'p4', at: 2 },
      { type: 'branch', segment: 'p2', at: 3 },
      { type: 'summarise', segments: ['p1'] },
      { type: 'summarise', segments: ['p2', 'p5'] },
    ]
    const all = await Promise.all(commands.map((command) => run.handle.command(command)))
    expect(all).toEqual(['p5', 'p6', 's3', 's4'].map((segment) => ({ segment })))
    await run.until(() => run.state.summaries.length === 4 && run.state.status === 'ended')
    expect(run.segment('p5').parent).toEqual({ segment: 'p4', at: 2 })
    expect(run.segment('p6').parent).toEqual({ segment: 'p2', at: 3 })
    expect(run.segment('s3').reads).toEqual(['p1'])
    expect(run.segment('s4').reads).toEqual(['p2', 'p5'])
    expect(await run.handle.command({ type: 'drop', segment: 'p6' })).toEqual({})
  })

  it('while it thinks: the summary of its group, or one more', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(5))
    const { segment } = run.state.paths.find(({ status }) => status === 'thinking')!
    expect(await run.handle.command({ type: 'branch', segment, at: 3 })).toEqual({ segment: 'p4' })
    expect(await run.handle.command({ type: 'summarise' })).toEqual({ segment: 's1' })
    expect(await run.handle.command({ type: 'summarise' })).toEqual({ segment: 's2' })
    await run.end()
    expect(run.state.summaries.map(({ segment, reads }) => [segment, reads])).toEqual(
      ['s1', 's2'].map((segment) => [segment, ['p1', 'p2', 'p3', 'p4']]),
    )
  })
})

describe('a run taken up from its events', () => {
  it('has the token that a branch was forced to begin with, though nothing was decoded', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await run.after({ type: 'branch', segment: 'p1', at: 6, token: id('t') })
    const opened = run.events.findIndex(
      (event) => event.type === 'segment-started' && event.segment === 'p4',
    )
    expect(run.events[opened]).toMatchObject({ source: { of: 'p1', at: 6 }, forced: [id('t')] })
    const events = run.events.slice(0, opened + 1)
    const again = new Watched(newEngine().resume(events), events)
    expect(again.ids('p4')).toEqual(run.ids('p1').slice(0, 6))
    await again.after({ type: 'extend', segment: 'p4', tokens: run.ids('p4').length - 6 })
    expect(again.ids('p4')).toEqual(run.ids('p4'))
    expect(again.segment('p4').tokens.at(6)).toMatchObject({ id: id('t'), forced: true })
  })

  it('does what the live one does', async () => {
    const run = await solve(engine, tiny.file, 'the answer', {
      ...settings,
      sampling: { temperature: 0 },
    })
    const events = [...run.events]
    await run.after({ type: 'extend', segment: 'p1', tokens: 8 })
    await run.after({ type: 'summarise' })
    const again = new Watched(newEngine().resume(events), events)
    await again.after({ type: 'extend', segment: 'p1', tokens: 8 })
    await again.after({ type: 'summarise' })
    expect(again.ids('p1')).toEqual(run.ids('p1'))
    expect(again.ids('s2')).toEqual(run.ids('s2'))
    await close(again, 's2')
    expect(again.added.map(({ type }) => type).filter((type) => type !== 'tokens')).toEqual([
      'run-resumed',
      'segment-extended',
      'segment-ended',
      'run-ended',
      'run-resumed',
      'segment-started',
      'segment-ended',
      'run-ended',
    ])
    expect(again.added[0]!.at).toBeGreaterThanOrEqual(events.at(-1)!.at)
  })

  it('ends what was cut off before anything new begins', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(5))
    const events = [...run.events]
    await run.close()
    const open = foldRun(events).paths.filter(isOpen)
    const again = new Watched(newEngine().resume(events), events)
    await again.after({ type: 'branch', segment: 'p1', at: 3 })
    expect(again.added[0]!.type).toBe('run-resumed')
    expect(again.added.slice(1, 1 + open.length)).toMatchObject(
      open.map(({ segment }) => ({ type: 'segment-ended', segment, reason: 'interrupted' })),
    )
    for (const { segment } of open)
      expect(again.segment(segment)).toMatchObject({ status: 'interrupted', reason: 'interrupted' })
    const { segment } = open[0]!
    const { length } = again.segment(segment).tokens
    await again.after({ type: 'extend', segment, tokens: 4 })
    expect(again.segment(segment).tokens.length).toBe(length + 4)
  })

  it('goes on where the engine died in mid-run', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(15))
    const events = [...run.events]
    await run.handle.close()
    const again = new Watched(newEngine().resume(events), events)
    await again.after({ type: 'summarise' })
    expect(again.state).toMatchObject({ status: 'ended', endReason: 'finished' })
    await close(again, 's1')
  })

  it('needs the model it was made with, and a beginning', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const other = tinyFile({ seed: 4, keys: {} })
    const events = run.events.map((event) =>
      event.type === 'run-started'
        ? {
            ...event,
            model: { ...event.model, address: { file: other.file }, headerSha256: '0'.repeat(64) },
          }
        : event,
    )
    const again = new Watched(engine.resume(events), events)
    await again.after({ type: 'summarise' })
    expect(again.events.at(-1)).toMatchObject({
      type: 'run-failed',
      error: { code: 'wrong-model' },
    })
    expect(() => engine.resume([])).toThrowError(code('bad-transcript') as Error)
  })
})

describe('a run is at work from the command on', () => {
  it('that asks for a summary, whose model has to be loaded first', async () => {
    const own = newEngine()
    const run = await solve(own, tiny.file, 'the answer', settings)
    await own.unload(() => true, 'asked')
    const { length } = run.events
    await run.handle.command({ type: 'summarise' })
    expect(run.handle.state.status).toBe('running')
    expect(run.handle.state.summaries).toHaveLength(1)
    await run.end(2)
    expect(run.events[length]!.type).toBe('run-resumed')
    expect(run.state).toMatchObject({ status: 'ended', summaries: [{}, { segment: 's2' }] })
  })

  it('of an ended run whose model was unloaded, which knows what the model can do', async () => {
    const own = newEngine()
    const run = await solve(own, tiny.file, 'the answer', settings)
    await own.unload(() => true, 'asked')
    const branch = { type: 'branch', segment: 'p1', at: 5, token: 1 << 20 } as const
    await expect(run.handle.command(branch)).rejects.toMatchObject({ code: 'out-of-range' })
    await run.after({ ...branch, token: id('t') })
    expect(run.segment('p4').tokens.length).toBeGreaterThan(5)
  })
})

describe('behind a stop', () => {
  it.each(['stop-all', 'cancel'] as const)(
    '%s: the run ends, then what was asked for meanwhile begins',
    async (type) => {
      const run = await start(engine, tiny.file, 'the answer', long).until(thinking(5))
      const asked = [
        run.handle.command({ type }),
        run.handle.command({ type: 'branch', segment: 'p1', at: 3 }),
        run.handle.command({ type: 'summarise' }),
      ]
      expect(await Promise.all(asked)).toEqual([{}, { segment: 'p4' }, expect.anything()])
      await run.end(2)
      const types = run.events.map((event) => event.type)
      const end = types.indexOf('run-ended')
      expect(types.slice(end, end + 3)).toEqual(['run-ended', 'run-resumed', 'segment-started'])
      expect(run.events[end]).toMatchObject({ reason: type === 'cancel' ? 'cancelled' : 'stopped' })
    },
  )
})

describe('a run that is being closed', () => {
  it('takes no command, ends, and closes once', async () => {
    const own = newEngine()
    const run = await start(own, tiny.file, 'the answer', long).until(thinking(5))
    const closings = [run.handle.close(), run.handle.close()]
    const late = run.handle.command({ type: 'branch', segment: 'p1', at: 3 })
    await expect(late).rejects.toMatchObject({ code: 'not-running' })
    await Promise.all(closings)
    await run.close()
    expect(run.events.at(-1)).toMatchObject({ type: 'run-ended', reason: 'cancelled' })
    expect(run.state.paths).toHaveLength(3)
    await own.close()
  })

  it('ends its events though its context is lost', async () => {
    const real = loadAddon({ gpu: false })
    const lost = async (model: NativeModel, options: ContextOptions) => {
      const context = await model.createContext(options)
      return new Proxy(context, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name)
          if (name === 'remove') return () => Promise.reject(new Error('The device is lost'))
          return typeof value === 'function' ? (value.bind(target) as unknown) : value
        },
      })
    }
    const own = new Engine({
      addon: {
        ...real,
        openModel(options) {
          const { done, cancel } = real.openModel(options)
          const wrap = (model: NativeModel) =>
            wrapModel(model, { createContext: (asked) => lost(model, asked) })
          return { cancel: () => cancel(), done: done.then(wrap) }
        },
      },
      version: 'test',
    })
    const run = await solve(own, tiny.file, 'the answer', { ...settings, strategy: 'sequential' })
    await expect(run.handle.close()).rejects.toThrow('The device is lost')
    let events = 0
    for await (const _ of run.handle.events) events++
    expect(events).toBe(0)
    await own.close()
  })

  it('ends what was asked for just before', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    const asked = run.handle.command({ type: 'extend', segment: 'p1', tokens: 1500 })
    await Promise.all([asked, run.handle.close()])
    await run.close()
    expect(run.events.at(-1)).toMatchObject({ type: 'run-ended', reason: 'cancelled' })
    expect(run.segment('p1').status).toBe('stopped')
  })
})

describe('cancel', () => {
  const phases: [string, (run: Watched) => Promise<unknown>][] = [
    ['waiting its turn', () => Promise.resolve()],
    ['loading', () => new Promise((resolve) => setTimeout(resolve, 3))],
    ['preparing', (run) => run.until((event) => event.type === 'run-started')],
    ['thinking', (run) => run.until(thinking(5))],
    ['summarising', (run) => run.until(summaryStarted)],
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

  it('in the middle of a step: the path goes on all the same', async () => {
    const slow = tinyFile({ seed: 34, endless: true, layers: 24, ff: 1024 })
    const run = start(engine, slow.file, 'the answer', { ...long, strategy: 'sequential' })
    for (let n = 1; n <= 6; n++) {
      const { length } = run.state.paths[0]?.tokens ?? { length: 0 }
      await run.until(() => run.state.paths[0] !== undefined && run.ids('p1').length > length + n)
      await run.handle.command({ type: 'cancel' })
      await run.end(n)
      await run.handle.command({ type: 'extend', segment: 'p1', tokens: 1500 })
    }
    await run.handle.command({ type: 'stop-all' })
    await run.end(7)
    expect(run.state.status).toBe('ended')
    const whole = await solve(engine, slow.file, 'the answer', {
      ...long,
      strategy: 'sequential',
      budget: run.ids('p1').length,
    })
    expect(run.ids('p1')).toEqual(whole.ids('p1'))
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
