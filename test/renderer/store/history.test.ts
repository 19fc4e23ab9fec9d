import { beforeAll, beforeEach, expect, test } from 'vitest'
import { BraidError } from '../../../engine/protocol/errors.ts'
import {
  deleteRuns,
  importFiles,
  refreshHistory,
  search,
  updateRun,
  useHistory,
  visibleRuns,
} from '../../../renderer/store/history.ts'
import { host, setConnect } from '../../../renderer/store/host.ts'
import { useToasts } from '../../../renderer/store/toasts.ts'
import { FakeHost } from '../fake-host.ts'
import { BALLS, scripted } from '../synthetic.ts'

const fake = new FakeHost()
const events = (run: string, problem = 'p') => scripted({ ...BALLS, run, problem })
const shown = () =>
  visibleRuns(useHistory.getState())
    .map(({ run }) => run)
    .sort()
const told = () => useToasts.getState().toasts

beforeAll(async () => {
  setConnect(async () => fake.channel())
  await host.start()
})
beforeEach(async () => {
  fake.runs.clear()
  fake.skipped = []
  useToasts.setState({ toasts: [] })
  useHistory.setState({ query: '', found: null, tag: null, selected: new Set() })
  for (const run of ['a', 'b', 'c'])
    fake.add(events(run), { status: run === 'b' ? 'running' : 'ended' })
  await refreshHistory()
})

test('of several runs, one that thinks stays and is told; what was deleted can be brought back', async () => {
  useHistory.setState({ selected: new Set(['a', 'b', 'c']) })
  await deleteRuns(['a', 'b', 'c'])
  expect([shown(), [...useHistory.getState().selected]]).toEqual([['b'], ['b']])
  expect(told().map(({ kind, message }) => [kind, message[1]])).toEqual([
    ['bad', { name: 'p', reason: 'The run is still thinking. Stop it first.' }],
    ['info', { count: 2 }],
  ])
  await told().at(-1)!.action!.run()
  expect(shown()).toEqual(['a', 'b', 'c'])
})

test('a tag that the last run with it took away filters nothing', async () => {
  await updateRun('a', { tags: ['x'] })
  useHistory.setState({ tag: 'x' })
  expect(shown()).toEqual(['a'])
  await deleteRuns(['a'])
  expect(shown()).toEqual(['b', 'c'])
})

test('what a query finds is asked again when the list changes', async () => {
  await search('quokka')
  expect(shown()).toEqual([])
  fake.add(events('d', 'Where is the quokka?'))
  await refreshHistory()
  expect(shown()).toEqual(['d'])
})

test('a search tells what it left out, until the next one; one that a later search stopped tells nothing', async () => {
  fake.skipped = [{ run: 'b', why: 'slow' }]
  const call = host.call
  const refused = new BraidError('cancelled', 'Cancelled.')
  const first = search('p')
  await first
  expect(useHistory.getState().skipped).toEqual(fake.skipped)
  const calls: string[] = []
  host.call = ((method: string, params: { query: string }) => {
    calls.push(method)
    if (params.query === 'stopped') return Promise.reject(refused)
    return call.call(host, method as 'runs.search', params)
  }) as typeof host.call
  try {
    const stopped = search('stopped')
    const later = search('quokka')
    await Promise.all([stopped, later])
    expect(useHistory.getState()).toMatchObject({ query: 'quokka', found: [] })
    await expect(search('stopped')).rejects.toBe(refused)
    fake.skipped = []
    await search('')
    expect(useHistory.getState()).toMatchObject({ found: null, skipped: [] })
    expect(calls.at(-1)).toBe('runs.search.cancel')
  } finally {
    host.call = call
  }
})

test('every run of every file is imported', async () => {
  const file = (...runs: string[]) =>
    new File([JSON.stringify(runs.map((run) => events(run)))], `${runs[0]}.json`)
  expect(await importFiles([file('d', 'e'), new File(['{'], 'bad.json'), file('f')])).toEqual([
    'd',
    'e',
    'f',
  ])
  expect(shown()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  expect(told().map(({ message }) => message[1]?.name)).toEqual(['bad.json'])
})

test('a file that is too large is told and not read', async () => {
  const large = new File(['x'], 'large.json')
  Object.defineProperty(large, 'size', { value: 2 ** 28 + 1 })
  large.text = () => Promise.reject(new Error('It was read.'))
  await importFiles([large])
  expect(told().map(({ message }) => message)).toEqual([
    ['files.tooLarge', { name: 'large.json', limit: 256 }],
  ])
})
