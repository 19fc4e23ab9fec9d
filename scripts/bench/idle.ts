/** (h) A step of one run beside cells of ended runs that stayed in its context. */
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

const IDLE = [0, 4096, 16384]
/** Cells of each ended run. */
const LENGTH = 512
const PROMPT = 64

export async function benchIdle(
  model: BenchModel,
  settings: Settings,
  steps: number,
): Promise<void> {
  const opened = await openModel(model.file, settings)
  const runs = Math.max(...IDLE) / LENGTH
  const context = await makeContext(opened, settings, {
    cells: Math.ceil((Math.max(...IDLE) + LENGTH + PROMPT + 2 * steps) / 256) * 256,
    sequences: runs + 3,
  })
  const first = 2 // of the ended runs; 0 and 1 are those of the run that decodes
  const source = runs + first
  const times = IDLE.map((): number[] => [])
  for (let round = 0; round < settings.rounds; round++) {
    await context.clear()
    await context.prefill({ seq: 0, tokens: tokens(opened, PROMPT, 1), thought: -1 })
    let idle = 0
    for (const [at, cells] of IDLE.entries()) {
      if (cells > 0 && idle === 0)
        await context.prefill({ seq: source, tokens: tokens(opened, LENGTH, 2), thought: -1 })
      for (; idle < cells; idle += LENGTH)
        await context.copyMoved(source, first + idle / LENGTH, 0, 0)
      if (idle > 0) await context.remove(source)
      const step = () =>
        decodeStepMs(context, {
          paths: 1,
          steps,
          sampler: GREEDY,
          logprobs: true,
          alternatives: 0,
        })
      await step() // the first after a change is slower
      times[at]!.push(await step())
    }
  }
  await context.free()
  await opened.close()
  printTable(
    `A step of one run beside idle cells, ${model.name} (${settings.rounds} rounds of ${steps} steps)`,
    ['idle cells', 'ms per step', 'over none'],
    IDLE.map((cells, i) => [
      String(cells),
      median(times[i]!),
      median(times[i]!.map((ms, round) => ms / times[0]![round]!)),
    ]),
  )
}
