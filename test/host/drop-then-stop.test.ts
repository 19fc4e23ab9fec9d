import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { tinyModel, writeTiny } from '../support/tiny-models.ts'
import { until } from '../support/test-client.ts'
import { RealHost } from './fuzz/real-host.ts'
import { Window } from './fuzz/window.ts'

const model = writeTiny(tinyModel({ shape: 'qwen2', seed: 34, endless: true }))
const host = new RealHost()
afterAll(async () => {
  await host.close()
  rmSync(dirname(model), { recursive: true })
})

it('a path dropped after the end of its run leaves the run ended, and a stop that is refused kills no engine', async () => {
  const window = new Window(host.connect())
  const start = async (budget: number) => {
    const settings = {
      paths: 3,
      budget,
      summaryBudget: budget,
      finish: 'last' as const,
      engine: { device: 'cpu', threads: 1 },
    }
    const request = { problem: 'the answer', model, settings }
    const { run } = await window.call('run.start', { request })
    await window.follow(run)
    return run
  }
  const status = async (of: string) =>
    (await window.call('runs.list', {})).find(({ run }) => run === of)?.status
  const run = await start(40)
  await until(async () => (await status(run)) === 'ended', 'the end')
  await window.call('run.command', { run, command: { type: 'drop', segment: 'p2' } })
  await until(() => window.runs.get(run)!.state.paths[1]!.status === 'dropped', 'the drop')
  expect(await status(run)).toBe('ended')
  await window.call('run.attribution', { run, segment: 's1' })

  const other = await start(3000)
  const { pids } = host
  const stop = window.call('run.command', { run, command: { type: 'stop-all' } })
  await expect(stop).rejects.toMatchObject({ code: 'not-running' })
  const watching = async () =>
    (await host.timers()).filter(({ place }) => place === 'engine/host/watchdog')
  expect(await watching()).toEqual([])
  expect((await host.timers()).map(({ place }) => place)).toContain('engine/host/residency')
  await window.call('runs.delete', { run })
  await until(() => window.runs.get(other)!.state.paths.length === 3, 'the other run')
  // One that is accepted is watched until the end of its run.
  await window.call('run.command', { run: other, command: { type: 'stop-all' } })
  await until(async () => (await status(other)) === 'ended', 'the stop')
  expect(await watching()).toEqual([])
  expect([host.up, host.pids]).toEqual([true, pids])
})
