/** Names that every object inherits, wherever a name becomes a key. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { tinyModel } from '../support/tiny-models.ts'
import { sampleRun } from '../support/sample-run.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient } from '../support/test-client.ts'

const NAMES = [...Object.getOwnPropertyNames(Object.prototype), 'prototype']
let folder: string
let host: Host
let client: TestClient
let engine: ScriptedEngine
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-names-'))
  mkdirSync(join(folder, 'runs'))
})
afterEach(async () => {
  await host.close()
  rmSync(folder, { recursive: true })
  expect(Object.keys(Object.prototype)).toEqual([])
})

function open(): void {
  engine = new ScriptedEngine()
  host = new Host({ folder, engine })
  const [here, there] = channelPair()
  host.serve(there)
  client = new TestClient(here)
}

describe.each(NAMES)('the name %s', (name) => {
  it('of a transcript hides no other and is refused, or is a run like any other', async () => {
    const content = sampleRun(name).map((event) => JSON.stringify(event) + '\n')
    for (const run of [name, 'other'])
      writeFileSync(join(folder, 'runs', `${run}.jsonl`), content.join(''))
    open()
    const runs = (await client.call('runs.list', {})).map(({ run }) => run)
    expect(runs).toContain('other')
    const opened = client.call('run.open', { run: name })
    if (runs.includes(name)) expect((await opened).events).toBeGreaterThan(0)
    else await expect(opened).rejects.toMatchObject({ code: 'bad-request' })
    expect(readdirSync(join(folder, 'runs'))).toContain(`${name}.jsonl`)
  })

  it('of a model file or its device is a file like any other', async () => {
    const file = join(folder, name)
    writeFileSync(file, tinyModel({ shape: 'qwen2', pairs: 0, thoughts: 0 }).gguf)
    open()
    expect(await client.call('models.add', { file })).toMatchObject({ file, origin: 'link' })
    await client.call('models.setDevice', { file, device: 'cpu' })
    expect((await client.call('models.list', {})).find((one) => one.file === file)?.device).toBe(
      'cpu',
    )
    expect((await client.call('models.info', { file })).defaults.engine.device).toBe('cpu')
    // A model that is only a name: no device is known for it.
    await client.call('run.start', { request: { problem: 'p', model: name, settings: {} } })
    expect(engine.last.request).toMatchObject({ model: name, settings: {} })
    expect(engine.last.request?.settings.engine?.device).toBeUndefined()
  })

  it('of settings, metadata and notices changes nothing else', async () => {
    writeFileSync(join(folder, 'settings.json'), `{"${name}": {"x": 1}, "idleMinutes": 7}`)
    writeFileSync(
      join(folder, 'models.json'),
      `{"version": 2, "models": [], "${name}": {"x": 1}, "bundledDevices": {"${name}": "cpu"}}`,
    )
    writeFileSync(join(folder, 'tasks.json'), `[{"${name}": {"x": 1}}]`)
    writeFileSync(
      join(folder, 'runs', 'index.json'),
      `{"version": 2, "entries": {"${name}": {"size": 1}}}`,
    )
    const events = sampleRun('r1').map((event) => JSON.stringify(event) + '\n')
    const notice = `{"type": "notice", "at": 1, "code": "${name}", "params": {"${name}": 5}}\n`
    writeFileSync(
      join(folder, 'runs', 'r1.jsonl'),
      [events[0], notice, ...events.slice(1)].join(''),
    )
    writeFileSync(join(folder, 'runs', 'r1.meta.json'), `{"${name}": {"x": 1}, "title": "kept"}`)
    open()
    expect(await client.call('settings.get', {})).toMatchObject({ idleMinutes: 7 })
    await client.call('settings.set', { idleMinutes: 8 })
    expect(await client.call('settings.get', {})).toMatchObject({ idleMinutes: 8 })
    expect((await client.call('runs.list', {})).map(({ title }) => title)).toEqual(['kept'])
    for (const format of ['json', 'md', 'html'] as const)
      expect((await client.call('runs.export', { runs: ['r1'], format })).content).toContain('4')
    expect(await client.call('models.list', {})).toEqual(expect.any(Array))
    expect(({} as Record<string, unknown>).x).toBeUndefined()
  })
})
