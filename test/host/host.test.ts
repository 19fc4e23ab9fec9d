import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { errorText, type RunEvent, type RunError } from '../../engine/protocol/events.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { storedEvent } from '../../engine/transcripts/writer.ts'
import { ended, pathStarted, runStarted, sampleRun } from '../support/sample-run.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'
import {
  client,
  code,
  connect,
  engine,
  folder,
  host,
  lines,
  stalls,
  start,
  transcript,
} from './scripted-host.ts'

describe('a run', () => {
  it('is on disk before it is shown, whole and in order, whoever watches and whenever they come', async () => {
    const run = await start()
    const events = sampleRun(run)
    const stored = events.map(storedEvent)
    await client.call('run.open', { run })
    let shown = 0
    for (const [i, event] of events.entries()) {
      engine.last.emit(event)
      if (i % 5 !== 0) continue
      await until(() => client.events(run).length > i)
      shown = client.events(run).length
      expect(lines(run)).toBeGreaterThanOrEqual(shown)
      if (i % 10 === 0) {
        const late = connect()
        const { events: backlog, live } = await late.call('run.open', { run })
        expect([backlog, live]).toEqual([i + 1, true])
        await until(() => late.events(run).length === i + 1)
        expect(late.events(run)).toEqual(stored.slice(0, i + 1))
      }
    }
    await until(() => client.events(run).length === events.length)
    expect(client.events(run)).toEqual(stored)
    const again = connect()
    await again.call('run.open', { run })
    await until(() => again.events(run).length === events.length)
    const plain = (list: RunEvent[]) =>
      JSON.stringify(foldRun(list), (key, value) =>
        key === 'tokens' && value && !Array.isArray(value) ? [...value] : value,
      )
    expect(plain(again.events(run))).toBe(plain(client.events(run)))
    const alternatives = await client.call('run.alternatives', {
      run,
      segment: 'p1',
      index: 1,
      count: 2,
    })
    expect(alternatives.map((list) => list?.length)).toEqual([2, 2])
  })

  it('is queued while it waits for room in its context, and every window is told its place', async () => {
    const run = await start()
    engine.last.emit(runStarted(run), pathStarted(1, 'p1'))
    const status = async (of = client) => (await of.call('runs.list', {}))[0]?.status
    const places = (of: TestClient) => of.pushes.filter((push) => push.kind === 'waiting')
    await until(async () => (await status()) === 'running')
    engine.last.options.onWaiting!(2)
    await until(async () => (await status()) === 'queued')
    engine.last.options.onWaiting!(1)
    const late = connect()
    expect(await status(late)).toBe('queued')
    expect(places(late)).toEqual([{ kind: 'waiting', run, place: 1 }])
    engine.last.options.onWaiting!(null)
    await until(async () => (await status(late)) === 'running')
    expect(places(late)).toHaveLength(2)
    expect(places(client).map((push) => push.place)).toEqual([2, 1, null])
    const later = connect()
    expect(await status(later)).toBe('running')
    expect(places(later)).toEqual([])
  })

  it('loses and doubles nothing when it is opened in mid-stream', async () => {
    const run = await start()
    engine.last.emit(runStarted(run), pathStarted(1, 'p1'))
    const token = { id: 1, text: 'x', logprob: -1, entropy: 1 }
    const all = new Promise<void>((resolve) => {
      let n = 0
      const tick = () => {
        for (let i = 0; i < 7; i++)
          engine.last.emit({ type: 'tokens', at: n++, segment: 'p1', tokens: [token] })
        if (n < 3000) setImmediate(tick)
        else resolve()
      }
      tick()
    })
    const clients: TestClient[] = []
    for (let i = 0; i < 20; i++) {
      const one = connect()
      await one.call('run.open', { run }).catch(() => undefined)
      clients.push(one)
    }
    await all
    for (const one of clients) {
      await until(() => one.events(run).length >= 3003)
      const times = one
        .events(run)
        .filter((event) => event.type === 'tokens')
        .map((event) => event.at)
      expect(times).toEqual(times.map((_, i) => i))
      // Batches, never one message per token.
      expect(one.pushes.filter((push) => push.kind === 'events').length).toBeLessThan(1500)
    }
  })

  it('goes on when every window leaves', async () => {
    const run = await start()
    await client.call('run.open', { run })
    const events = sampleRun(run)
    engine.last.emit(...events.slice(0, 5))
    await until(() => client.events(run).length === 5)
    client.close()
    engine.last.emit(...events.slice(5))
    const other = connect()
    await until(async () => (await other.call('runs.list', {}))[0]?.status === 'ended')
    expect(lines(run)).toBe(events.length)
  })

  it('sends nothing of a run that was closed', async () => {
    const run = await start()
    await client.call('run.open', { run })
    engine.last.emit(runStarted(run))
    await until(() => client.events(run).length === 1)
    await client.call('run.close', { run })
    engine.last.emit(...sampleRun(run).slice(1))
    await until(() => lines(run) === sampleRun(run).length)
    expect(client.events(run)).toHaveLength(1)
  })

  it('that fails before it began has no transcript, and is told to who asks', async () => {
    const run = await start()
    expect((await client.call('runs.list', {}))[0]).toMatchObject({
      run,
      status: 'queued',
      problem: 'p',
    })
    expect(await client.call('run.open', { run })).toEqual({ events: 0, live: true })
    const failed: RunEvent = {
      type: 'run-failed',
      at: 3,
      error: { code: 'out-of-memory', message: 'No room.' },
    }
    engine.last.emit(failed)
    await until(() => client.events(run).length === 1)
    await until(() => engine.last.closed)
    const late = connect()
    await until(async () => !(await late.call('run.open', { run })).live)
    await until(() => late.events(run).length > 0)
    expect(late.events(run)[0]).toEqual(failed)
    expect(await client.call('runs.list', {})).toEqual([])
    expect(existsSync(transcript(run))).toBe(false)
    expect(await code(client.call('run.command', { run, command: { type: 'cancel' } }))).toBe(
      'not-running',
    )
  })

  it('takes commands, and refuses those the engine refuses', async () => {
    const run = await start()
    engine.last.emit(runStarted(run))
    engine.last.answer = { segment: 'p7' }
    const taken = await client.call('run.command', {
      run,
      command: { type: 'stop', segment: 'p1' },
    })
    expect(taken).toEqual({ segment: 'p7' })
    expect(engine.last.commands).toEqual([{ type: 'stop', segment: 'p1' }])
    expect(
      await code(client.call('run.command', { run, command: { type: 'stop', segment: 'p101' } })),
    ).toBe('no-such-path')
    expect(
      await code(client.call('run.command', { run: 'nothing', command: { type: 'cancel' } })),
    ).toBe('no-such-run')
  })

  it('errors cross the line with what a reader needs to word them', async () => {
    const run = await start()
    engine.last.emit(runStarted(run))
    const refused = { run, command: { type: 'stop', segment: 'p101' } }
    const answer = await client.raw({ id: 4000, method: 'run.command', params: refused })
    expect(answer).toMatchObject({
      kind: 'error',
      error: { code: 'no-such-path', detail: 'no-such-path/missing', params: { path: 101 } },
    })
    expect(errorText((answer as { error: RunError }).error)).toBe('Path 101 does not exist.')
  })

  it('that has ended is not at work when a path of it is dropped', async () => {
    const run = await start()
    await client.call('run.open', { run })
    const events = sampleRun(run)
    engine.last.emit(...events)
    await until(() => lines(run) === events.length)
    engine.last.emit({ type: 'segment-dropped', at: 3000, segment: 'p1' })
    await until(() => client.events(run).length === events.length + 1)
    expect(await code(client.call('runs.delete', { run }))).toBe('none')
  })

  it('that does not stop in time is reported as a hang; one that does is not', async () => {
    const run = await start()
    engine.last.emit(runStarted(run))
    await client.call('run.command', { run, command: { type: 'cancel' } })
    engine.last.emit({ type: 'run-failed', at: 1, error: { code: 'cancelled', message: 'x' } })
    const hung = await start()
    engine.last.emit(runStarted(hung))
    await client.call('run.command', { run: hung, command: { type: 'cancel' } })
    // The earlier cancel would have been reported before this one.
    await until(() => stalls.length > 0)
    expect(stalls).toHaveLength(1)
  })

  it('a stop that is refused is not watched: nothing is killed for it', async () => {
    const run = await start()
    const events = sampleRun(run)
    engine.last.emit(...events, { type: 'segment-dropped', at: 3000, segment: 'p1' })
    await until(() => lines(run) === events.length + 1)
    for (const type of ['stop-all', 'cancel'] as const)
      expect(await code(client.call('run.command', { run, command: { type } }))).toBe('not-running')
    const hung = await start()
    engine.last.emit(runStarted(hung))
    await client.call('run.command', { run: hung, command: { type: 'stop-all' } })
    // The earlier stops would have been reported before this one.
    await until(() => stalls.length > 0)
    expect(stalls).toEqual([expect.stringContaining('stop-all')])
  })

  it('a stop is watched from when it is accepted', async () => {
    const run = await start()
    engine.last.emit(runStarted(run))
    let accept!: () => void
    const accepted = new Promise<void>((resolve) => (accept = resolve))
    const { last } = engine
    last.command = () => accepted.then(() => ({}))
    const asked = client.call('run.command', { run, command: { type: 'stop-all' } })
    await until(() => lines(run) === 1)
    await new Promise((resolve) => setTimeout(resolve, 1200)) // longer than a stop may take
    expect(stalls).toEqual([])
    accept()
    await asked
    await until(() => stalls.length > 0)
  })

  it('that cannot be written tells the window and ends; the next one works', async () => {
    const run = await start()
    await client.call('run.open', { run })
    engine.last.emit(runStarted(run), {
      type: 'tokens',
      at: 1,
      segment: 'p1',
      tokens: [{ id: 1, text: 'x', logprob: null, entropy: null, big: 1n } as never],
    })
    await until(() => client.events(run).length === 2)
    expect(client.events(run)[1]).toMatchObject({ type: 'run-failed' })
    await until(() => engine.last.closed)
    const next = await start()
    engine.last.emit(...sampleRun(next))
    await until(() => lines(next) === sampleRun(next).length)
  })

  it('that goes on while it is being opened is live', async () => {
    const run = await start()
    const events = sampleRun(run)
    engine.last.emit(...events)
    await until(() => lines(run) === events.length)
    const [here, there] = channelPair()
    const { last } = engine
    const send = there.send.bind(there)
    there.send = (message) => {
      send(message)
      const { kind, start } = message as { kind: string; start?: boolean }
      if (kind === 'backlog' && start === false) last.emit({ type: 'run-resumed', at: 5000 })
    }
    host.serve(there)
    const window = new TestClient(here)
    expect(await window.call('run.open', { run })).toEqual({ events: events.length, live: true })
    expect(window.events(run)).toHaveLength(events.length + 1)
  })

  it('that is cancelled before it begins is told as ended, and as nothing that waits', async () => {
    await client.call('runs.watch', {})
    const run = await start()
    engine.last.emit({
      type: 'run-ended',
      at: 1,
      reason: 'cancelled',
      answer: null,
      usage: { promptTokens: 0, pathTokens: 0, summaryTokens: 0, kvBytes: 0, cells: 0 },
      timings: { loadMs: 0, prefillMs: 0, pathsMs: 0, joinMs: 0, summaryMs: 0, totalMs: 0 },
    })
    const told = () =>
      client.pushes.flatMap((push) =>
        push.kind === 'activity' ? push.runs.filter((one) => one.run === run) : [],
      )
    await until(() => told().some(({ status }) => status === 'ended'))
    expect(told().at(-1)!.status).toBe('ended')
  })

  it('that ends while its model is being loaded is not shown as loading for ever', async () => {
    const run = await start()
    const { onProgress } = engine.last.options
    onProgress!(0.4)
    engine.last.emit({ type: 'run-failed', at: 3, error: { code: 'bad-model', message: 'x' } })
    const told = () =>
      client.pushes.flatMap((push) =>
        push.kind === 'progress' && push.task === run ? [push.fraction] : [],
      )
    await until(() => told().length === 2)
    expect(told()).toEqual([0.4, 1])
    const next = await start()
    engine.last.options.onProgress!(1)
    engine.last.emit(...sampleRun(next))
    await until(async () => (await client.call('runs.list', {}))[0]?.status === 'ended')
    expect(client.pushes.filter((push) => push.kind === 'progress')).toHaveLength(3)
  })

  it('windows hear of an answer that changes after the end', async () => {
    const run = await start()
    engine.last.emit(...sampleRun(run))
    await until(async () => (await client.call('runs.list', {}))[0]?.status === 'ended')
    client.pushes.length = 0
    engine.last.emit(ended(5000, 'another'))
    await until(() => client.pushes.some((push) => push.kind === 'changed' && push.what === 'runs'))
    expect((await client.call('runs.list', {}))[0]!.answer).toBe('another')
  })
})

describe('settings and models', () => {
  it('are remembered, key by key', async () => {
    expect(await client.call('settings.get', {})).toEqual({})
    const presets = [{ id: 'a', name: 'A', settings: { paths: 3 } }]
    await client.call('settings.set', { theme: 'dark', presets })
    await client.call('settings.set', { theme: 'light' })
    expect(await connect().call('settings.get', {})).toEqual({ theme: 'light', presets })
    const big = { id: 'b', name: 'B', settings: { system: 'y'.repeat(1 << 20) } }
    for (const bad of [
      { theme: 'sepia' },
      { presets: [{ a: 1 }] },
      { loadingAtStart: '/m' },
      { x: 1 },
      { presets: [big, big] },
    ])
      expect(await code(client.call('settings.set', bad as object))).toBe('bad-request')
    expect(await client.call('settings.get', {})).toEqual({ theme: 'light', presets })
  })

  it('tell the engine whether programs may run, from the start on', async () => {
    expect(engine.programsAllowed).toBe(true)
    await client.call('settings.set', { runPrograms: false })
    expect(engine.programsAllowed).toBe(false)
    const other = new ScriptedEngine()
    await new Host({ folder, engine: other }).close()
    expect(other.programsAllowed).toBe(false)
    await client.call('settings.set', { theme: 'dark', runPrograms: true })
    expect(engine.programsAllowed).toBe(true)
  })

  it('that are damaged, or of another version, hide no others and are kept', async () => {
    const file = join(folder, 'settings.json')
    const stored = { theme: 'sepia', layout: 'tabs', panels: { votes: false }, future: [1] }
    writeFileSync(file, JSON.stringify(stored))
    expect(await client.call('settings.get', {})).toEqual({
      layout: 'tabs',
      panels: { summary: true, votes: false, overview: true },
    })
    await client.call('settings.set', { layout: 'focus' })
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ ...stored, layout: 'focus' })
    writeFileSync(file, '{"theme":')
    expect(await client.call('settings.get', {})).toEqual({})
  })

  it('that are not models are refused', async () => {
    writeFileSync(join(folder, 'x.gguf'), 'GGUF')
    expect(await code(client.call('models.add', { file: join(folder, 'x.gguf') }))).toBe(
      'bad-model',
    )
    expect(await code(client.call('models.add', { file: join(folder, 'none.gguf') }))).toBe(
      'model-not-found',
    )
    expect(await code(client.call('models.add', { file: 'relative.gguf' }))).toBe('bad-path')
    expect((await client.call('models.list', {})).filter((model) => !model.bundled)).toEqual([])
  })
})
