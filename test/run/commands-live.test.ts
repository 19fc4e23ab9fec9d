import { describe, expect, it } from 'vitest'
import { loadAddon, type ContextOptions, type NativeModel } from '../../engine/native/index.ts'
import type { SegmentId } from '../../engine/protocol/events.ts'
import { Engine } from '../../engine/run/index.ts'
import { since } from '../support/time.ts'
import { close, id, long, settings, summaryStarted, thinking, tiny } from './commands-support.ts'
import { EXACT, newEngine, solve, start, tinyFile, type Watched, wrapModel } from './support.ts'

const engine = newEngine()

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
    await close(engine, run, 's1')
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
    await close(engine, run, 's1')
  })

  it('summarises a subset now: the first summary is over it', async () => {
    const run = await start(engine, tiny.file, 'the answer', long).until(thinking(10))
    await run.handle.command({ type: 'summarise', segments: ['p1', 'p3'] })
    await run.end()
    expect(run.state.summaries.map(({ segment, reads }) => [segment, reads])).toEqual([
      ['s1', ['p1', 'p3']],
    ])
    expect(run.state.paths.every(({ reason }) => reason !== null)).toBe(true)
    await close(engine, run, 's1')
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
    await close(engine, run, 's1')
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
    await close(engine, run, 's1')
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
    await close(engine, run, 's2')
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
