import type { Digest } from '../../engine/lab/digest.ts'
import type { Job, Runner } from '../../engine/lab/experiment.ts'
import type { Problem } from '../../engine/lab/problems.ts'
import type { Header } from '../../engine/lab/store.ts'
import { makeUnit, type Unit } from '../../engine/lab/unit.ts'
import type { RunSettings, ValueRule } from '../../engine/protocol/request.ts'
import { SETTINGS } from '../support/sample-run.ts'

export const unit = (
  settings: Partial<RunSettings> = {},
  votes: ValueRule[] = ['equality', 'text'],
): Unit => makeUnit({ ...SETTINGS, ...settings }, votes)

export const problems = (count: number): Problem[] =>
  Array.from({ length: count }, (_, index) => ({
    index,
    problem: `What is ${index} + 1?`,
    expected: { kind: 'answer' as const, answer: String(index + 1) },
  }))

export const header = (change: Partial<Header> = {}): Header => ({
  format: 1,
  experiment: 'eval',
  model: { name: 'Tiny', file: '/models/tiny.gguf', sha256: 'ab'.repeat(32) },
  data: { file: '/data/set.jsonl', sha256: 'cd'.repeat(32) },
  seed: 0,
  settings: { finish: 'first', sampling: { temperature: 0.5 } },
  ...change,
})

/** Returns a run with these texts as paths and summaries. */
export function digest(paths: string[], summaries: string[], over: Digest['over'] = null): Digest {
  return {
    status: 'ended',
    over,
    error: null,
    paths: paths.map((text, i) => ({
      segment: `p${i + 1}`,
      group: 1,
      reason: 'finished',
      length: 10,
      text,
    })),
    summaries: summaries.map((text, i) => ({ segment: `s${i + 1}`, text })),
    usage: {
      promptTokens: 5,
      pathTokens: 10 * paths.length,
      summaryTokens: 7,
      kvBytes: 1000 * paths.length,
      cells: 4096,
    },
    timings: { loadMs: 5000, prefillMs: 1, pathsMs: 20, joinMs: 1, summaryMs: 8, totalMs: 5030 },
  }
}

/** Answers each job with the result of `answer`; records the seeds it was asked for. */
export class FakeRunner implements Runner {
  readonly seeds: number[] = []
  closed = false
  constructor(private readonly answer: (job: Job, count: number) => Digest | Promise<Digest>) {}
  async run(job: Job): Promise<Digest> {
    this.seeds.push(job.request.settings.seed!)
    await new Promise((resolve) => setImmediate(resolve))
    return this.answer(job, this.seeds.length)
  }
  close(): void {
    this.closed = true
  }
}
