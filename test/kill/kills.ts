import { Random } from '../support/random.ts'
import { until, type TestClient } from '../support/test-client.ts'
import { KillableApp, Oracle, fileFaults, lost } from './app.ts'

export interface Tally {
  kills: number
  /** Events that a window had been shown before its app died. */
  events: number
  /** Runs whose start was on disk when the app died. */
  runs: number
  /** How many of these runs were interrupted. */
  interrupted: number
  faults: string[]
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
/** Returns milliseconds: shortly after the first event, in the middle of a burst, or before anything is written. */
const moment = (random: Random): number => Math.floor(random.next() ** 2 * 800)

/** Kills the whole app `count` times while runs write; after each restart, checks that the app has everything that a window had been shown. */
export async function killApps(
  count: number,
  seed: number,
  say: (line: string) => void = () => undefined,
): Promise<Tally> {
  const random = new Random(seed)
  const app = await KillableApp.create()
  const oracle = new Oracle(app.folder)
  const tally: Tally = { kills: 0, events: 0, runs: 0, interrupted: 0, faults: [] }
  let last: string[] = []
  try {
    for (let round = 0; round <= count; round++) {
      await app.start()
      const client = await app.connect()
      let list = await client.call('runs.list', {})
      // A killed process holds its run until the system has reaped it.
      await until(
        async () =>
          (list = await client.call('runs.list', {})).every(
            ({ run, status }) => !last.includes(run) || status !== 'running',
          ),
        'the last process to be gone',
        60_000,
      )
      for (const run of last) {
        const shown = oracle.shown(run)
        tally.events += shown.length
        const summary = list.find((one) => one.run === run)
        if (summary === undefined) {
          if (shown.length > 0)
            tally.faults.push(`${run}: ${shown.length} events were shown, and the run is gone`)
          continue
        }
        tally.runs++
        if (summary.status === 'interrupted') tally.interrupted++
        else if (summary.status !== 'ended') tally.faults.push(`${run} is ${summary.status}`)
        const fault = await lost(client, run, shown)
        if (fault !== null) tally.faults.push(fault)
        await until(
          () =>
            client.call('runs.delete', { run }).then(
              () => true,
              () => false,
            ),
          'the last process to be gone',
          60_000,
        )
      }
      if (round === count) break
      oracle.follow(client)
      // Paths of a random model end by chance; queued runs keep the app writing.
      last = []
      for (let i = 0; i < 4; i++) last.push(await app.pose(client, 2 + random.int(7)))
      if (random.next() < 0.8)
        await until(() => oracle.shown(last[0]!).length > 0, 'the first event')
      await pause(moment(random))
      await app.kill()
      tally.kills++
      tally.faults.push(...fileFaults(app.data))
      if (tally.kills % 50 === 0)
        say(`${tally.kills} kills, ${tally.events} events, ${tally.faults.length} faults`)
    }
  } finally {
    await app.close()
  }
  return tally
}

const SIGNALS = ['SIGKILL', 'SIGSEGV', 'SIGABRT'] as const

/** Kills only the engine host; the app stays. After every third death the engine is not restarted, and the user starts it. */
export async function killEngines(
  count: number,
  seed: number,
  say: (line: string) => void = () => undefined,
): Promise<Tally & { stopped: number }> {
  const random = new Random(seed)
  const app = await KillableApp.create()
  const oracle = new Oracle(app.folder)
  const tally = { kills: 0, events: 0, runs: 0, interrupted: 0, faults: [] as string[], stopped: 0 }
  try {
    await app.start()
    let client = await app.connect()
    await client.call('app.info', {})
    while (tally.kills < count) {
      oracle.follow(client)
      const runs: string[] = []
      for (let i = 0; i < 3; i++) runs.push(await app.pose(client, 8))
      await until(() => oracle.shown(runs[0]!).length > 1, 'the first tokens')
      await pause(moment(random))
      const host = app.host()!
      process.kill(host, SIGNALS[tally.kills % 3]!)
      tally.kills++
      await until(() => client.closed, 'the end of the channel')
      const state = states(client).at(-1)
      const stops = tally.kills % 3 === 0
      if (state !== (stops ? 'stopped' : 'restarting'))
        tally.faults.push(`after kill ${tally.kills} the engine is ${state}`)
      client = await app.connect()
      if (stops) {
        await pause(300)
        if (app.host() !== undefined)
          tally.faults.push(`after kill ${tally.kills} another engine was started`)
        else tally.stopped++
        await client.call('engine.restart', {})
        await until(() => states(client).at(-1) === 'up', 'the engine')
      }
      const list = await client.call('runs.list', {})
      for (const run of runs) {
        const shown = oracle.shown(run)
        const status = list.find((one) => one.run === run)?.status
        tally.events += shown.length
        if (status === undefined && shown.length === 0) continue // The run was in the queue.
        tally.runs++
        if (status === 'interrupted') tally.interrupted++
        else if (status !== 'ended') tally.faults.push(`${run} is ${status ?? 'gone'}`)
        const fault = await lost(client, run, shown)
        if (fault !== null) tally.faults.push(fault)
        await client.call('runs.delete', { run })
      }
      if (tally.kills % 30 === 0)
        say(`${tally.kills} kills, ${tally.events} events, ${tally.faults.length} faults`)
    }
    tally.faults.push(...fileFaults(app.data))
  } finally {
    await app.close()
  }
  return tally
}

const states = (client: TestClient): string[] =>
  client.pushes.flatMap((push) => (push.kind === 'engine' ? [push.state] : []))
