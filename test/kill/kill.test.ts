import { expect, it } from 'vitest'
import { killApps, killEngines } from './kills.ts'

/** A sample of `npm run kill`, which kills the app 1,000 times and the engine 300 times. */
const SEED = 20_261_124

it('the app is killed 50 times while runs write: nothing that was shown is lost, no file is damaged', async () => {
  const tally = await killApps(50, SEED)
  console.log(
    `${tally.kills} kills of the app: ${tally.runs} runs on disk (${tally.interrupted} cut off), ${tally.events} events shown before`,
  )
  expect(tally.faults).toEqual([])
  expect(tally.kills).toBe(50)
  expect(tally.interrupted).toBeGreaterThan(20)
  expect(tally.events).toBeGreaterThan(500)
}, 600_000)

it('the engine is killed 30 times by three signals: the run is kept, the engine is back, and stops at each third death', async () => {
  const tally = await killEngines(30, SEED)
  console.log(
    `${tally.kills} kills of the engine: ${tally.runs} runs kept (${tally.interrupted} cut off), ${tally.events} events shown before, ${tally.stopped} times stopped`,
  )
  expect(tally.faults).toEqual([])
  expect(tally.interrupted).toBeGreaterThan(10)
  expect([tally.kills, tally.stopped]).toEqual([30, 10])
}, 600_000)
