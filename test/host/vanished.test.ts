/** The data folder is deleted, or moved, while the host works in it. */
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { errorText } from '../../engine/protocol/events.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { noticeText } from '../../engine/protocol/wording.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { storedEvent } from '../../engine/transcripts/writer.ts'
import { braid, Cli } from '../support/cli.ts'
import { sampleRun } from '../support/sample-run.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'

let root: string
let folder: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'braid-vanished-'))
  folder = join(root, 'data')
})
afterEach(() => rmSync(root, { recursive: true }))

describe('a run whose data folder', () => {
  let engine: ScriptedEngine
  let host: Host
  let client: TestClient
  let run: string
  beforeEach(async () => {
    engine = new ScriptedEngine()
    host = new Host({ folder, engine })
    const [here, there] = channelPair()
    host.serve(there)
    client = new TestClient(here)
    run = (
      await client.call('run.start', { request: { problem: 'p', model: '/m.gguf', settings: {} } })
    ).run
    await client.call('run.open', { run })
  })
  afterEach(() => host.close())

  /** Half of a run, then `damage`, then the rest. */
  async function halfway(damage: () => void) {
    const events = sampleRun(run)
    const half = Math.floor(events.length / 2)
    engine.last.emit(...events.slice(0, half))
    await until(() => client.events(run).length === half)
    damage()
    engine.last.emit(...events.slice(half))
    return { events, half }
  }

  it.each([
    ['is deleted', () => rmSync(folder, { recursive: true })],
    ['is moved away', () => renameSync(folder, join(root, 'elsewhere'))],
    ['loses its runs', () => rmSync(join(folder, 'runs'), { recursive: true })],
  ])('%s goes on, is whole on disk again, and says so', async (_, damage) => {
    const { events, half } = await halfway(damage)
    await until(() => client.events(run).length === events.length + 1)
    const stored = events.map(storedEvent)
    const notice = {
      type: 'notice',
      at: events[half]!.at,
      code: 'transcript-restored',
      params: { folder: join(folder, 'runs') },
    } as const
    const all = [...stored.slice(0, half), notice, ...stored.slice(half)]
    expect(client.events(run)).toEqual(all)
    expect(new RunStore(folder).events(run)).toEqual(all)
    expect(noticeText(notice)).toContain(folder)
    if (process.platform !== 'win32') {
      expect(statSync(join(folder, 'runs')).mode & 0o777).toBe(0o700)
      expect(statSync(join(folder, 'runs', `${run}.jsonl`)).mode & 0o777).toBe(0o600)
    }
    // What else is saved there works as before.
    await client.call('settings.set', { loadAtStart: true })
    expect((await client.call('settings.get', {})).loadAtStart).toBe(true)
    expect((await client.call('runs.update', { run, title: 'kept' })).title).toBe('kept')
    expect((await client.call('runs.list', {})).map((one) => one.title)).toEqual(['kept'])
    expect(
      await client.call('run.alternatives', { run, segment: 'p1', index: 1, count: 1 }),
    ).toHaveLength(1)
    await client.call('runs.delete', { run })
    expect((await client.call('runs.restore', { run })).title).toBe('kept')
  })

  it('is replaced by a file ends with the reason, and the host lives', async () => {
    await halfway(() => {
      rmSync(folder, { recursive: true })
      writeFileSync(folder, 'a file')
    })
    await until(() => foldRun(client.events(run)).status === 'failed')
    const last = client.events(run).at(-1)!
    if (last.type !== 'run-failed') throw new Error(JSON.stringify(last))
    expect(last.error.code).toMatch(/^(io|bad-path)$/)
    expect(errorText(last.error)).toContain(folder)
    expect(readFileSync(folder, 'utf8')).toBe('a file')
    expect(await client.call('runs.list', {})).toEqual([])
    for (const [method, params] of [
      ['settings.set', { loadAtStart: true }],
      ['runs.update', { run, title: 'x' }],
    ] as const)
      await expect(client.call(method, params)).rejects.toMatchObject({
        code: expect.stringMatching(/^(io|bad-path|no-such-run)$/),
      })
  })
})

it('solve goes on when its data folder is deleted, says so, and the history has the run', async () => {
  const model = writeTiny(tinyModel({ shape: 'qwen2', endless: true }), root)
  const env = { BRAID_DATA: folder }
  const size = ['--paths', '2', '--budget', '1500', '--summary-budget', '8', '--threads', '1']
  const cli = new Cli(['solve', 'What?', '--model', model, '--json', ...size], { env })
  await until(() => cli.stdout.split('"tokens"').length > 20, 'tokens', 60_000)
  rmSync(folder, { recursive: true })
  const { code, stderr, stdout } = await cli.done
  expect(code, stderr).toBe(0)
  expect(stderr).toContain('Braid has written it there again')
  const shown = stdout.trimEnd().split('\n').length
  const [run] = await new RunStore(folder).list()
  expect(run).toMatchObject({ status: 'ended' })
  expect(new RunStore(folder).events(run!.run)).toHaveLength(shown)
  expect(existsSync(join(folder, 'runs', `${run!.run}.lock`))).toBe(false)
  expect((await braid(['runs'], { env })).stdout).toContain('What?')
})
