/** `npm run kill [-- APPS ENGINES SEED]`: kills the whole app, and the engine alone, while runs write, and reports what was lost. Defaults: 1000, 300, 1. */
import { killApps, killEngines } from '../test/kill/kills.ts'

const [apps = 1000, engines = 300, seed = 1] = process.argv.slice(2).map(Number)
const start = performance.now()
const app = await killApps(apps, seed, console.log)
console.log(
  `The app: ${app.kills} kills, ${app.runs} runs on disk (${app.interrupted} cut off), ${app.events} events shown, ${app.faults.length} faults`,
)
const engine = await killEngines(engines, seed, console.log)
console.log(
  `The engine: ${engine.kills} kills, ${engine.stopped} times stopped, ${engine.interrupted} runs cut off, ${engine.events} events shown, ${engine.faults.length} faults; ${((performance.now() - start) / 60_000).toFixed(1)} minutes`,
)
for (const fault of [...app.faults, ...engine.faults].slice(0, 50)) console.log(fault)
process.exitCode = app.faults.length + engine.faults.length === 0 ? 0 : 1
