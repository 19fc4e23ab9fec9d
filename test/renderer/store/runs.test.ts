import { beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { EMPTY_RUN, foldRun } from '../../../engine/protocol/fold.ts'
import { host, setConnect } from '../../../renderer/store/host.ts'
import {
  seek,
  startReplay,
  stateAfter,
  stopReplay,
  countAt,
  useReplay,
} from '../../../renderer/store/replay.ts'
import {
  closeHidden,
  closeRun,
  flush,
  interruptRuns,
  openLocal,
  openRun,
  receiveEvents,
  useRuns,
} from '../../../renderer/store/runs.ts'
import { FakeHost } from '../fake-host.ts'
import { BALLS, scripted } from '../synthetic.ts'

const fake = new FakeHost()
const events = scripted({ ...BALLS, run: 'one' })

const frames = new Set<NodeJS.Timeout>()

beforeAll(async () => {
  vi.stubGlobal('requestAnimationFrame', (work: (now: number) => void) => {
    const frame = setTimeout(() => {
      frames.delete(frame)
      work(performance.now())
    }, 5)
    frames.add(frame)
    return frame
  })
  vi.stubGlobal('cancelAnimationFrame', (frame: NodeJS.Timeout) => {
    frames.delete(frame)
    clearTimeout(frame)
  })
  setConnect(async () => fake.channel())
  host.onPush((push) => {
    if (push.kind === 'events' || push.kind === 'backlog') receiveEvents(push)
  })
  await host.start()
})
beforeEach(() => {
  useRuns.setState({ open: {} })
  fake.runs.clear()
  fake.calls.length = 0
})
const shown = (run: string) => useRuns.getState().open[run]!
/** Resolves when all pending messages have arrived and every frame is drawn. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
  await vi.waitFor(() => expect(frames.size).toBe(0), 60_000)
}

test('a finished run is what foldRun makes of its events', async () => {
  fake.add(events)
  await openRun('one')
  await settle()
  expect(shown('one').loading).toBe(false)
  expect(JSON.stringify(shown('one').live)).toBe(JSON.stringify(foldRun(events)))
})

test('closed and opened again while its backlog is on the way: nothing is doubled, and nothing is shown before all is here', async () => {
  fake.add(events)
  const first = openRun('one')
  receiveEvents({ kind: 'backlog', run: 'one', events: '[]', start: true })
  receiveEvents({
    kind: 'backlog',
    run: 'one',
    events: JSON.stringify(events.slice(0, 20)),
    start: false,
  })
  flush()
  expect([shown('one').loading, shown('one').events]).toEqual([true, []])
  closeRun('one')
  const second = openRun('one')
  receiveEvents({
    kind: 'backlog',
    run: 'one',
    events: JSON.stringify(events.slice(20, 30)),
    start: false,
  }) // still from the first
  await Promise.all([first, second])
  await settle()
  expect(shown('one').events).toEqual(events)
})

test('live events change the store at most once a frame, and only the path they are about', async () => {
  fake.add(events, { status: 'running' }, 40)
  await openRun('one')
  await settle()
  let changes = 0
  const stop = useRuns.subscribe(() => changes++)
  const before = shown('one').live
  for (let i = 0; i < 60; i++) fake.play('one', 1)
  expect(changes).toBe(0)
  flush()
  stop()
  expect(changes).toBe(1)
  expect(shown('one').events).toHaveLength(100)
  expect(before.paths[0]).not.toBe(shown('one').live.paths[0])
  const onePath = events.findIndex((event, i) => i >= 100 && event.type === 'tokens')
  const last = shown('one').live.paths
  receiveEvents({ kind: 'events', run: 'one', events: [events[onePath]!] })
  flush()
  expect(shown('one').live.paths.filter((path, i) => path !== last[i])).toHaveLength(1)
})

test('a run without an end that nothing writes to is interrupted, and so is every open run when the engine dies', async () => {
  fake.add(events, { status: 'interrupted' }, 50)
  await openRun('one')
  await settle()
  expect(shown('one').live.status).toBe('interrupted')
  fake.runs.clear()
  fake.add(events, { status: 'running' }, 50)
  await openRun('one')
  await settle()
  expect(shown('one').live.status).toBe('running')
  interruptRuns()
  expect(shown('one').live.paths.every((path) => path.status === 'interrupted')).toBe(true)
})

test('a run that goes on in the frame in which it was opened is not interrupted', async () => {
  fake.add(events, { status: 'interrupted' }, 50)
  await openRun('one')
  receiveEvents({ kind: 'events', run: 'one', events: [{ type: 'run-resumed', at: 9000 }] })
  flush()
  expect(shown('one').live.status).toBe('running')
})

test('a run that is opened again is shown until the host answers, and then has each event once', async () => {
  fake.add(events)
  await openRun('one')
  await settle()
  const before = JSON.stringify(shown('one').live)
  const again = openRun('one')
  expect(JSON.stringify(shown('one').live)).toBe(before)
  await again
  await settle()
  expect(shown('one').events).toHaveLength(events.length)
  expect(JSON.stringify(shown('one').live)).toBe(before)
})

test('runs that are over leave memory when they are no longer shown, the last few apart; those that think stay', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const run of ids) {
    const thinks = run === 'a'
    fake.add(
      scripted({ ...BALLS, run }),
      { status: thinks ? 'running' : 'ended' },
      thinks ? 50 : events.length,
    )
    await openRun(run)
    await settle()
    closeHidden([run])
  }
  const open = () => Object.keys(useRuns.getState().open).sort()
  expect(open()).toEqual(['a', 'c', 'd', 'e', 'f'])
  closeHidden(['e', 'b'])
  closeHidden([])
  expect(open()).toEqual(['a', 'e', 'f'])
  expect(
    fake.calls.filter(({ method }) => method === 'run.close').map(({ params }) => params),
  ).toEqual([{ run: 'b' }, { run: 'c' }, { run: 'd' }])
})

test('a run that is not there says so', async () => {
  await openRun('nowhere')
  expect(shown('nowhere').error?.message).toContain('nowhere')
})

test('a replay shows exactly what had happened at each moment, forwards and back', () => {
  openLocal('one', events)
  startReplay('one')
  for (const time of [0, 5000, 321, 9000, 8999, 1e9, 400]) {
    seek(time)
    const count = countAt(events, time)
    expect(events.slice(0, count).every((event) => event.at <= time)).toBe(true)
    expect(JSON.stringify(shown('one').shown)).toBe(JSON.stringify(foldRun(events.slice(0, count))))
  }
  expect(stateAfter(events, 0).status).toBe('empty')
  stopReplay()
  expect(useReplay.getState().replay).toBeNull()
  expect(shown('one').shown).toBe(shown('one').live)
})

test('a replay that goes on reads each event once', () => {
  let reads = 0
  const counted = new Proxy(events, {
    get: (list, key) => {
      if (/^\d+$/.test(String(key))) reads++
      return Reflect.get(list, key) as unknown
    },
  })
  let moment = { state: EMPTY_RUN, count: 0 }
  for (let count = 0; count <= events.length; count++)
    moment = { state: stateAfter(counted, count, moment), count }
  expect(reads).toBe(events.length)
  expect(JSON.stringify(moment.state)).toBe(JSON.stringify(foldRun(events)))
})
