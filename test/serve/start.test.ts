import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import type { Channel } from '../../engine/protocol/wire.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { smolLM2 } from '../support/models.ts'
import { TestClient, until } from '../support/test-client.ts'

const root = join(import.meta.dirname, '../..')
let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'braid-start-'))))
afterAll(() => rmSync(folder, { recursive: true }))

async function connect(origin: string, cookie: string): Promise<TestClient> {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws`, {
    headers: { Cookie: cookie, Origin: origin },
  })
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  const channel: Channel = {
    send: (message) => socket.send(JSON.stringify(message)),
    onMessage: (listener) =>
      void socket.on('message', (data) => listener(JSON.parse(String(data)))),
    onClose: (listener) => void socket.on('close', listener),
    close: () => socket.close(),
  }
  return new TestClient(channel)
}

describe('npm start', () => {
  it('serves the built page and the engine to a browser, with the model it was given, until Ctrl-C', async () => {
    const model = await smolLM2()
    const child = spawn(
      process.execPath,
      [join(root, 'scripts', 'start.mjs'), '--browser', '--no-open', '--model', model],
      { env: { ...process.env, BRAID_DATA: folder } },
    )
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (data) => (stdout += data))
    child.stderr.on('data', (data) => (stderr += data))
    const ended = new Promise<number | null>((resolve) => child.on('exit', resolve))
    try {
      await until(() => stdout.includes('\n') || child.exitCode !== null, 'the address', 150_000)
      expect(stderr).toMatch(/^Opening in the browser \(as asked\)/m)
      const url = /^Braid: (http:\/\/127\.0\.0\.1:\d+\/open\/[\w.-]+)\n$/.exec(stdout)![1]!
      const opened = await fetch(url)
      const cookie = opened.headers.get('set-cookie')!.split(';')[0]!
      const { origin } = new URL(url)
      const page = await (await fetch(origin, { headers: { cookie } })).text()
      expect(page).toContain('<script type="module"')
      for (const [, asset] of page.matchAll(/(?:src|href)="(\.?\/[^"]+)"/g))
        expect((await fetch(new URL(asset!, origin), { headers: { cookie } })).status, asset).toBe(
          200,
        )

      const client = await connect(origin, cookie)
      expect(await client.call('settings.get', {})).toMatchObject({ model })
      const settings = { paths: 2, budget: 10, summaryBudget: 6, engine: { threads: 1 } }
      const { run } = await client.call('run.start', {
        request: { problem: 'Hi', model, settings },
      })
      await client.call('run.open', { run })
      await until(() => foldRun(client.events(run)).status === 'ended', 'the end', 60_000)
      expect((await client.call('runs.export', { runs: [run], format: 'html' })).content).toContain(
        'Path 2',
      )
    } finally {
      child.kill('SIGINT')
    }
    expect(await ended).toBe(0)
  }, 240_000)
})
