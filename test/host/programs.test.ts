/** The switch for programs, from the settings of a window to a run: with the real engine and sandbox. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { Host } from '../../engine/host/host.ts'
import { localEngine } from '../../engine/host/local.ts'
import { foldRun } from '../../engine/protocol/fold.ts'
import { writeScripted } from '../support/scripted-model.ts'
import { channelPair, TestClient, until } from '../support/test-client.ts'

const folder = mkdtempSync(join(tmpdir(), 'braid-switch-'))
const model = writeScripted({
  '?': [
    '```python\ndef total(items):\n    return sum(items)\n```\n',
    '```python\ndef total(x):\n    return max(x)\n```\n',
  ],
  '.': ['total([1, 2])\ntotal([5])\n'],
})
const host = new Host({ folder, engine: localEngine(folder) })
const [here, there] = channelPair()
host.serve(there)
const client = new TestClient(here)
afterAll(async () => {
  await host.close()
  for (const one of [folder, dirname(model)]) rmSync(one, { recursive: true })
})

it('holds for the commands of every window, and can be turned on again', async () => {
  const engine = { device: 'cpu', threads: 1 }
  const settings = { paths: 4, budget: 60, summaryBudget: 20, question: 'code', engine } as const
  const { run } = await client.call('run.start', {
    request: { problem: 'What is total?', model, settings },
  })
  await client.call('run.open', { run })
  const state = () => foldRun(client.events(run))
  await until(() => state().status === 'ended', 'the end of the run')
  expect(state().agreement!.winner).not.toBeNull()
  const compare = () =>
    client.call('run.command', {
      run,
      command: { type: 'compare', calls: [{ call: 'total([7, 8])' }] },
    })

  await client.call('settings.set', { runPrograms: false })
  await expect(compare()).rejects.toMatchObject({
    code: 'bad-request',
    detail: { detail: 'bad-request/programs-off' },
  })
  expect(state().agreement!.calls.some(({ from }) => from === 'user')).toBe(false)

  await client.call('settings.set', { runPrograms: true })
  await compare()
  await until(() => state().agreement!.calls[0]!.from === 'user', 'the comparison')
})
