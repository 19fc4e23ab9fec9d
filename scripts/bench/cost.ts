/** (c) The cost of logprobs, and of five alternatives, against none. */
import { median } from '../../engine/lab/index.ts'
import {
  decodeStepMs,
  GREEDY,
  makeContext,
  openModel,
  printTable,
  tokens,
  type BenchModel,
  type Settings,
} from './harness.ts'

const KINDS = [
  { name: 'none', logprobs: false, alternatives: 0 },
  { name: 'logprobs', logprobs: true, alternatives: 0 },
  { name: 'top-5', logprobs: true, alternatives: 5 },
] as const

export async function benchCost(
  model: BenchModel,
  settings: Settings,
  steps: number,
): Promise<void> {
  const opened = await openModel(model.file, settings)
  const context = await makeContext(opened, settings, {
    cells: Math.ceil((64 + 8 * steps) / 256) * 256,
    sequences: 9,
  })
  await context.prefill({ seq: 0, tokens: tokens(opened, 64, 1), thought: 0 })
  const rows: (string | number)[][] = []
  for (const paths of [1, 8]) {
    const times: number[][] = KINDS.map(() => [])
    // Short turns in a changing order, so that a drift of the machine affects all of them equally.
    for (let round = 0; round < settings.rounds * 4; round++) {
      for (let k = 0; k < KINDS.length; k++) {
        const at = (k + round) % KINDS.length
        times[at]!.push(
          await decodeStepMs(context, {
            paths,
            steps: Math.max(8, steps >> 2),
            sampler: GREEDY,
            ...KINDS[at]!,
          }),
        )
      }
    }
    KINDS.forEach((kind, k) =>
      rows.push([
        String(paths),
        kind.name,
        median(times[k]!),
        median(times[k]!.map((ms, i) => ms / times[0]![i]!)),
      ]),
    )
  }
  await context.free()
  await opened.close()
  printTable(
    `Cost of logprobs and alternatives, ${model.name}`,
    ['P', 'reported', 'ms per step', 'over none'],
    rows,
  )
}
