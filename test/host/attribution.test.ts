/** `run.attribution` over the protocol: what the engine receives, progress, cancelling, errors. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { BraidError } from '../../engine/protocol/errors.ts'
import { attributionTask } from '../../engine/protocol/wire.ts'
import { storedEvent } from '../../engine/transcripts/writer.ts'
import { runStarted, sampleRun } from '../support/sample-run.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'

let folder: string
let engine: ScriptedEngine
let host: Host
let client: TestClient
const connect = () => {
  const [here, there] = channelPair()
  host.serve(there)
  return new TestClient(here)
}
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-attribution-'))
  engine = new ScriptedEngine()
  host = new Host({ folder, engine })
  client = connect()
})
afterEach(async () => {
  await host.close()
  rmSync(folder, { recursive: true })
})

const RESULT = {
  segment: 's1',
  promptTokens: 3,
  paths: [
    { segment: 'p1', tokens: 5 },
    { segment: 'p2', tokens: 4 },
  ],
  shares: [[0.5, 0.25, 0.125, 0.125]],
}
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code: string }) => error.code,
  )
async function ended(): Promise<string> {
  const { run } = await client.call('run.start', {
    request: { problem: 'p', model: '/m.gguf', settings: {} },
  })
  await client.call('run.open', { run })
  engine.last.emit(...sampleRun(run))
  await until(() => client.events(run).length === sampleRun(run).length)
  return run
}
const asked = (count: number) =>
  until(() => engine.attributions.length === count, 'the engine to be asked')

it('the engine is given the run’s own events; the answer and the progress go to who asked', async () => {
  const run = await ended()
  const other = connect()
  const result = client.call('run.attribution', { run, segment: 's1' })
  await asked(1)
  const [request] = engine.attributions
  expect(request!.segment).toBe('s1')
  expect(request!.events).toEqual(sampleRun(run).map(storedEvent))
  request!.onProgress(0.4)
  request!.onProgress(1)
  request!.resolve(RESULT)
  expect(await result).toEqual(RESULT)
  const progress = (of: TestClient) =>
    of.pushes.flatMap((push) =>
      push.kind === 'progress' && push.task === attributionTask(run, 's1') ? [push.fraction] : [],
    )
  expect(progress(client)).toEqual([0.4, 1])
  expect(progress(other)).toEqual([])
})

it('is cancelled by who asked, or when they leave, and by nobody else', async () => {
  const run = await ended()
  const other = connect()
  const first = code(client.call('run.attribution', { run, segment: 's1' }))
  await asked(1)
  await other.call('run.attribution.cancel', { run, segment: 's1' })
  expect(await code(client.call('run.attribution', { run, segment: 's1' }))).toBe('bad-request') // it is still being read
  await client.call('run.attribution.cancel', { run, segment: 's1' })
  expect(await first).toBe('cancelled')
  await client.call('run.attribution.cancel', { run, segment: 's1' }) // cancelling nothing is not an error

  void other.call('run.attribution', { run, segment: 's2' }).catch(() => {})
  await asked(2)
  expect(engine.attributions[1]!.signal.aborted).toBe(false)
  other.close()
  await until(
    () => engine.attributions[1]!.signal.aborted,
    'the request of a window that is gone to end',
  )
})

it('one that does not end when it is cancelled is reported as a hang; one that does is not', async () => {
  const stalls: string[] = []
  await host.close()
  host = new Host({ folder, engine, stopMs: 300, onStall: (message) => stalls.push(message) })
  client = connect()
  const run = await ended()
  const cancelled = async (client: TestClient) => {
    const reading = code(client.call('run.attribution', { run, segment: 's1' }))
    await until(() => engine.attributions.length > 0)
    await client.call('run.attribution.cancel', { run, segment: 's1' })
    return reading
  }
  expect(await cancelled(client)).toBe('cancelled')
  engine.attributions.pop()
  const hung = vi.spyOn(engine, 'attribute').mockImplementation(() => new Promise(() => undefined))
  const other = connect()
  void other.call('run.attribution', { run, segment: 's1' }).catch(() => undefined)
  await until(() => hung.mock.calls.length > 0)
  other.close()
  await until(() => stalls.length > 0)
  expect(stalls).toEqual([expect.stringContaining('run.attribution.cancel')])
})

it('errors keep their code; a run that thinks, or is not there, is refused without the engine', async () => {
  const run = await ended()
  for (const kind of ['model-not-found', 'wrong-model', 'out-of-memory'] as const) {
    const failed = code(client.call('run.attribution', { run, segment: 's1' }))
    await until(() => engine.attributions.length > 0)
    engine.attributions.pop()!.reject(new BraidError(kind, 'as it is'))
    expect(await failed).toBe(kind)
  }
  expect(
    await code(client.call('run.attribution', { run: '20990101-000000-nobody', segment: 's1' })),
  ).toBe('no-such-run')
  expect(await code(client.call('run.attribution', { run, segment: 's0' }))).toBe('bad-request')
  const { run: live } = await client.call('run.start', {
    request: { problem: 'p', model: '/m.gguf', settings: {} },
  })
  engine.last.emit(runStarted(live))
  await client.call('run.open', { run: live })
  await until(() => client.events(live).length > 0)
  expect(await code(client.call('run.attribution', { run: live, segment: 's1' }))).toBe(
    'bad-request',
  )
  expect(engine.attributions).toHaveLength(0)
})
