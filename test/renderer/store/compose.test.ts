import { beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { fileOf, type EventOf } from '../../../engine/protocol/events.ts'
import type { RunSummary } from '../../../engine/protocol/wire.ts'
import { commandOf, runCommand } from '../../../renderer/commands/catalogue.ts'
import {
  chosenInfo,
  draftOf,
  effective,
  refreshFit,
  requestOf,
  useCompose,
  wholeDraft,
} from '../../../renderer/store/compose.ts'
import { useHistory } from '../../../renderer/store/history.ts'
import { host, setConnect } from '../../../renderer/store/host.ts'
import { loadInfo } from '../../../renderer/store/models.ts'
import { nextSettings } from '../../../renderer/store/next-turn.ts'
import { presetOf } from '../../../renderer/store/presets.ts'
import { usePrefs } from '../../../renderer/store/prefs.ts'
import { useRoute } from '../../../renderer/store/route.ts'
import { openLocal, useRuns } from '../../../renderer/store/runs.ts'
import { useUi } from '../../../renderer/store/ui.ts'
import { FakeHost } from '../fake-host.ts'
import { BALLS, scripted } from '../synthetic.ts'

const fake = new FakeHost()
const FITS = fake.fit
const SHORT = { ...FITS, verdict: 'wont-fit' as const, short: { device: 'CPU', bytes: 3e9 } }
const why = (id: string) => commandOf(id).why({ run: null, path: null, summary: null })
const started = () => fake.calls.filter(({ method }) => method === 'run.start').length

beforeAll(async () => {
  vi.stubGlobal('location', { hash: '' })
  setConnect(async () => fake.channel())
  await host.start()
  usePrefs.setState({ model: fake.model.file })
  await loadInfo(fake.model.file)
  fake.onStart = () => fake.add(scripted({ ...BALLS, run: 'one' }))
})
beforeEach(() => {
  fake.calls = []
  useRoute.setState({ route: { view: 'compose' } })
  useCompose.setState({ problem: 'p', settings: {}, fit: null, starting: false, error: null })
})

test('the budget of a summary follows that of a path, as in the engine, until it is set', () => {
  const budget = (settings: Parameters<typeof effective>[0]) =>
    effective(settings, chosenInfo())!.summaryBudget
  expect([budget({}), budget({ budget: 9000 }), budget({ budget: 9 })]).toEqual([2048, 9000, 1024])
  expect(budget({ budget: 9000, summaryBudget: 7 })).toBe(7)
})

test('a new run takes what was set beside the question, else the defaults, else the model’s own', () => {
  usePrefs.setState({ defaults: { system: 'Be brief.', paths: 3, engine: { threads: 2 } } })
  const own = chosenInfo()!.defaults
  expect(effective({ engine: { context: 9000 } }, chosenInfo())).toMatchObject({
    system: 'Be brief.',
    paths: 3,
    budget: own.budget,
    engine: { ...own.engine, threads: 2, context: 9000 },
  })
  useCompose.setState({ settings: { paths: 5, system: '' } })
  const request = requestOf(wholeDraft(), '/m.gguf')
  expect(request.settings).toMatchObject({ paths: 5, engine: { threads: 2 } })
  expect(request.settings.system).toBeUndefined()
  usePrefs.setState({ defaults: {} })
})

test('a run without a system prompt is asked again without one, whatever the defaults are', () => {
  openLocal('plain', scripted({ ...BALLS, run: 'plain' }))
  const draft = draftOf(useRuns.getState().open.plain!.shown)
  usePrefs.setState({ defaults: { system: 'Be brief.' } })
  useCompose.setState({ settings: draft.settings })
  expect(requestOf(wholeDraft(), '/m.gguf').settings.system).toBeUndefined()
  expect(requestOf(draft, '/m.gguf').settings.system).toBeUndefined()
  usePrefs.setState({ defaults: {} })
})

test('the next turn has the settings before it, but for the preset and the system prompt that are chosen for it', () => {
  const before = { ...chosenInfo()!.defaults, system: 'Be brief.', seed: 7 }
  expect(nextSettings('x', before)).toMatchObject({
    paths: before.paths,
    system: 'Be brief.',
    seed: undefined,
    question: 'auto',
  })
  useUi.setState({ nextTurns: { x: { preset: 'vote', system: '' } } })
  expect(nextSettings('x', before)).toEqual({
    strategy: 'majority',
    paths: 8,
    budget: 2048,
    finish: 'last',
    system: '',
    seed: undefined,
    question: 'auto',
  })
  useUi.setState({ nextTurns: {} })
})

test('a run shows the preset whose settings it has', () => {
  const run = chosenInfo()!.defaults
  const quick = { ...run, strategy: 'parallel', paths: 2, budget: 512, finish: 'first' } as const
  expect(presetOf(quick, [])).toBe('quick')
  expect(presetOf({ ...quick, paths: 3 }, [])).toBe('')
  const settings = { ...quick, sampling: { temperature: run.sampling.temperature } }
  expect(presetOf(quick, [{ id: 'own', name: 'Mine', settings }])).toBe('own')
})

test('a run that will not fit is not started, with the reason; it can be started anyway', async () => {
  fake.fit = SHORT
  await refreshFit()
  expect([why('compose.start'), why('compose.startAnyway')]).toEqual(['compose.wontFit', null])
  expect(runCommand('compose.start')).toBe(false)
  expect(runCommand('compose.startAnyway')).toBe(true)
  await vi.waitFor(
    () => expect(useRoute.getState().route).toEqual({ view: 'run', run: 'one' }),
    60_000,
  )
  expect(started()).toBe(1)
})

test('a problem that is longer than the model can read is not started at all', async () => {
  fake.fit = { ...FITS, positions: 8192 }
  useCompose.setState({ problem: 'word '.repeat(20_029) }) // 25,037 tokens
  await refreshFit()
  expect([why('compose.start'), why('compose.startAnyway')]).toEqual(
    Array(2).fill('compose.tooLong'),
  )
  // Asked again at the start, as the figures may be out of date.
  useCompose.setState({ fit: null })
  expect(runCommand('compose.start')).toBe(true)
  await vi.waitFor(() => expect(useCompose.getState().starting).toBe(false), 60_000)
  expect([started(), why('compose.start')]).toEqual([0, 'compose.tooLong'])
  useCompose.setState({ problem: 'word '.repeat(6_500) })
  await refreshFit()
  expect(why('compose.start')).toBeNull()
  fake.fit = FITS
})

test('whether it fits is asked again at the start: what is shown may be a moment old', async () => {
  fake.fit = FITS
  await refreshFit()
  expect([why('compose.start'), why('compose.startAnyway')]).toEqual([null, 'why.fits'])
  fake.fit = SHORT
  expect(runCommand('compose.start')).toBe(true)
  await vi.waitFor(() => expect(useCompose.getState().starting).toBe(false), 60_000)
  expect([started(), why('compose.start')]).toEqual([0, 'compose.wontFit'])
  fake.fit = FITS
  await refreshFit()
  runCommand('compose.start')
  await vi.waitFor(() => expect(started()).toBe(1), 60_000)
})

test('what cannot be estimated can be started', async () => {
  fake.fit = null as never
  await refreshFit()
  expect(why('compose.start')).toBeNull()
  runCommand('compose.start')
  await vi.waitFor(() => expect(started()).toBe(1), 60_000)
})

test('a run like an earlier one that no longer fits goes to the composer, which says so', async () => {
  const events = scripted({ ...BALLS, run: 'old' })
  const { problem, model } = events[0] as EventOf<'run-started'>
  openLocal('old', events)
  const again = () => commandOf('run.again').run({ run: 'old', path: null, summary: null })
  fake.fit = SHORT
  again()
  await vi.waitFor(
    () => expect(useCompose.getState()).toMatchObject({ problem, fit: SHORT }),
    60_000,
  )
  expect([started(), useRoute.getState().route, usePrefs.getState().model]).toEqual([
    0,
    { view: 'compose' },
    fileOf(model),
  ])
  fake.fit = FITS
  again()
  await vi.waitFor(
    () => expect(useRoute.getState().route).toEqual({ view: 'run', run: 'one' }),
    60_000,
  )
  expect(started()).toBe(1)
})

test('a run that is made again is a version of the same turn, however often', async () => {
  const [start, ...rest] = scripted({ ...BALLS, run: 'second' })
  useHistory.setState({ list: [{ run: 'second' } as RunSummary] })
  openLocal('second', [{ ...(start as EventOf<'run-started'>), versionOf: 'first' }, ...rest])
  commandOf('run.again').run({ run: 'second', path: null, summary: null })
  await vi.waitFor(() => expect(started()).toBe(1), 60_000)
  expect(fake.calls.find(({ method }) => method === 'run.start')).toMatchObject({
    params: { request: { versionOf: 'first' } },
  })
})

test('a follow-up stays one when it is run again', async () => {
  const [start, ...rest] = scripted({ ...BALLS, run: 'old' })
  openLocal('old', [
    { ...(start as EventOf<'run-started'>), followUp: { run: 'first', segment: 's2' } },
    ...rest,
  ])
  commandOf('run.again').run({ run: 'old', path: null, summary: null })
  await vi.waitFor(() => expect(started()).toBe(1), 60_000)
  expect(fake.calls.find(({ method }) => method === 'run.start')).toMatchObject({
    params: { request: { followUp: { run: 'first', segment: 's2' } } },
  })
})
