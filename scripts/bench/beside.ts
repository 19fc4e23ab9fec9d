/** (i) The longest step of streams while another run reads a long prompt, and while its cells are moved. */
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

const STREAMS = 4
const LENGTH = 4096
const PROMPT = 64
/** Steps alone, before and after each prefill. */
const ALONE = 20

export async function benchBeside(model: BenchModel, settings: Settings): Promise<void> {
  const opened = await openModel(model.file, settings)
  const budget = 4096
  const context = await makeContext(opened, settings, {
    cells: PROMPT + STREAMS * budget + LENGTH,
    sequences: STREAMS + 2,
  })
  const text = tokens(opened, LENGTH, 2)
  const reader = STREAMS + 1
  const rows: (string | number)[][] = []
  const longest = { alone: [] as number[], prefill: [] as number[], move: [] as number[] }
  const usual: number[] = [],
    chunks: number[] = []
  for (let round = 0; round < settings.rounds; round++) {
    await context.clear()
    await context.prefill({ seq: 0, tokens: tokens(opened, PROMPT, 1), thought: -1 })
    for (let seq = 1; seq <= STREAMS; seq++) await context.copy(0, seq)
    const steps = new Steps()
    const decode = context.decode({
      streams: Array.from({ length: STREAMS }, (_, i) => endless(i + 1, budget, { thought: -1 })),
      finish: 0,
      cells: STREAMS * budget,
      logprobs: true,
      alternatives: 0,
      onBatch: () => steps.note(),
    })
    await steps.more(ALONE)
    steps.take() // the first ones are slower
    await steps.more(ALONE)
    const alone = steps.take()
    let last = 0
    await context.prefill({
      seq: reader,
      tokens: text,
      thought: -1,
      onProgress: (done) => {
        chunks.push(done - last)
        last = done
      },
    })
    await steps.more(1)
    longest.prefill.push(Math.max(...steps.take()))
    await context.shift(reader, 0, PROMPT)
    await steps.more(ALONE)
    longest.move.push(Math.max(...steps.take()))
    longest.alone.push(Math.max(...alone))
    usual.push(median(alone))
    decode.cancel()
    await decode.done
  }
  await context.free()
  await opened.close()
  const added = (list: number[]) => list.map((step, i) => step - usual[i]!)
  for (const [name, list] of [
    ['nothing', longest.alone],
    [`reading ${LENGTH} tokens`, longest.prefill],
    [`moving ${LENGTH} cells`, longest.move],
  ] as const)
    rows.push([
      name,
      median(list),
      Math.max(...list),
      median(added(list)),
      Math.max(...added(list)),
    ])
  printTable(
    `The longest step of ${STREAMS} streams, ${model.name} (a usual one: ${median(usual).toFixed(1)} ms; chunks of ${median(chunks)} tokens; ${settings.rounds} rounds)`,
    ['beside', 'longest, ms', 'of all rounds', 'added, ms', 'of all rounds'],
    rows,
  )
}

/** Times between reports. A report comes after a step, at least 30 ms after the one before: steps that take as long are reported one by one. */
class Steps {
  #last = performance.now()
  #times: number[] = []
  #waiting: { count: number; resolve: () => void } | null = null

  note(): void {
    const now = performance.now()
    this.#times.push(now - this.#last)
    this.#last = now
    if (this.#waiting !== null && --this.#waiting.count === 0) this.#waiting.resolve()
  }

  /** Waits for this many further reports. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => (this.#waiting = { count, resolve }))
  }

  /** Returns the milliseconds before each report since the last call. */
  take(): number[] {
    const times = this.#times
    this.#times = []
    return times
  }
}
