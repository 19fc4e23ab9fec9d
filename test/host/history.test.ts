import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RunEvent } from '../../engine/protocol/events.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { storedEvent } from '../../engine/transcripts/writer.ts'
import { ended, runStarted, sampleRun, summaryStarted } from '../support/sample-run.ts'
import { until } from '../support/test-client.ts'
import {
  client,
  code,
  connect,
  engine,
  request,
  lines,
  restart,
  start,
  transcript,
} from './scripted-host.ts'

describe('a run', () => {
  it('of format 1 is shown in format 2, and rewritten when it takes a command', async () => {
    const old = join(import.meta.dirname, '../transcripts/format1/summaries.jsonl')
    copyFileSync(old, transcript('summaries'))
    const run = 'summaries'
    const { live } = await client.call('run.open', { run })
    await until(() => client.events(run).length > 0)
    const shown = client.events(run)
    for (const event of shown) RunEvent.parse(event)
    expect([live, readFileSync(transcript(run))]).toEqual([false, readFileSync(old)])
    void client.call('run.attribution', { run, segment: 's2' }).catch(() => undefined)
    await until(() => engine.attributions.length === 1)
    expect(engine.attributions[0]).toMatchObject({ segment: 's2', events: shown })
    await client.call('run.command', { run, command: { type: 'summarise' } })
    expect(engine.last.resumed).toEqual(shown)
    engine.last.emit(summaryStarted(1e6, 's4', ['p1', 'p3']))
    await until(() => client.events(run).length === shown.length + 1)
    const written = readFileSync(transcript(run), 'utf8').trimEnd().split('\n')
    expect(written.map((line) => RunEvent.parse(JSON.parse(line)))).toEqual(client.events(run))
  })

  it('of the history is resumed by a command, and goes on in its own transcript', async () => {
    const run = await start()
    const events = sampleRun(run)
    engine.last.emit(...events)
    await until(() => lines(run) === events.length)
    await restart()
    await client.call('run.open', { run })
    await client.call('run.command', { run, command: { type: 'summarise', segments: ['p1'] } })
    expect(engine.last.resumed).toEqual(events.map(storedEvent))
    expect(engine.last.commands).toEqual([{ type: 'summarise', segments: ['p1'] }])
    engine.last.emit(summaryStarted(5000, 's3', ['p1']))
    await until(() => client.events(run).length === events.length + 1)
    expect(lines(run)).toBe(events.length + 1)
    expect((await client.call('runs.list', {}))[0]!.status).toBe('running')
  })

  it('that was interrupted says so, and its last state is there', async () => {
    const run = await start()
    engine.last.emit(...sampleRun(run).slice(0, 8))
    await until(() => lines(run) === 8)
    await restart()
    expect((await client.call('runs.list', {}))[0]!.status).toBe('interrupted')
    expect(await client.call('run.open', { run })).toEqual({ events: 8, live: false })
    await until(() => client.events(run).length === 8)
    expect(foldRun(client.events(run), { live: false }).paths.map((path) => path.status)).toEqual([
      'interrupted',
      'interrupted',
    ])
  })

  it('follows up on the problem and answer of another, and of those before it', async () => {
    const first = await start()
    engine.last.emit(...sampleRun(first))
    await until(() => lines(first) === sampleRun(first).length)
    const { run: second } = await client.call('run.start', {
      request: { ...request, followUp: { run: first, segment: 's1' } },
    })
    expect(engine.last.options.conversation).toEqual([
      { problem: 'What is 2 + 2?', answer: ' \\boxed{4}.' },
    ])
    engine.last.emit(
      { ...runStarted(second, 'And 3 + 3?'), followUp: { run: first, segment: 's1' } } as RunEvent,
      ...sampleRun(second).slice(1),
    )
    await until(() => lines(second) === sampleRun(second).length)
    await client.call('run.start', {
      request: { ...request, followUp: { run: second, segment: 's2' } },
    })
    expect(engine.last.options.conversation).toEqual([
      { problem: 'What is 2 + 2?', answer: ' \\boxed{4}.' },
      { problem: 'And 3 + 3?', answer: '4 again' },
    ])
    expect(
      await code(
        client.call('run.start', {
          request: { ...request, followUp: { run: 'gone', segment: 's1' } },
        }),
      ),
    ).toBe('no-such-run')
  })

  it('that was interrupted is not at work after a command that is refused', async () => {
    const run = await start()
    engine.last.emit(...sampleRun(run).slice(0, 8))
    await until(() => lines(run) === 8)
    await restart()
    const refused = { run, command: { type: 'stop', segment: 'p101' } } as const
    expect(await code(client.call('run.command', refused))).toBe('no-such-path')
    const status = async () => (await client.call('runs.list', {}))[0]?.status
    expect(await status()).toBe('interrupted')
    expect((await client.call('run.open', { run })).live).toBe(false)
    await client.call('run.command', { run, command: { type: 'summarise' } })
    engine.last.emit({ type: 'run-resumed', at: 5000 })
    await until(async () => (await status()) === 'running')
    engine.last.emit(ended(5001, '4'))
    await until(async () => (await status()) === 'ended')
    expect(await code(client.call('runs.delete', { run }))).toBe('none')
  })

  it('is at work from the command that resumes it: it can neither be deleted nor attributed', async () => {
    const run = await start()
    engine.last.emit(...sampleRun(run))
    await until(() => lines(run) === sampleRun(run).length)
    engine.last.emit({ type: 'run-resumed', at: 5000 })
    await until(async () => (await client.call('runs.list', {}))[0]?.status === 'running')
    expect((await client.call('run.open', { run })).live).toBe(true)
    expect(await code(client.call('runs.delete', { run }))).toBe('bad-request')
    expect(await code(client.call('run.attribution', { run, segment: 's1' }))).toBe('bad-request')
    for (let i = 0; i < 6; i++) {
      const other = await start()
      engine.last.emit(...sampleRun(other))
      await until(() => lines(other) === sampleRun(other).length)
    }
    expect(engine.runs[0]!.closed).toBe(false)
  })

  it('is listed while it begins', async () => {
    const old = await start()
    engine.last.emit(...sampleRun(old))
    await until(() => lines(old) === sampleRun(old).length)
    await restart() // The next host has to read the old run, and the list waits for that.
    const run = await start()
    const { last } = engine
    const listed = client.call('runs.list', {})
    await new Promise((resolve) => setImmediate(resolve))
    last.emit(runStarted(run))
    expect((await listed).map((item) => item.run).sort()).toEqual([old, run].sort())
  })

  it('that is being let go takes a command all the same, from its transcript', async () => {
    let go!: () => void
    const gate = new Promise<void>((resolve) => (go = resolve))
    const runs: string[] = []
    for (let i = 0; i < 5; i++) {
      runs.push(await start())
      engine.last.held = gate
      engine.last.emit(...sampleRun(runs[i]!))
      await until(() => lines(runs[i]!) === sampleRun(runs[i]!).length)
    }
    const [run] = runs
    const asked = client.call('run.command', { run: run!, command: { type: 'summarise' } })
    await client.call('runs.list', {})
    expect(engine.runs).toHaveLength(5)
    go()
    await asked
    expect(engine.runs).toHaveLength(6)
    expect(engine.last.resumed).toHaveLength(sampleRun(run!).length)
  })

  it('is not let go while it has a command to answer', async () => {
    const run = await start()
    const { last } = engine
    let answer!: () => void
    last.command = () => new Promise((resolve) => (answer = () => resolve({})))
    last.emit(...sampleRun(run))
    await until(() => lines(run) === sampleRun(run).length)
    const command = { type: 'override-vote', member: 'p1' } as const
    const asked = client.call('run.command', { run, command })
    const others = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const other = await start()
        engine.last.emit(...sampleRun(other))
        await until(() => lines(other) === sampleRun(other).length)
      }
    }
    await others(6)
    expect(last.closed).toBe(false)
    answer()
    await asked
    await others(1)
    await until(() => last.closed)
  })

  it('whose cells cannot be freed is let go all the same', async () => {
    const runs: string[] = []
    for (let i = 0; i < 5; i++) {
      runs.push(await start())
      const { last } = engine
      const close = last.close.bind(last)
      last.close = () => close().then(() => Promise.reject(new Error('The device is lost.')))
      last.emit(...sampleRun(runs[i]!))
      await until(() => lines(runs[i]!) === sampleRun(runs[i]!).length)
    }
    await until(() => engine.runs[0]!.closed)
    for (const run of runs) expect(await code(client.call('runs.delete', { run }))).toBe('none')
  })

  it('of the history that refuses a command is let go in its turn', async () => {
    const runs: string[] = []
    for (let i = 0; i < 8; i++) {
      runs.push(await start())
      engine.last.emit(...sampleRun(runs[i]!))
      await until(() => lines(runs[i]!) === sampleRun(runs[i]!).length)
    }
    const refused = { type: 'stop', segment: 'p101' } as const
    for (const run of runs)
      expect(await code(client.call('run.command', { run, command: refused }))).toBe('no-such-path')
    await until(() => engine.runs.filter((run) => !run.closed).length <= 4)
  })

  it('lets go of old runs that are over', async () => {
    for (let i = 0; i < 7; i++) {
      const run = await start()
      engine.last.emit(...sampleRun(run))
      await until(() => lines(run) === sampleRun(run).length)
    }
    await until(() => engine.runs.filter((run) => !run.closed).length === 4)
    expect(engine.runs.slice(-4).every((run) => !run.closed)).toBe(true)
  })
})

describe('the history', () => {
  it('is changed, searched, deleted and brought back, and every window hears of it', async () => {
    const other = connect()
    const run = await start()
    expect(await code(client.call('runs.delete', { run }))).toBe('bad-request')
    engine.last.emit(...sampleRun(run))
    await until(() => lines(run) === sampleRun(run).length)
    expect(
      (await client.call('runs.update', { run, title: 'T', starred: true, tags: ['a'] })).title,
    ).toBe('T')
    expect(await client.call('runs.search', { query: 'boxed' })).toMatchObject({
      hits: [{ run }],
      skipped: [],
    })
    other.pushes.length = 0
    await client.call('runs.delete', { run })
    await until(() => other.pushes.some((push) => push.kind === 'changed' && push.what === 'runs'))
    expect(await client.call('runs.list', {})).toEqual([])
    expect((await client.call('runs.restore', { run })).title).toBe('T')
    for (const format of ['md', 'json', 'html'] as const) {
      const file = await client.call('runs.export', { runs: [run], format })
      expect(file.content.length).toBeGreaterThan(500)
      if (format === 'json')
        expect(
          await client.call('runs.import', { name: file.fileName, content: file.content }),
        ).toMatchObject([{ answer: '4 again' }])
    }
    const all = (await client.call('runs.list', {})).map((item) => item.run)
    expect(all).toHaveLength(2)
    const { fileName: name, content } = await client.call('runs.export', {
      runs: all,
      format: 'json',
    })
    const copies = (await client.call('runs.import', { name, content })).map((item) => item.run)
    expect((await client.call('runs.list', {})).map((item) => item.run).sort()).toEqual(
      [...all, ...copies].sort(),
    )
    expect(copies).toHaveLength(2)
  })
})
