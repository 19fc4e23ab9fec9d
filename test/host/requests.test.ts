import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { errorText } from '../../engine/protocol/events.ts'
import { METHODS, type Method } from '../../engine/protocol/wire.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient } from '../support/test-client.ts'

let folder: string
let engine: ScriptedEngine
let host: Host
let client: TestClient
const request = { problem: 'p', model: '/m.gguf', settings: {} }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'braid-requests-'))
  engine = new ScriptedEngine()
  host = new Host({ folder, engine })
  const [here, there] = channelPair()
  host.serve(there)
  client = new TestClient(here)
})
afterEach(async () => {
  await host.close()
  rmSync(folder, { recursive: true })
})

describe('bad requests', () => {
  const GARBAGE: unknown[] = [
    null,
    undefined,
    0,
    'x',
    [],
    [1],
    { run: 5 },
    { run: '../x' },
    { run: '' },
    { request: null },
    { request: { problem: '' } },
    { run: 'r', command: { type: 'x' } },
    { file: '' },
    { query: 'x'.repeat(2000) },
    { runs: [], format: 'md' },
    { runs: ['r'], format: 'exe' },
    { toString: 1 },
    '__proto__',
    { constructor: { prototype: 1 } },
  ]
  const HARMLESS = new Set<Method>([
    'app.info',
    'api.status',
    'devices.list',
    'devices.state',
    'engine.loaded',
    'lab.list',
    'lab.sets',
    'models.catalogue',
    'models.find',
    'models.list',
    'tasks.list',
    'workers.list',
    'runs.list',
    'runs.search.cancel',
    'runs.watch',
    'settings.get',
    'settings.set',
    'storage.list',
    'storage.emptyTrash',
    'engine.restart',
    'run.close',
  ])

  it.each(Object.keys(METHODS) as Method[])(
    '%s answers garbage with a typed error',
    async (method) => {
      for (const [i, params] of GARBAGE.entries()) {
        const message = await client.raw({ id: 5000 + i, method, params })
        if (message.kind === 'result') {
          expect(
            HARMLESS.has(method) && typeof params === 'object',
            `${method} took ${JSON.stringify(params)}`,
          ).toBe(true)
          continue
        }
        if (message.kind !== 'error') throw new Error(`${method}: ${JSON.stringify(message)}`)
        expect(message.error.code).toMatch(/^(bad-request|no-such-run|bad-path)$/)
        expect(errorText(message.error)).toMatch(/\w \w/)
      }
      expect(engine.runs).toEqual([])
      await client.call('app.info', {})
    },
  )

  it.each([
    [null],
    [5],
    ['x'],
    [[]],
    [{}],
    [{ id: 'a', method: 'app.info', params: {} }],
    [{ id: -5, method: 'app.info', params: {} }],
    [{ id: 1.5, method: 'app.info' }],
    [{ method: 'app.info', params: {} }],
    [{ id: 9, method: 5 }],
    [{ id: 9, method: 'x'.repeat(100) }],
  ])('%j is not a request', async (message) => {
    const id =
      typeof (message as { id?: unknown } | null)?.id === 'number' &&
      Number.isInteger((message as { id: number }).id)
        ? (message as { id: number }).id
        : -1
    expect(await client.raw(message, id)).toMatchObject({
      kind: 'error',
      error: { code: 'bad-request' },
    })
  })

  it.each(['toString', '__proto__', 'constructor', 'run.stop', ''])(
    "'%s' is not a method",
    async (method) => {
      expect(await client.raw({ id: 7, method, params: {} })).toMatchObject({
        kind: 'error',
        error: { code: 'bad-request', message: expect.stringContaining('does not exist') },
      })
    },
  )

  it.each([
    [{ budget: 0 }],
    [{ budget: -1 }],
    [{ budget: 2 ** 31 }],
    [{ budget: 1.5 }],
    [{ budget: '5' }],
    [{ budget: null }],
    [{ paths: 65 }],
    [{ seed: 2 ** 32 }],
    [{ seed: -1 }],
    [{ sampling: { temperature: 1e308 } }],
    [{ sampling: { topP: 2 } }],
    [{ sampling: { topK: -1 } }],
    [{ engine: { threads: 1e9 } }],
    [{ engine: { kvType: 'f64' } }],
    [{ alternatives: 21 }],
    [{ strategy: 'x' }],
    [{ system: 5 }],
  ])('a run with %j is refused', async (settings) => {
    expect(
      await client.raw({
        id: 8,
        method: 'run.start',
        params: { request: { ...request, settings } },
      }),
    ).toMatchObject({ kind: 'error', error: { code: 'bad-request' } })
    expect(engine.runs).toEqual([])
  })
})
