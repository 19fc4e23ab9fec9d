import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { forkHost } from '../../engine/cli/node-host.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import { Supervisor } from '../../engine/host/supervisor.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { smolLM2 } from '../support/models.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'

let folder: string
let model: string
let supervisor: Supervisor
const pids: number[] = []
const states: string[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'braid-process-'))
  model = await smolLM2()
  supervisor = new Supervisor({
    spawn: (first) => {
      const child = forkHost({ BRAID_DATA: folder, BRAID_OPEN_MODEL: first ? model : '' })
      pids.push(child.pid!)
      return child
    },
    onState: (state, message) => states.push(`${state} ${message}`),
  })
})
afterAll(async () => {
  await supervisor.close()
  rmSync(folder, { recursive: true })
})

function connect(): TestClient {
  const [here, there] = channelPair()
  supervisor.connect(there)
  return new TestClient(here)
}
async function restart(): Promise<void> {
  const before = pids.length
  supervisor.restart()
  await until(() => pids.length > before && supervisor.state === 'up', 'the engine', 60_000)
}
const request = (budget: number): RunRequest => ({
  problem: 'Tell a long story.',
  model,
  settings: {
    strategy: 'parallel',
    paths: 2,
    budget,
    summaryBudget: 8,
    seed: 1,
    engine: { threads: 1, context: 4096 },
  },
})

describe('the engine in a process of its own', () => {
  it('answers, links the model it was given, and thinks', async () => {
    const client = connect()
    expect((await client.call('app.info', {})).dataFolder).toBe(folder)
    expect((await client.call('models.list', {})).map((one) => one.file)).toContain(model)
    expect(await client.call('settings.get', {})).toMatchObject({ model })
    expect((await client.call('models.info', { file: model })).architecture).toBe('llama')
    expect(
      (await client.call('models.fit', { file: model, settings: { paths: 4 } })).kv,
    ).toBeGreaterThan(1e6)
    expect((await client.call('devices.list', {})).map((one) => one.name)).toContain('CPU')
    const { run } = await client.call('run.start', { request: request(12) })
    await client.call('run.open', { run })
    await until(() => foldRun(client.events(run)).status === 'ended', 'the end', 60_000)
    expect(foldRun(client.events(run)).paths.map((path) => path.tokens.length)).toEqual([12, 12])
    expect(client.events(run)).toEqual(new RunStore(folder).events(run))
    // Later commands work from its cells, and after a while from its transcript.
    await client.call('run.command', { run, command: { type: 'summarise', segments: ['p2'] } })
    await until(
      () =>
        foldRun(client.events(run)).summaries.length === 2 &&
        foldRun(client.events(run)).status === 'ended',
      'a second summary',
      60_000,
    )
  })

  it.each(['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const)(
    'that dies by %s in mid-run: what was shown is on disk, the run is interrupted, the next engine works',
    async (signal) => {
      await restart() // Forgets the deaths of the previous test.
      const client = connect()
      const { run } = await client.call('run.start', { request: request(1500) })
      await client.call('run.open', { run })
      await until(
        () => client.events(run).filter((event) => event.type === 'tokens').length > 5,
        'tokens',
        60_000,
      )
      const unanswered = client.raw({ id: 999, method: 'runs.search', params: { query: 'x' } })
      process.kill(pids.at(-1)!, signal)
      await until(() => client.closed, 'the end of the channel')
      expect(['result', 'error']).toContain((await unanswered).kind)
      expect(client.pushes.at(-1)).toMatchObject({
        kind: 'engine',
        state: 'restarting',
        message: expect.stringContaining(signal),
      })
      const shown = client.events(run)
      const again = connect()
      expect((await again.call('runs.list', {})).find((one) => one.run === run)?.status).toBe(
        'interrupted',
      )
      expect((await again.call('run.open', { run })).live).toBe(false)
      await until(() => again.events(run).length >= shown.length)
      expect(again.events(run).slice(0, shown.length)).toEqual(shown)
      expect(readFileSync(join(folder, 'runs', `${run}.jsonl`)).includes(0)).toBe(false)
      // The interrupted run continues from its transcript, with a summary of what is there.
      await again.call('run.command', { run, command: { type: 'summarise' } })
      await until(
        () => foldRun(again.events(run)).status === 'ended',
        'a summary of the interrupted run',
        60_000,
      )
      expect(foldRun(again.events(run)).summaries[0]!.tokens.length).toBeGreaterThan(0)
    },
  )

  it('that dies with five runs, one of them waiting: each is interrupted with all that was shown', async () => {
    await restart()
    const client = connect()
    const runs: string[] = []
    for (let i = 0; i < 5; i++) {
      const { run } = await client.call('run.start', { request: request(1500) })
      await client.call('run.open', { run })
      runs.push(run)
    }
    const tokens = (run: string) =>
      client.events(run).filter(({ type }) => type === 'tokens').length
    await until(() => runs.filter((run) => tokens(run) > 3).length === 4, 'four runs', 120_000)
    const waits = runs.find((run) => tokens(run) === 0)!
    expect(
      client.pushes.filter((push) => push.kind === 'waiting' && push.run === waits).at(-1),
    ).toMatchObject({ place: 1 })
    process.kill(pids.at(-1)!, 'SIGKILL')
    await until(() => client.closed, 'the end of the channel')
    const again = connect()
    const list = await again.call('runs.list', {})
    for (const run of runs) {
      expect(list.find((one) => one.run === run)?.status).toBe('interrupted')
      const shown = client.events(run)
      await again.call('run.open', { run })
      await until(() => again.events(run).length >= shown.length, 'what was shown')
      expect(again.events(run).slice(0, shown.length)).toEqual(shown)
    }
  }, 180_000)

  it('that dies three times in a short time is not started again, and is by hand', async () => {
    await restart()
    for (let i = 0; i < 3; i++) {
      await until(() => supervisor.state === 'up', 'the engine', 60_000)
      const pid = pids.at(-1)!
      process.kill(pid, 'SIGKILL')
      await until(() => supervisor.state !== 'up' || pids.at(-1) !== pid)
      expect(supervisor.state).toBe(i < 2 ? 'restarting' : 'stopped')
    }
    await until(() => supervisor.state === 'stopped')
    expect(states.at(-1)).toMatch(/^stopped .*3 times/)
    const client = connect()
    expect(await client.raw({ id: 1, method: 'app.info', params: {} })).toMatchObject({
      kind: 'error',
      error: { code: 'engine-lost' },
    })
    await client.call('engine.restart', {})
    expect((await client.call('app.info', {})).dataFolder).toBe(folder)
  })
})
