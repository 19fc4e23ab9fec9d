import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { titleIn } from '../../engine/host/titles.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { ended, pathStarted, runStarted, tokensOf } from '../support/sample-run.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'

const FILE = '/models/tiny.gguf'
const LONG =
  'A farmer has seventeen sheep and buys five more every day. How many are there at the end?'

/** A run of a model that was not trained for parallel thinking. */
function started(run: string, problem: string): RunEvent {
  const event = runStarted(run, problem) as Extract<RunEvent, { type: 'run-started' }>
  return { ...event, model: { ...event.model, nativePaths: 0, thoughtRows: 0 } }
}
const answers = (run: string, text: string, problem = LONG): RunEvent[] => [
  started(run, problem),
  pathStarted(1, 'p1'),
  { type: 'tokens', at: 2, segment: 'p1', tokens: tokensOf(text) },
  { type: 'segment-ended', at: 3, segment: 'p1', reason: 'finished', answer: null },
  ended(4, text),
]

describe('the title of a conversation', () => {
  let folder: string
  let engine: ScriptedEngine
  let host: Host
  let client: TestClient
  let inMemory: string[]
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    folder = mkdtempSync(join(tmpdir(), 'braid-titles-'))
    engine = new ScriptedEngine()
    inMemory = [FILE]
    engine.loaded = () =>
      inMemory.map((file) => ({
        file,
        name: 'Tiny',
        device: 'CPU',
        sizeBytes: 1,
        gpuLayers: 0,
        inUse: false,
      })) as never
    host = new Host({ folder, engine })
    const [here, there] = channelPair()
    host.serve(there)
    client = new TestClient(here)
  })
  afterEach(async () => {
    vi.useRealTimers()
    await host.close()
    rmSync(folder, { recursive: true })
  })

  const think = async (problem = LONG, followUp?: { run: string; segment: 's1' | 'p1' }) => {
    const { run } = await client.call('run.start', {
      request: { problem, model: FILE, settings: {}, ...(followUp && { followUp }) },
    })
    const first = answers(run, 'It is 52.', problem)
    engine.last.emit(
      ...(followUp ? [{ ...first[0]!, followUp } as RunEvent, ...first.slice(1)] : first),
    )
    await vi.waitFor(async () => expect((await row(run)).status).toBe('ended'))
    return run
  }
  const row = async (run: string) =>
    (await client.call('runs.list', {})).find((one) => one.run === run)!
  const quiet = () => vi.advanceTimersByTimeAsync(3_000)

  it('is written once nothing else is at work, and leaves no run behind', async () => {
    const run = await think()
    await quiet()
    expect(engine.runs).toHaveLength(2)
    expect(engine.last.request!.problem).toContain(LONG)
    engine.last.emit(...answers('title', '"Sheep of a farmer."'))
    await vi.waitFor(async () => expect((await row(run)).title).toBe('Sheep of a farmer'))
    expect(await client.call('runs.list', {})).toHaveLength(1)
  })

  it('waits for no run that gets none', async () => {
    for (let i = 0; i < 5; i++) {
      inMemory = []
      await think()
    }
    for (let i = 0; i < 5; i++) await think('How many sheep?')
    inMemory = [FILE]
    await client.call('runs.update', { run: await think(), title: 'Mine' })
    const run = await think()
    for (const { run: other } of await client.call('runs.list', {}))
      if (other !== run) await client.call('runs.delete', { run: other })
    await quiet()
    engine.last.emit(...answers('title', 'Sheep of a farmer'))
    await vi.waitFor(async () => expect((await row(run)).title).toBe('Sheep of a farmer'))
  })

  it('is not written once a run begins', async () => {
    const run = await think()
    await quiet()
    const title = engine.last
    await client.call('run.start', { request: { problem: LONG, model: FILE, settings: {} } })
    await until(() => title.closed, 'the title to end')
    expect((await row(run)).title).toBe(LONG)
  })

  it('is not written for a short question, a follow-up, a name of the user, a model that left memory, or where it is turned off', async () => {
    await think('How many sheep?')
    await quiet()
    const run = await think()
    await client.call('runs.update', { run, title: 'Mine' })
    await quiet()
    await think(LONG, { run, segment: 'p1' })
    await quiet()
    inMemory = []
    await think()
    await quiet()
    inMemory = [FILE]
    await client.call('settings.set', { titles: false })
    await think()
    await quiet()
    expect(engine.runs).toHaveLength(5)
  })
})

it.each([
  ['Sheep of a farmer', 'Sheep of a farmer'],
  ['\n\n**Title:** "Sheep"\n\nThis title is short.', 'Sheep'],
  ['Title: Counting sheep.', 'Counting sheep'],
  ['# 一个农夫的羊。', '一个农夫的羊'],
  ['“Counting sheep”', 'Counting sheep'],
  ['', null],
  ['!', null],
  ['word '.repeat(40), null],
])('the title in %j', (text, title) => expect(titleIn(text)).toBe(title))
