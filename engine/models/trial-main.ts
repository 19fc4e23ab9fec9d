/**
 * A program that builds a model's graphs, in a separate process (trial.ts). Argument: the model's
 * file. Prints one JSON line, a `Verdict`.
 */
import { loadAddon } from '../native/index.ts'
import { buildGraphs } from './trial-graphs.ts'
import type { Verdict } from './trial.ts'

let verdict: Verdict
try {
  await buildGraphs(loadAddon({ gpu: false }), process.argv[2]!)
  verdict = { ok: true }
} catch (error) {
  const { code = 'internal', message } = error as { code?: string; message: string }
  verdict = { ok: false, code, message }
}
process.stdout.write(`${JSON.stringify(verdict)}\n`)
