import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { RunStore } from '../../engine/transcripts/index.ts'
import { sampleRun } from '../support/sample-run.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient } from '../support/test-client.ts'

let folder: string
let host: Host
let client: TestClient
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-storage-'))
  const store = new RunStore(folder)
  for (const run of ['one', 'two', 'three']) {
    const { writer } = store.create(run)
    for (const event of sampleRun(run)) writer.append(event)
    store.close(run)
  }
  host = new Host({ folder, engine: new ScriptedEngine() })
  const [here, there] = channelPair()
  host.serve(there)
  client = new TestClient(here)
})
afterEach(async () => {
  await host.close()
  rmSync(folder, { recursive: true })
})

const sizes = async () =>
  Object.fromEntries(
    (await client.call('storage.list', {})).map(({ what, bytes }) => [what, bytes]),
  )

describe('storage', () => {
  it('is told per folder; what is deleted moves to the trash, and links are not followed', async () => {
    const before = await sizes()
    expect(before).toMatchObject({ models: 0, trash: 0 })
    expect(before.runs).toBeGreaterThan(1000)
    mkdirSync(join(folder, 'models', 'org'), { recursive: true })
    writeFileSync(join(folder, 'models', 'org', 'm.gguf'), 'x'.repeat(5000))
    await client.call('runs.delete', { run: 'one' })
    const after = await sizes()
    expect(after.models).toBe(5000)
    expect(after.trash).toBeGreaterThan(500)
    expect(after.runs).toBeLessThan(before.runs!)
  })

  it('empties the trash for good, and leaves all else', async () => {
    for (const run of ['one', 'two']) await client.call('runs.delete', { run })
    const trash = join(folder, 'runs', 'trash')
    writeFileSync(join(trash, 'notes.txt'), 'mine')
    expect(await client.call('storage.emptyTrash', {})).toEqual({ runs: 2 })
    expect(existsSync(join(trash, 'one.jsonl'))).toBe(false)
    expect(existsSync(join(trash, 'notes.txt'))).toBe(true)
    expect((await client.call('runs.list', {})).map(({ run }) => run)).toEqual(['three'])
    await expect(client.call('runs.restore', { run: 'one' })).rejects.toMatchObject({
      code: 'no-such-run',
    })
    expect(await client.call('storage.emptyTrash', {})).toEqual({ runs: 0 })
  })
})
