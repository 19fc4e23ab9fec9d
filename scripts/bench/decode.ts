/** (a) Decode steps per second against llama-batched-bench, and (e) the cost of more paths. */
import { setTimeout as pause } from 'node:timers/promises'
import type { SamplerOptions } from '../../engine/native/index.ts'
import { mean, median, quantile } from '../../engine/lab/index.ts'
import { batchedBench } from './batched-bench.ts'
import {
  decodeStepMs,
  DEFAULT_SAMPLER,
  GREEDY,
  makeContext,
  openModel,
  printTable,
  tokens,
  type BenchModel,
  type Settings,
} from './harness.ts'

const PROMPT = 128
/** Memory that was released when a program ended, or after loading, keeps the machine busy for seconds. */
const SETTLE_MS = 5000
/** Runs per width and start of llama-batched-bench: a shared processor has states some percent apart that last for seconds, and one run sees one of them. */
const THEIR_RUNS = 3

/** Starts llama-batched-bench once; returns the mean milliseconds per step. */
async function theirStepMs(
  program: string,
  model: BenchModel,
  settings: Settings,
  cells: number,
  steps: number,
  width: number,
): Promise<number> {
  const runs = await batchedBench(program, model, settings, {
    cells,
    prompt: PROMPT,
    sharedPrompt: true,
    steps,
    widths: Array<number>(THEIR_RUNS).fill(width),
  })
  return mean(runs.map(({ tg, t_tg }) => (t_tg * 1000) / tg))
}

export async function benchDecode(
  program: string,
  model: BenchModel,
  settings: Settings,
  steps: number,
  widths: number[],
): Promise<void> {
  const cells = Math.ceil((PROMPT + Math.max(...widths) * steps) / 256) * 256
  const ours = new Map<number, number[]>(),
    sampled = new Map<number, number[]>(),
    theirs = new Map<number, number[]>()
  const push = (map: Map<number, number[]>, key: number, value: number) =>
    map.set(key, [...(map.get(key) ?? []), value])
  for (let round = 0; round < settings.rounds; round++) {
    // Each round loads the weights again, as llama-batched-bench does: one load may be a few percent faster than the next.
    const opened = await openModel(model.file, settings)
    const context = await makeContext(opened, settings, {
      cells,
      sequences: Math.max(...widths) + 1,
    })
    await context.prefill({ seq: 0, tokens: tokens(opened, PROMPT, 1), thought: 0 })
    const step = (paths: number, sampler: SamplerOptions) =>
      decodeStepMs(context, { paths, steps, sampler, logprobs: true, alternatives: 0 })
    const settle = async (paths: number) => {
      await pause(SETTLE_MS)
      await step(paths, GREEDY) // the first after a pause is slower
    }
    await settle(widths[0]!)
    for (const paths of widths) {
      // Theirs runs between two of ours: the machine's speed changes within minutes, and a steady change cancels out.
      const greedy = [await step(paths, GREEDY)],
        drawn = [await step(paths, DEFAULT_SAMPLER)]
      greedy.push(await step(paths, GREEDY))
      push(theirs, paths, await theirStepMs(program, model, settings, cells, steps, paths))
      await settle(paths)
      greedy.push(await step(paths, GREEDY))
      drawn.push(await step(paths, DEFAULT_SAMPLER))
      greedy.push(await step(paths, GREEDY))
      push(ours, paths, mean(greedy))
      push(sampled, paths, mean(drawn))
    }
    await context.free()
    await opened.close()
  }
  const ratio = (map: Map<number, number[]>, width: number) => {
    const ratios = map.get(width)!.map((ms, round) => theirs.get(width)![round]! / ms)
    return `${median(ratios).toFixed(3)} (${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)})`
  }
  printTable(
    `Decode steps per second, ${model.name} (ratio: ours over llama-batched-bench, paired, median and the middle half; ${settings.rounds} rounds of ${steps} steps)`,
    ['P', 'llama-batched-bench', 'greedy with logprobs', 'ratio', 'default sampler', 'ratio'],
    widths.map((width) => [
      String(width),
      1000 / median(theirs.get(width)!),
      1000 / median(ours.get(width)!),
      ratio(ours, width),
      1000 / median(sampled.get(width)!),
      ratio(sampled, width),
    ]),
  )
  const one = sampled.get(1)
  if (one === undefined) return
  printTable(
    `Time of P paths over one path at the same budget, ${model.name}`,
    ['P', 'time over P = 1'],
    widths.map((width) => [
      String(width),
      median(sampled.get(width)!.map((ms, round) => ms / one[round]!)),
    ]),
  )
}
