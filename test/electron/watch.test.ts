import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunWatch } from '../../electron/watch.ts'
import { Host } from '../../engine/host/host.ts'
import type { DoingOfAll } from '../../engine/protocol/doing.ts'
import { pathId, type RunEvent } from '../../engine/protocol/events.ts'
import type { Channel, HostMessage, RunProgress } from '../../engine/protocol/wire.ts'
import {
  pathStarted,
  runStarted,
  sampleRun,
  summaryStarted,
  tokensOf,
} from '../support/sample-run.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'

let folder: string
let engine: ScriptedEngine
let host: Host
let client: TestClient
let watch: RunWatch
/** Everything that the shell was sent, and the activity it derived from that. */
let sent: HostMessage[]
let drawn: DoingOfAll[]
let ended: RunProgress[]
let line: Channel

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-watch-'))
  engine = new ScriptedEngine()
  host = new Host({ folder, engine })
  ;[sent, drawn, ended] = [[], [], []]
  const [here, there] = channelPair()
  host.serve(there)
  client = new TestClient(here)
  watch = new RunWatch({
    connect: (channel) => {
      line = channel
      host.serve({
        ...channel,
        send: (message) => {
          sent.push(message as HostMessage)
          channel.send(message)
        },
      })
    },
    onActivity: (activity) => drawn.push(activity),
    onEnd: (run) => ended.push(run),
  })
})
afterEach(async () => {
  watch.close()
  await host.close()
  rmSync(folder, { recursive: true })
})

const request = { problem: 'p', model: '/m.gguf', settings: {} }
const start = async () => (await client.call('run.start', { request })).run
const path = (number: number, budget: number): RunEvent =>
  pathStarted(1, pathId(number), { budget })
const think = (number: number, count: number): RunEvent => ({
  type: 'tokens',
  at: 2,
  segment: pathId(number),
  tokens: tokensOf('x'.repeat(3 * count)).slice(0, count),
})
const last = () => drawn.at(-1)

describe('what the shell is told of runs', () => {
  it('is how far they are, with all the runs of parallel-majority, and no token', async () => {
    const run = await start()
    await until(() => last()?.running === 1)
    expect(last()).toEqual({ running: 1, fraction: 0 })
    engine.last.emit(
      runStarted(run, 'p', {
        strategy: 'parallel-majority',
        paths: 2,
        runs: 3,
        budget: 10,
        summaryBudget: 5,
      }),
      ...[1, 2, 3, 4, 5, 6].map((number) => path(number, 10)),
      ...[1, 2, 3, 4, 5, 6].map((number) => think(number, 5)),
    )
    await until(() => (last()?.fraction ?? 0) > 0)
    expect(last()!.fraction).toBeCloseTo(30 / (3 * (2 * 10 + 5)), 12)
    expect(new Set(sent.map(({ kind }) => kind))).not.toContain('events')
    expect(new Set(sent.map(({ kind }) => kind))).not.toContain('backlog')
  })

  it('counts a run that waits for room as queued', async () => {
    const first = await start()
    engine.last.emit(runStarted(first, 'p', { budget: 10 }), path(1, 10), think(1, 5))
    await until(() => (last()?.fraction ?? 0) > 0)
    const { fraction } = last()!
    const second = await start()
    engine.last.options.onWaiting!(1)
    engine.last.emit(runStarted(second, 'p', { budget: 10 }), path(1, 10))
    await until(() => last()?.running === 2)
    const told = drawn.length
    engine.last.emit({ type: 'notice', at: 3, code: 'nothing-to-summarise' })
    await until(() => drawn.length > told)
    expect(last()).toEqual({ running: 2, fraction })
    engine.last.options.onWaiting!(null)
    await until(() => last()!.fraction === fraction! / 2)
  })

  it('is how far its model is loaded, and then how much of the paths the summary has read', async () => {
    const run = await start()
    engine.last.options.onProgress!(0.4)
    await until(() => last()?.fraction === 0.4)
    engine.last.options.onProgress!(1)
    engine.last.emit(
      runStarted(run, 'p', { budget: 10 }),
      path(1, 10),
      think(1, 5),
      { type: 'segment-ended', at: 3, segment: 'p1', reason: 'finished', answer: null },
      summaryStarted(4, 's1', ['p1']),
    )
    await until(() => last()?.fraction === 0)
    engine.last.options.onReading!('s1', 0.75)
    await until(() => last()?.fraction === 0.75)
    const told = sent.flatMap((message) => (message.kind === 'activity' ? message.runs : []))
    expect(told.at(-1)!.doing).toEqual({ phase: 'reading', paths: 1, fraction: 0.75 })
    expect(told.map(({ doing }) => doing?.phase)).toContain('loading')
  })

  it('is a few messages per second, however many tokens come', async () => {
    const run = await start()
    engine.last.emit(runStarted(run, 'p', { budget: 5000 }), path(1, 5000))
    const before = sent.length
    const began = Date.now()
    for (let i = 0; i < 2000; i++) engine.last.emit(think(1, 1))
    await until(() => (last()?.fraction ?? 0) >= 2000 / 10_020)
    const told = sent.slice(before).filter(({ kind }) => kind === 'activity').length
    expect(told).toBeLessThanOrEqual(2 + (Date.now() - began) / 250)
  })

  it('is the end of each, once, with its answer', async () => {
    const run = await start()
    await until(() => last()?.running === 1)
    engine.last.emit(...sampleRun(run))
    await until(() => ended.length > 0 && last()?.running === 0)
    expect(last()).toEqual({ running: 0, fraction: null })
    expect(ended.at(-1)).toEqual({
      run,
      title: 'What is 2 + 2?',
      model: 'Tiny',
      status: 'ended',
      answer: '4 again',
      doing: null,
    })
    const told = ended.length
    await start() // one more push
    await until(() => last()?.running === 1)
    expect(ended).toHaveLength(told)
  })

  it('is the failure of one that never began, and of one that cannot be written', async () => {
    await start()
    await until(() => last()?.running === 1)
    engine.last.emit({ type: 'run-failed', at: 3, error: { code: 'out-of-memory', message: 'x' } })
    await until(() => ended.length === 1)
    expect(ended[0]).toMatchObject({ title: 'p', status: 'failed', answer: null })
    const run = await start()
    engine.last.emit(runStarted(run), {
      ...think(1, 1),
      tokens: [{ id: 1, text: 'x', logprob: null, entropy: null, big: 1n }],
    } as never)
    await until(() => ended.length === 2)
    expect(ended[1]).toMatchObject({ run, title: 'What is 2 + 2?', status: 'failed' })
    await until(() => last()?.running === 0)
  })

  it('is nothing while the engine is gone, and goes on with the next one', async () => {
    const run = await start()
    engine.last.emit(runStarted(run), path(1, 40), think(1, 5))
    await until(() => (last()?.fraction ?? 0) > 0)
    line.close()
    expect(last()).toEqual({ running: 0, fraction: null })
    await until(() => (last()?.fraction ?? 0) > 0)
    expect(ended).toEqual([])
  })
})
