/** A host with a scripted engine and a data folder of its own, before each test of the file that imports it. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient } from '../support/test-client.ts'

export let folder: string
export let engine: ScriptedEngine
export let host: Host
export let client: TestClient
/** What was reported as hanging. */
export let stalls: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-host-'))
  open()
})
afterEach(async () => {
  await host.close()
  rmSync(folder, { recursive: true })
})

function open(): void {
  engine = new ScriptedEngine()
  stalls = []
  host = new Host({ folder, engine, stopMs: 1000, onStall: (message) => stalls.push(message) })
  client = connect()
}

/** Closes the host and opens another one of the same folder. */
export async function restart(): Promise<void> {
  await host.close()
  open()
}

/** Connects one more window. */
export function connect(): TestClient {
  const [here, there] = channelPair()
  host.serve(there)
  return new TestClient(here)
}

export const request = { problem: 'p', model: '/m.gguf', settings: {} }
export const start = async () => (await client.call('run.start', { request })).run
/** Returns the code of an error, or `none`. */
export const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code: string }) => error.code,
  )
export const transcript = (run: string) => join(folder, 'runs', `${run}.jsonl`)
/** Returns the number of events on disk. */
export const lines = (run: string) =>
  existsSync(transcript(run)) ? readFileSync(transcript(run), 'utf8').split('\n').length - 1 : 0
