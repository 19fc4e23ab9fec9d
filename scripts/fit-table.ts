/**
 * `npm run fit:table [-- --device NAME] [--small]`: memory predicted from the file against what llama.cpp allocates, in MiB.
 * Ends with an error where a total is off by more than 10 %.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measure, ratio, smallModels, sum, type FitRow } from '../test/models/fit-cases.ts'
import { smolLM2 } from '../test/support/models.ts'
import { synthetic15B } from './synthetic-1.5b.ts'

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'cpu' },
    small: { type: 'boolean', default: false },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'braid-fit-'))
const rows: FitRow[] = []
try {
  const models = await smallModels(folder)
  if (!values.small)
    models.push(
      { name: 'SmolLM2-135M Q4_1', file: await smolLM2() },
      { name: 'random 1.5B Q4_0', file: await synthetic15B() },
    )
  for (const model of models) rows.push(...(await measure(model, values.device)))
} finally {
  rmSync(folder, { recursive: true })
}
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1)
console.log(
  `Predicted / allocated MiB, ${values.device}\n\n| model | cells | KV | flash | weights | KV | compute | total | ratio |\n|---|---|---|---|---|---|---|---|---|`,
)
for (const row of rows) {
  const { predicted: p, actual: a, setting: s } = row
  const pair = (x: number, y: number) => `${mib(x)} / ${mib(y)}`
  console.log(
    `| ${[row.model, s.cells, s.kvType, s.flashAttention, pair(p.weights, a.weights), pair(p.kv, a.kv), pair(p.compute, a.compute), pair(sum(p), sum(a)), ratio(row).toFixed(3)].join(' | ')} |`,
  )
}
const off = rows.filter((row) => Math.abs(ratio(row) - 1) > 0.1)
if (off.length > 0)
  throw new Error(`${off.length} of ${rows.length} predictions are off by more than 10 %`)
