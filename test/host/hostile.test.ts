/** What a host does with transcripts that strangers made to hang it, beside good runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import type { RunEvent } from '../../engine/protocol/events.ts'
import { RunStore } from '../../engine/transcripts/store.ts'
import { BOMBS } from '../support/hostile-transcripts.ts'
import { pathStarted, runStarted, sampleRun, tokensOf } from '../support/sample-run.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'

let folder: string
let host: Host
let client: TestClient

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-host-'))
  host = new Host({ folder, engine: new ScriptedEngine() })
  client = connect()
})
afterEach(async () => {
  await host.close()
  rmSync(folder, { recursive: true })
})

function connect(): TestClient {
  const [here, there] = channelPair()
  host.serve(there)
  return new TestClient(here)
}
function write(run: string, events: RunEvent[]): void {
  const content = events.map((event) => JSON.stringify(event) + '\n').join('')
  writeFileSync(join(folder, 'runs', `${run}.jsonl`), content)
}
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code: string }) => error.code,
  )

/** A run within all limits that takes many slices to read. */
function large(run: string): RunEvent[] {
  const tokens = tokensOf('some text that takes a while to read '.repeat(20), 1, false)
  const paths = Array.from({ length: 500 }, (_, i) => `p${i + 1}`)
  return [
    runStarted(run),
    ...paths.map((path) => pathStarted(1, path)),
    ...paths.map((segment): RunEvent => ({ type: 'tokens', at: 2, segment, tokens })),
  ]
}

describe('a transcript beyond the limits, beside good runs', () => {
  it('is named by the history and by a search, which finds the others', async () => {
    const bombs = Object.values(BOMBS).map((bomb, i) => ({ run: `bomb${i}`, bomb }))
    for (const run of ['good1', 'good2']) write(run, sampleRun(run))
    for (const { run, bomb } of bombs)
      writeFileSync(join(folder, 'runs', `${run}.jsonl`), bomb.content(run))
    const { hits, skipped } = await client.call('runs.search', { query: 'boxed' })
    expect(hits.map(({ run }) => run).sort()).toEqual(['good1', 'good2'])
    const names = bombs.map(({ run }) => run).sort()
    expect(skipped.map(({ run, why }) => (why === 'damaged' ? run : why)).sort()).toEqual(names)
    const list = await client.call('runs.list', {})
    for (const { run, bomb } of bombs)
      expect(list.find((one) => one.run === run)).toMatchObject({
        status: 'damaged',
        damage: expect.stringMatching(bomb.says),
      })
  })

  it.each(['paths', 'branches of a long path', 'deep nesting'])(
    'is refused wherever it is read (%s), and its host goes on',
    async (kind) => {
      write('good', sampleRun('good'))
      const content = BOMBS[kind]!.content('bomb')
      writeFileSync(join(folder, 'runs', 'bomb.jsonl'), content)
      const run = 'bomb'
      for (const call of [
        () => client.call('runs.import', { name: 'bomb.jsonl', content }),
        () => client.call('run.open', { run }),
        () => client.call('run.command', { run, command: { type: 'summarise' } }),
        () => client.call('run.attribution', { run, segment: 's1' }),
        ...(['md', 'html', 'json'] as const).map(
          (format) => () => client.call('runs.export', { runs: ['good', run], format }),
        ),
        () =>
          client.call('run.start', {
            request: {
              problem: 'p',
              model: '/m.gguf',
              settings: {},
              followUp: { run, segment: 's1' },
            },
          }),
      ])
        expect(await code(call())).toBe('bad-transcript')
      expect(await client.call('runs.list', {})).toHaveLength(2)
      await client.call('runs.delete', { run })
      expect((await client.call('runs.list', {})).map((one) => one.run)).toEqual(['good'])
    },
  )
})

describe('while a large run is read', () => {
  /** Counts requests that are answered, one after another, until `work` is done. */
  async function answeredDuring(work: Promise<unknown>): Promise<number> {
    let going = true
    let answered = 0
    const done = work.finally(() => (going = false))
    const other = connect()
    while (going) {
      await other.call('app.info', {})
      answered++
    }
    await done
    return answered
  }

  it('other requests are answered: to search, to list, to import', async () => {
    const events = large('large')
    const content = events.map((event) => JSON.stringify(event) + '\n').join('')
    write('large', events)
    const list = await answeredDuring(client.call('runs.list', {}))
    const search = await answeredDuring(client.call('runs.search', { query: 'nowhere' }))
    const imported = await answeredDuring(client.call('runs.import', { name: 'x', content }))
    // A request takes a few turns of the event loop, and a slice has 10 ms.
    for (const answered of [list, search, imported]) expect(answered).toBeGreaterThan(5)
    expect(await client.call('runs.list', {})).toHaveLength(2)
  })

  it('a later search, an empty one and the end of the window stop a search', async () => {
    for (let i = 0; i < 3; i++) write(`large${i}`, large(`large${i}`))
    const first = code(client.call('runs.search', { query: 'while' }))
    const second = client.call('runs.search', { query: 'read' })
    expect(await first).toBe('cancelled')
    expect((await second).hits).toHaveLength(3)
    write('more', large('more'))
    const third = code(client.call('runs.search', { query: 'takes' }))
    await client.call('runs.search.cancel', {})
    expect(await third).toBe('cancelled')
    // Another window's search goes on.
    const other = connect()
    const fourth = other.call('runs.search', { query: 'takes' })
    await client.call('runs.search.cancel', {})
    expect((await fourth).hits).toHaveLength(4)
  })
})

it('an export that no file can hold is refused', async () => {
  const text = 'a long text '.repeat(1 << 17)
  const branches = Array.from({ length: 60 }, (_, i) => `p${i + 2}`)
  write('long', [
    runStarted('long'),
    pathStarted(1, 'p1'),
    {
      type: 'tokens',
      at: 2,
      segment: 'p1',
      tokens: [{ id: 1, text, logprob: null, entropy: null }],
    },
    ...branches.map((path) =>
      pathStarted(3, path, { source: { type: 'branch' as const, of: 'p1', at: 1 } }),
    ),
  ])
  for (const format of ['md', 'html', 'json'] as const)
    expect(await code(client.call('runs.export', { runs: ['long'], format }))).toBe('out-of-range')
  expect((await client.call('runs.search', { query: 'long text' })).hits).toHaveLength(1)
  await client.call('run.open', { run: 'long' })
  await until(() => client.events('long').length === branches.length + 3)
  expect(new RunStore(folder).events('long')).toHaveLength(branches.length + 3)
})
