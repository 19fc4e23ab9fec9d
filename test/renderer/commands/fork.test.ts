import { beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { fork } from '../../../renderer/commands/path-commands.ts'
import { currentTarget } from '../../../renderer/commands/target.ts'
import { host, setConnect } from '../../../renderer/store/host.ts'
import { useRoute } from '../../../renderer/store/route.ts'
import { openRun, useRuns } from '../../../renderer/store/runs.ts'
import { useUi } from '../../../renderer/store/ui.ts'
import { FakeHost } from '../fake-host.ts'
import { BALLS, scripted } from '../synthetic.ts'

const fake = new FakeHost()

beforeAll(async () => {
  vi.stubGlobal('location', { hash: '' })
  vi.stubGlobal('history', { pushState: () => undefined })
  setConnect(async () => fake.channel())
  await host.start()
  fake.add(scripted({ ...BALLS, run: 'one' }))
  await openRun('one')
  await vi.waitFor(() => expect(useRuns.getState().open.one!.loading).toBe(false))
})
beforeEach(() => {
  fake.calls = []
  useUi.setState({ active: {} })
  useRoute.setState({ route: { view: 'inspect', run: 'one', segment: 'p2', at: 5 } })
})

test('the branch that the engine names is shown, whatever numbers others took meanwhile', async () => {
  fake.onCommand = () => ({ segment: 'p7' })
  await fork('one', 'p2', 5, 17)
  expect(fake.calls).toEqual([
    {
      method: 'run.command',
      params: { run: 'one', command: { type: 'branch', segment: 'p2', at: 5, token: 17 } },
    },
  ])
  expect(useRoute.getState().route).toEqual({ view: 'run', run: 'one' })
  expect(currentTarget().path).toBe('p7')
})

test('a branch that is refused leaves the reader where they are', async () => {
  fake.onCommand = () => {
    throw new Error('A run can have at most 64 paths. Drop one first.')
  }
  await expect(fork('one', 'p2', 5, 17)).rejects.toThrow('64 paths')
  expect(useRoute.getState().route.view).toBe('inspect')
  expect(currentTarget().path).toBe('p2')
})
