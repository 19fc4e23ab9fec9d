/**
 * `npm run bench -- [--only decode,join,cost,memory,frames,fuse,many,idle,beside,workers,server] [--models small,1.5b,qwen-0.5b,qwen-1.5b] [--rounds N] [--steps N] [--paths 1,2,4,8,16] [--threads N] [--device NAME]`
 * Pairs every comparison within one run, and prints medians.
 */
import { parseArgs } from 'node:util'
import { loadAddon } from '../../engine/native/index.ts'
import { qwenHalf, qwenOneHalf, smolLM2 } from '../../test/support/models.ts'
import { ensureNative, ensureTools } from '../native/index.ts'
import { synthetic15B } from '../synthetic-1.5b.ts'
import { benchBeside } from './beside.ts'
import { benchCost } from './cost.ts'
import { benchDecode } from './decode.ts'
import { benchFrames } from './frames.ts'
import { benchFuse } from './fuse.ts'
import type { BenchModel, Settings } from './harness.ts'
import { benchIdle } from './idle.ts'
import { benchJoin } from './join.ts'
import { benchMany } from './many.ts'
import { benchMemory } from './memory.ts'
import { benchServer } from './server.ts'
import { benchWorkers } from './workers.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'decode,join,cost,memory,frames,fuse,many,idle,beside' },
    models: { type: 'string', default: 'small,1.5b' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '64' },
    paths: { type: 'string', default: '1,2,4,8,16' },
    threads: { type: 'string', default: '2' },
    device: { type: 'string', default: 'cpu' },
  },
})
const only = values.only.split(',')
const settings: Settings = {
  rounds: Number(values.rounds),
  threads: Number(values.threads),
  device: values.device,
}
const steps = Number(values.steps)

await ensureNative()
if (only.includes('frames')) await benchFrames()
console.log(
  `llama.cpp ${loadAddon().llamaCpp.tag}, ${settings.device}, ${settings.threads} threads, ${process.platform}-${process.arch}, Node ${process.version}`,
)
/** `trained`: for parallel thinking. The rows of whole runs are about other models. */
const MODELS: Record<string, { name: string; file: () => Promise<string>; trained?: true }> = {
  small: { name: 'SmolLM2-135M Q4_1', file: smolLM2 },
  '1.5b': { name: 'random 1.5B Q4_0', file: synthetic15B, trained: true },
  'qwen-0.5b': { name: 'Qwen2.5-Coder-0.5B Q4_K_M', file: qwenHalf },
  'qwen-1.5b': { name: 'Qwen2.5-Coder-1.5B Q4_K_M', file: qwenOneHalf },
}
const models: (BenchModel & { trained?: true })[] = []
for (const key of values.models.split(',')) {
  const known = MODELS[key]
  if (known === undefined) throw new Error(`unknown model ${key}`)
  models.push({ ...known, file: await known.file() })
}
for (const model of models) {
  if (only.includes('memory')) await benchMemory(model, settings)
  if (only.includes('workers')) await benchWorkers(model, settings, steps)
  if (only.includes('server')) await benchServer(model, settings, steps)
  if (only.includes('cost')) await benchCost(model, settings, steps)
  if (only.includes('join')) await benchJoin(model, settings)
  if (only.includes('decode'))
    await benchDecode(
      (await ensureTools()).batchedBench,
      model,
      settings,
      steps,
      values.paths.split(',').map(Number),
    )
  if (only.includes('fuse') && !model.trained) await benchFuse(model, settings)
  if (only.includes('idle')) await benchIdle(model, settings, steps)
  if (only.includes('beside')) await benchBeside(model, settings)
  if (only.includes('many') && !model.trained)
    await benchMany((await ensureTools()).batchedBench, model, settings, steps)
}
