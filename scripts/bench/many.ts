/** (g) Many problems at once against one after another, beside what llama-batched-bench gains from as many sequences. */
import { setTimeout as pause } from 'node:timers/promises'
import { mean, median, quantile } from '../../engine/lab/index.ts'
import { batchedBench } from './batched-bench.ts'
import {
  engineSettings,
  nextEvent,
  openEngine,
  printTable,
  type BenchModel,
  type Settings,
} from './harness.ts'

const PROBLEMS = 16
/** Problems that are solved one after another in a round, as a sample. */
const SAMPLE = 4
/** Runs of llama-batched-bench with one sequence, per start. */
const THEIR_RUNS = 3
/** Memory that was released when a program ended keeps the machine busy for seconds. */
const SETTLE_MS = 5000

export async function benchMany(
  program: string,
  model: BenchModel,
  settings: Settings,
  steps: number,
): Promise<void> {
  const engine = openEngine(settings, PROBLEMS)
  /** Writes `steps` tokens for a problem; returns the number of tokens in its prompt. */
  const solve = async (number: number): Promise<number> => {
    const run = engine.think({
      problem: `Question ${10 + number}: explain in detail, in at least 1,000 words, how a compiler works, from the text of a program to machine code.`,
      model: model.file,
      settings: {
        strategy: 'sequential',
        budget: steps,
        sampling: { temperature: 0.5 },
        seed: number,
        engine: engineSettings(settings),
      },
    })
    const ended = await nextEvent(run, ({ type }) => type === 'run-ended')
    await run.close()
    const { usage } = ended as Extract<typeof ended, { type: 'run-ended' }>
    if (usage.pathTokens !== steps)
      throw new Error(`a problem took ${usage.pathTokens} tokens, not ${steps}`)
    return usage.promptTokens
  }
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const start = performance.now()
    await work()
    return (performance.now() - start) / 1000
  }
  /** Returns how many times as many problems are solved in the same time. */
  const gain = async (): Promise<number> => {
    const one = await timed(async () => {
      for (let i = 0; i < SAMPLE; i++) await solve(i)
    })
    const all = await timed(() => Promise.all(Array.from({ length: PROBLEMS }, (_, i) => solve(i))))
    return ((PROBLEMS / SAMPLE) * one) / all
  }
  const ours: number[] = [],
    whole: number[] = [],
    decoding: number[] = []
  const prompt = await solve(0)
  for (let round = 0; round < settings.rounds; round++) {
    await solve(0)
    const before = await gain()
    const rows = await batchedBench(program, model, settings, {
      cells: Math.ceil((PROBLEMS * (prompt + steps)) / 256) * 256,
      prompt,
      sharedPrompt: false,
      steps,
      widths: [...Array<number>(THEIR_RUNS).fill(1), PROBLEMS],
    })
    await pause(SETTLE_MS)
    ours.push(mean([before, await gain()]))
    const times = (width: number, part: 't' | 't_tg') =>
      mean(rows.filter(({ pl }) => pl === width).map((row) => row[part]))
    whole.push((PROBLEMS * times(1, 't')) / times(PROBLEMS, 't'))
    decoding.push((PROBLEMS * times(1, 't_tg')) / times(PROBLEMS, 't_tg'))
  }
  await engine.close()
  const over = (theirs: number[]) => {
    const ratios = ours.map((gained, i) => gained / theirs[i]!)
    return `${median(ratios).toFixed(3)} (${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)})`
  }
  printTable(
    `${PROBLEMS} problems at once over one after another, ${model.name} (${prompt} + ${steps} tokens each; ratio: ours over llama-batched-bench, median and the middle half; ${settings.rounds} rounds)`,
    ['times as fast', 'llama-batched-bench', 'ratio', 'its steps alone', 'ratio'],
    [[median(ours), median(whole), over(whole), median(decoding), over(decoding)]],
  )
}
