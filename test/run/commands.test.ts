import { describe, expect, it } from 'vitest'
import type { RunCommand, SegmentId } from '../../engine/protocol/events.ts'
import { close, code, id, long, settings, thinking, tiny } from './commands-support.ts'
import { EXACT, newEngine, solve, start, tinyFile, Watched, type Settings } from './support.ts'

const engine = newEngine()

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
    await close(engine, run, 's2')
  })

  it('moves to a larger context where the extension does not fit', async () => {
    const run = await solve(engine, tiny.file, 'the answer', { ...settings, budget: 20 })
    const before = run.state.usage!.cells
    const { segment } = run.state.paths.find(({ reason }) => reason === 'budget')!
    await run.after({ type: 'extend', segment, tokens: 900 })
    await run.after({ type: 'summarise' })
    expect(run.state.usage!.cells).toBeGreaterThan(before)
    await close(engine, run, 's2')
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
    await close(engine, run, 's2')
    await run.after({ type: 'summarise', segments: ['p2', 'p6'] })
    await close(engine, run, 's3')
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
    await close(engine, run, 's3')
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
    await close(engine, run, 's4')
    await run.after({ type: 'branch', segment: 'p2', at: 6 })
    expect(run.ids('p4').slice(0, 6)).toEqual(run.ids('p2').slice(0, 6))
  })

  it('summarises a subset, again by re-reading, and keeps every version', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await run.after({ type: 'summarise', segments: ['p3', 'p1', 'p3'] })
    await close(engine, run, 's2')
    await run.after({ type: 'summarise', segments: ['p2'], fusion: 'reread' })
    await run.after({ type: 'extend', segment: 'p1', tokens: 5 })
    await run.after({ type: 'summarise' })
    expect(run.state.summaries.map(({ reads, fusion }) => [reads, fusion])).toEqual([
      [['p1', 'p2', 'p3'], 'cache'],
      [['p1', 'p3'], 'cache'],
      [['p2'], 'reread'],
      [['p1', 'p2', 'p3'], 'cache'],
    ])
    await close(engine, run, 's4')
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
    await close(engine, run, 's4')
  })

  it('another run in between takes the cells: they come back from the tokens', async () => {
    const run = await solve(engine, tiny.file, 'the answer', settings)
    await solve(engine, tiny.file, 'another', settings)
    await run.after({ type: 'extend', segment: 'p1', tokens: 6 })
    await run.after({ type: 'summarise' })
    await close(engine, run, 's2')
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
