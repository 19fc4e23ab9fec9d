import { afterEach, describe, expect, test } from 'vitest'
import { attributionTask, type Attribution } from '../../../engine/protocol/wire.ts'
import { columnOf, levelsOf, meanShares } from '../../../renderer/inspect/attribution.ts'
import {
  askAttribution,
  attributionProgress,
  cancelAttribution,
  useAttributions,
} from '../../../renderer/store/attribution.ts'
import { host, setConnect } from '../../../renderer/store/host.ts'
import { FakeHost } from '../fake-host.ts'
import { BALLS, scripted } from '../synthetic.ts'

const result: Attribution = {
  segment: 's1',
  promptTokens: 3,
  paths: [
    { segment: 'p2', tokens: 5 },
    { segment: 'p4', tokens: 9 },
  ],
  shares: [
    [0.5, 0.2, 0.1, 0.2],
    [0.1, 0.4, 0.3, 0.2],
    [0.3, 0, 0.5, 0.2],
  ],
}

describe('shares', () => {
  test('a path has its column', () => {
    expect(['p2', 'p4', 'p1'].map((path) => columnOf(result, path))).toEqual([1, 2, 0])
  })
  test('the mean of some tokens', () => {
    expect(meanShares(result).map((one) => Number(one.toFixed(6)))).toEqual([0.3, 0.2, 0.3, 0.2])
    expect(meanShares(result, 1, 2)).toEqual(result.shares[1])
    expect(meanShares({ ...result, shares: [] })).toEqual([])
  })
  test('levels are of the most that is paid', () => {
    expect([...levelsOf(result, 1)]).toEqual([4, 7, 0])
    expect([...levelsOf({ ...result, shares: [[1, 0, 0, 0]] }, 1)]).toEqual([0])
  })
})

describe('asking', () => {
  const fake = new FakeHost()
  const task = attributionTask('r', 's1')
  const state = () => useAttributions.getState().of[task]
  afterEach(() => useAttributions.setState({ of: {} }))

  test('is done once; a failure is kept and can be asked again; progress and cancelling are shown', async () => {
    setConnect(async () => fake.channel())
    await host.start()
    await askAttribution('r', 's1')
    expect(state()).toMatchObject({
      state: 'failed',
      error: { message: 'The run r does not exist.' },
    })
    fake.add(scripted({ ...BALLS, run: 'r' }))
    const before = fake.calls.length
    const asked = askAttribution('r', 's1')
    void askAttribution('r', 's1')
    expect(state()).toMatchObject({ state: 'reading', fraction: 0 })
    expect(attributionProgress(task, 0.5)).toBe(true)
    expect(attributionProgress('r', 0.7)).toBe(false)
    expect(state()).toMatchObject({ state: 'reading', fraction: 0.5 })
    await cancelAttribution('r', 's1')
    await asked
    expect(fake.calls.slice(before).map(({ method }) => method)).toEqual([
      'run.attribution',
      'run.attribution.cancel',
    ])
    expect(state()).toMatchObject({ state: 'ready', result: { segment: 's1' } })
    host.close()
  })
})
