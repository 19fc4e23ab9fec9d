import { describe, expect, it } from 'vitest'
import { foldRun, isOpen } from '../../engine/protocol/fold.ts'
import { close, code, id, long, settings, thinking, tiny } from './commands-support.ts'
import { newEngine, solve, start, tinyFile, Watched } from './support.ts'

const engine = newEngine()

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
    await close(engine, again, 's2')
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
    await close(engine, again, 's1')
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
