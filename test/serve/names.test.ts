import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import type { HostMessage } from '../../engine/protocol/wire.ts'
import { storedEvent } from '../../engine/transcripts/writer.ts'
import { sampleRun } from '../support/sample-run.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient } from '../support/test-client.ts'

/** Every request that takes the name of a run, or of a file of Braid's own, against names that lead elsewhere. */
let folder: string
let data: string
let host: Host
let client: TestClient
let before: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-names-'))
  data = join(folder, 'data')
  mkdirSync(join(data, 'runs'), { recursive: true })
  // What the names below would reach: a complete run, and a file of the user.
  const run =
    sampleRun('outside')
      .map((event) => JSON.stringify(storedEvent(event)))
      .join('\n')
      .replace(/"problem":"[^"]*"/, '"problem":"SECRET"') + '\n'
  for (const name of ['outside.jsonl', 'secret.txt', 'settings.json'])
    writeFileSync(join(folder, name), name === 'outside.jsonl' ? run : 'SECRET')
  symlinkSync(join(folder, 'outside.jsonl'), join(data, 'runs', 'linked.jsonl'))
  host = new Host({ folder: data, engine: new ScriptedEngine(), stopMs: 50 })
  const [here, there] = channelPair()
  host.serve(there)
  client = new TestClient(here)
  before = contents()
  expect(before.match(/SECRET/g)).toHaveLength(3)
})
afterEach(async () => {
  await host.close()
  rmSync(folder, { recursive: true })
})

const contents = () =>
  JSON.stringify(
    readdirSync(folder)
      .filter((name) => name !== 'data')
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  )
const NAMES = () => [
  '../outside',
  '../../outside',
  '..',
  '.',
  '',
  '/',
  '../outside.jsonl',
  '..\\outside',
  '..%2foutside',
  '%2e%2e/outside',
  '....//outside',
  './../outside',
  'a/../../outside',
  'a/b',
  'a\\b',
  '/etc/passwd',
  'C:\\Windows\\win.ini',
  '\\\\host\\share',
  'file:///etc/passwd',
  'outside\0',
  'a\0.jsonl',
  '~',
  '~/x',
  '-rf',
  '__proto__',
  'constructor',
  'toString',
  '.git',
  '\u202eoutside',
  'outside ',
  ' outside',
  'ou\ntside',
  'a'.repeat(65),
  'a'.repeat(5000),
  'linked',
  join(folder, 'outside'),
  join(folder, 'outside.jsonl'),
  'con',
  'x:y',
  '*',
  '../data/runs/linked',
]
/** Requests with the name in every place that accepts one. */
const REQUESTS: [string, (name: string) => { method: string; params: object }][] = [
  ['run.open', (run) => ({ method: 'run.open', params: { run } })],
  ['run.close', (run) => ({ method: 'run.close', params: { run } })],
  [
    'run.command',
    (run) => ({ method: 'run.command', params: { run, command: { type: 'cancel' } } }),
  ],
  [
    'run.alternatives',
    (run) => ({ method: 'run.alternatives', params: { run, segment: 'p1', index: 0, count: 1 } }),
  ],
  ['run.attribution', (run) => ({ method: 'run.attribution', params: { run, segment: 's1' } })],
  [
    'run.attribution.cancel',
    (run) => ({ method: 'run.attribution.cancel', params: { run, segment: 's1' } }),
  ],
  ['runs.update', (run) => ({ method: 'runs.update', params: { run, title: 'mine now' } })],
  ['runs.delete', (run) => ({ method: 'runs.delete', params: { run } })],
  ['runs.restore', (run) => ({ method: 'runs.restore', params: { run } })],
  ['runs.export', (run) => ({ method: 'runs.export', params: { runs: [run], format: 'json' } })],
  ['tasks.command', (task) => ({ method: 'tasks.command', params: { task, command: 'cancel' } })],
  ['devices.fetch', (backend) => ({ method: 'devices.fetch', params: { backend } })],
  ['models.add', (file) => ({ method: 'models.add', params: { file } })],
  ['models.remove', (file) => ({ method: 'models.remove', params: { file, deleteFiles: true } })],
  ['models.relink', (to) => ({ method: 'models.relink', params: { file: to, to } })],
  ['models.info', (file) => ({ method: 'models.info', params: { file } })],
  ['models.convert', (folder) => ({ method: 'models.convert', params: { folder, type: 'q8_0' } })],
]

describe('a name that leads elsewhere', () => {
  it.each(REQUESTS)(
    '%s refuses it, reads nothing and changes nothing',
    async (_method, request) => {
      let id = 1
      for (const name of NAMES()) {
        const answer = (await client.raw({ id: ++id, ...request(name) })) as HostMessage & {
          error?: { code: string }
        }
        const told = JSON.stringify(answer)
        expect(told, name).not.toContain('SECRET')
        if (answer.kind === 'error') expect(answer.error!.code, name).toMatch(/^[a-z][a-z-]+$/)
        expect(answer.error?.code, name).not.toBe('internal')
      }
      expect(contents()).toBe(before)
      expect(existsSync(join(data, 'runs', 'linked.jsonl'))).toBe(true)
    },
  )

  it('an imported run takes no name from the file', async () => {
    const content = JSON.stringify({
      format: 'braid-run',
      version: 2,
      events: sampleRun('../../../outside'),
    })
    for (const name of ['../../x.json', '/etc/cron.d/x', 'a\0b']) {
      const answer = (await client.raw({
        id: 5,
        method: 'runs.import',
        params: { name, content },
      })) as { kind: string; result?: { run: string }[] }
      if (answer.kind === 'result')
        expect(answer.result![0]!.run).toMatch(/^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$/)
    }
    expect(contents()).toBe(before)
  })
})
