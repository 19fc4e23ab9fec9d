import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { Cli } from '../support/cli.ts'
import { writeScripted } from '../support/scripted-model.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'

let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'braid-api-start-'))))
afterAll(() => rmSync(folder, { recursive: true }))

describe('braid api', () => {
  const start = (...args: string[]) =>
    new Cli(['api', '--port', '0', ...args], { env: { BRAID_DATA: folder } })
  const urlOf = ({ stdout }: Cli) =>
    /^Braid API: (http:\/\/127\.0\.0\.1:\d+\/v1)$/m.exec(stdout)?.[1]

  it('serves the models of the list until Ctrl-C, and shows its key once', async () => {
    const model = writeScripted({ '?': ['Hello to you'] })
    const first = start('--model', model, '--jobs', '2')
    await until(() => urlOf(first) !== undefined || first.child.exitCode !== null, 'the address')
    const key = readFileSync(join(folder, 'api-key'), 'utf8').trim()
    await until(() => first.stdout.includes(`API key: ${key}\n`), 'the key')
    if (process.platform !== 'win32')
      expect(statSync(join(folder, 'api-key')).mode & 0o777).toBe(0o600)
    const openai = new OpenAI({ baseURL: urlOf(first)!, apiKey: key, maxRetries: 0 })
    const { choices } = await openai.chat.completions.create({
      model: 'scripted',
      messages: [{ role: 'user', content: 'What?' }],
    })
    expect(choices[0]!.message.content).toBe('Hello to you')
    first.child.kill('SIGINT')
    expect((await first.done).code).toBe(0)

    const second = start()
    await until(() => second.stdout.includes('API key: in '), 'the address')
    expect(second.stdout).not.toContain(key)
    second.child.kill('SIGINT')
    await second.done
  })
  it('says what is wrong and ends', async () => {
    expect(await start('--host', '0.0.0.0', '--no-key').done).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('needs a key'),
    })
    expect(await start('--jobs', '0').done).toMatchObject({ code: 2 })
  })
})

describe('the switch of a window', () => {
  it('starts and stops the server, which keeps its key until it is replaced', async () => {
    const host = new Host({ folder, engine: new ScriptedEngine() })
    const [here, there] = channelPair()
    host.serve(there)
    const client = new TestClient(here)
    const status = () => client.call('api.status', {})
    const ask = async (key: string) =>
      (
        await fetch(`${(await status()).url}/models`, {
          headers: { authorization: `Bearer ${key}` },
        })
      ).status
    expect(await status()).toEqual({ state: 'off', url: null, key: null, message: null })
    // A port that is free now.
    const { createServer } = await import('node:net')
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    await client.call('settings.set', { api: true, apiPort: port })
    await until(async () => (await status()).state === 'failed', 'the failure')
    expect((await status()).message).toContain(`Port ${port} is in use`)
    await client.call('settings.set', { api: false })
    await new Promise((resolve) => taken.close(resolve))
    await client.call('settings.set', { api: true })
    await until(async () => (await status()).state === 'on', 'the server')
    const { url, key } = await status()
    expect(url).toBe(`http://127.0.0.1:${port}/v1`)
    expect([await ask(key!), await ask('')]).toEqual([200, 401])
    await client.call('api.newKey', {})
    const { key: next } = await status()
    expect(next).not.toBe(key)
    expect([await ask(next!), await ask(key!)]).toEqual([200, 401])
    await client.call('settings.set', { api: false })
    await until(async () => (await status()).state === 'off', 'the end')
    await expect(fetch(`${url}/models`)).rejects.toThrow()
    await expect(client.call('api.newKey', {})).rejects.toMatchObject({ code: 'bad-request' })
    await host.close()
  })
})
