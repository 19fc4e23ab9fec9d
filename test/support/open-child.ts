/**
 * Opens a host on a data folder, and asks it for what reads the folder's files: `open-child FOLDER FILE`. FILE is the
 * path of a file that a user might name. Prints one line of JSON per answer. A process of its own, since a file that
 * hangs it hangs all of it.
 */
import { Host } from '../../engine/host/host.ts'
import type { Method } from '../../engine/protocol/wire.ts'
import { ScriptedEngine } from './scripted-engine.ts'
import { channelPair, TestClient } from './test-client.ts'

const [folder, file] = process.argv.slice(2) as [string, string]
const host = new Host({ folder, engine: new ScriptedEngine() })
const [here, there] = channelPair()
host.serve(there)
const client = new TestClient(here)
const ASKED = [
  ['settings.get', {}],
  ['settings.set', { idleMinutes: 7 }],
  ['models.list', {}],
  ['tasks.list', {}],
  ['runs.list', {}],
  ['runs.search', { query: 'boxed' }],
  ['run.open', { run: 'piped' }],
  ['runs.update', { run: 'good', title: 'x' }],
  ['runs.delete', { run: 'good' }],
  ['storage.list', {}],
  ['storage.emptyTrash', {}],
  ['lab.sets', {}],
  ['api.newKey', {}],
  ['lab.list', {}],
  ['lab.inspect', { set: { file } }],
  ['models.add', { file }],
  ['models.convert', { folder, type: 'f16' }],
] as const satisfies [Method, object][]
for (const [method, params] of ASKED) {
  const answer = await client.call(method, params as never).then(
    () => ({ ok: true }),
    ({ code, message }: { code: string; message: string }) => ({ code, message }),
  )
  console.log(JSON.stringify([method, answer]))
}
process.exit(0)
