/**
 * `npm run fit:table [-- --device NAME] [--layers N] [--small]`: prints the memory that a plan predicts against what llama.cpp
 * allocates, in MiB per device. Exit code 1 if a total is off by more than 2 %.
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
    layers: { type: 'string', default: '-1' },
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
  for (const model of models)
    rows.push(...(await measure(model, values.device, Number(values.layers))))
} finally {
  rmSync(folder, { recursive: true })
}
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1)
const pair = (row: FitRow, size: (memory: FitRow['actual']) => number) =>
  `${mib(size(row.predicted))} / ${mib(size(row.actual))}`
console.log(
  `Predicted / allocated MiB, ${values.device}\n\n| model | cells | sequences | KV | flash | device | weights | repacked | KV | compute | total | ratio |\n|---|---|---|---|---|---|---|---|---|---|---|---|`,
)
for (const row of rows) {
  const { cells, sequences, kvType, flashAttention } = row.setting
  console.log(
    `| ${[
      row.model,
      cells,
      sequences,
      kvType,
      flashAttention,
      row.actual.device,
      pair(row, ({ weights }) => weights),
      pair(row, ({ repacked }) => repacked),
      pair(row, ({ kv }) => kv),
      pair(row, ({ compute }) => compute),
      pair(row, sum),
      ratio(row).toFixed(3),
    ].join(' | ')} |`,
  )
}
const off = rows.filter((row) => Math.abs(ratio(row) - 1) > 0.02)
console.log(`\n${rows.length} rows, ${off.length} of them off by more than 2 %`)
if (off.length > 0) process.exitCode = 1
