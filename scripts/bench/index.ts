/**
 * `npm run bench -- [--only decode,join,cost,memory,frames] [--models small,1.5b] [--rounds N] [--steps N] [--paths 1,2,4,8,16] [--threads N] [--device NAME]`
 * Pairs every comparison within one run, and prints medians.
 */
import { parseArgs } from 'node:util'
import { loadAddon } from '../../engine/native/index.ts'
import { smolLM2 } from '../../test/support/models.ts'
import { ensureNative, ensureTools } from '../native/index.ts'
import { synthetic15B } from '../synthetic-1.5b.ts'
import { benchCost } from './cost.ts'
import { benchDecode } from './decode.ts'
import { benchFrames } from './frames.ts'
import type { BenchModel, Settings } from './harness.ts'
import { benchJoin } from './join.ts'
import { benchMemory } from './memory.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'decode,join,cost,memory,frames' },
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
const models: BenchModel[] = []
if (values.models.includes('small'))
  models.push({ name: 'SmolLM2-135M Q4_1', file: await smolLM2() })
if (values.models.includes('1.5b'))
  models.push({ name: 'random 1.5B Q4_0', file: await synthetic15B() })
for (const model of models) {
  if (only.includes('memory')) await benchMemory(model, settings)
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
}
