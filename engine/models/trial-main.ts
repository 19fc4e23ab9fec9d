/**
 * A program that opens a model without its weights and builds its graphs, in a separate process
 * (trial.ts). Argument: the model's file. Prints one JSON line, a `Verdict`.
 */
import { loadAddon } from '../native/index.ts'
import type { Verdict } from './trial.ts'

const [path] = process.argv.slice(2)
let verdict: Verdict
try {
  const plan = await loadAddon({ gpu: false }).openPlan({
    path: path!,
    device: 'cpu',
    gpuLayers: 0,
  })
  await plan.measure({ cells: 1024, sequences: 4, kvType: 'f16', flashAttention: 'auto' })
  await plan.close()
  verdict = { ok: true }
} catch (error) {
  const { code = 'internal', message } = error as { code?: string; message: string }
  verdict = { ok: false, code, message }
}
process.stdout.write(`${JSON.stringify(verdict)}\n`)
