/** (b) Time from the join to the first summary token, against re-reading the same paths by prefill. */
import { median } from '../../engine/lab/index.ts'
import {
  endless,
  makeContext,
  openModel,
  printTable,
  tokens,
  type BenchModel,
  type Settings,
} from './harness.ts'

const PATHS = 8
const LENGTH = 512
const PROMPT = 64

export async function benchJoin(model: BenchModel, settings: Settings): Promise<void> {
  const opened = await openModel(model.file, settings)
  const cells = Math.ceil((2 * (PROMPT + PATHS * LENGTH) + 64) / 256) * 256
  const context = await makeContext(opened, settings, { cells, sequences: PATHS + 3 })
  const prompt = tokens(opened, PROMPT, 1)
  const paths = Array.from({ length: PATHS }, (_, i) => tokens(opened, LENGTH, i + 2))
  const prefix = tokens(opened, 1, 99)
  await context.prefill({ seq: 0, tokens: prompt, thought: 0 })
  for (const [i, path] of paths.entries()) {
    await context.copy(0, i + 1)
    await context.prefill({ seq: i + 1, tokens: path, thought: 0 })
  }
  const summary = PATHS + 1,
    again = PATHS + 2
  /** Decodes one forced prefix token, then the first sampled one. */
  const firstToken = (seq: number) =>
    context.decode({
      streams: [endless(seq, 2, { forced: prefix })],
      finish: 0,
      cells: 2,
      logprobs: true,
      alternatives: 0,
      onBatch: () => {},
    })
  const joined: number[] = [],
    reread: number[] = []
  for (let round = 0; round < settings.rounds; round++) {
    let start = performance.now()
    for (let seq = 1; seq <= PATHS; seq++) await context.copy(seq, summary)
    const setup = performance.now() - start
    joined.push(setup + (await firstToken(summary).done).firstTokenMs)
    await context.remove(summary)

    start = performance.now()
    await context.prefill({ seq: again, tokens: [...prompt, ...paths.flat()], thought: 0 })
    const prefill = performance.now() - start
    reread.push(prefill + (await firstToken(again).done).firstTokenMs)
    await context.remove(again)
  }
  await context.free()
  await opened.close()
  printTable(
    `Join to first summary token, ${model.name} (${PATHS} paths of ${LENGTH} tokens, one-token prefix, ${settings.rounds} rounds)`,
    ['join ms', 're-read ms', 'times sooner'],
    [[median(joined), median(reread), median(reread.map((ms, i) => ms / joined[i]!))]],
  )
}
