/**
 * `npm run code-tasks -- report --bank FOLDER [--greedy FOLDER] [--probes FOLDER]`: what the programs
 * of recorded paths pass, and what the methods that choose one of them pass.
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { probeRequest, programsIn, type RunJob } from '../../engine/agree/index.ts'
import { Bank, ranges } from '../../engine/lab/index.ts'
import { summaryOf } from '../../engine/lab/bank-fuse.ts'
import { meanLogprob, type Segment } from '../../engine/protocol/run-state.ts'
import { runJob, WITHOUT_NETWORK } from './run.ts'
import {
  behaviour,
  best,
  differenceOf,
  GREEDY,
  ONE,
  rewritten,
  scoreTask,
  tableOf,
  type Interval,
  type Recorded,
  type TaskResult,
} from './score.ts'
import { readTasks, type TaskSet } from './tasks.ts'

export interface ReportFlags {
  bank: string
  greedy?: string | undefined
  probes?: string | undefined
  paths?: string | undefined
  cpython?: boolean | undefined
  json?: boolean | undefined
}

/** Opens a bank whose problems are tasks. */
function openBank(folder: string): { bank: Bank; set: TaskSet } {
  const bank = Bank.open(folder)
  const set = readTasks(bank.info.data.file)
  if (set.sha256 !== bank.info.data.sha256)
    throw new Error(`${bank.info.data.file} has changed since ${folder} was recorded.`)
  return { bank, set }
}

const firstText = (bank: Bank, problem: number): string | null =>
  bank.recorded(problem)?.paths[0]?.text ?? null

/**
 * Prints problems for `braid bank`: per task of a bank, the request for calls, and the task's name
 * as its answer.
 */
export function printProbes(folder: string): void {
  const { bank, set } = openBank(folder)
  for (const index of bank.info.problems) {
    const { name, prompt } = set.tasks[index]!
    const texts = bank.recorded(index)?.paths.map(({ text }) => text) ?? []
    const request = probeRequest(prompt, programsIn(prompt, texts))
    if (request !== null)
      console.log(
        JSON.stringify({ problem: request, answer: name } satisfies z.infer<typeof Probe>),
      )
  }
}

const Probe = z.object({ problem: z.string(), answer: z.string() })

/** Reads the probes by the name of their task. */
function probesIn(folder: string): Map<string, string> {
  const bank = Bank.open(folder)
  const lines = readFileSync(bank.info.data.file, 'utf8').split('\n')
  return new Map(
    bank.info.problems.flatMap((index) => {
      const text = firstText(bank, index)
      return text === null ? [] : [[Probe.parse(JSON.parse(lines[index]!)).answer, text]]
    }),
  )
}

export async function report(flags: ReportFlags): Promise<void> {
  const { bank, set } = openBank(flags.bank)
  const widths = (flags.paths ?? '4,8').split(',').map(Number)
  const greedy = flags.greedy === undefined ? null : openBank(flags.greedy)
  if (greedy !== null && greedy.set.sha256 !== set.sha256)
    throw new Error('The greedy bank has other tasks.')
  const probes = flags.probes === undefined ? new Map<string, string>() : probesIn(flags.probes)
  const recorded = bank.info.problems.flatMap((index): Recorded[] => {
    const paths = bank.recorded(index)?.paths
    if (paths === undefined) return []
    const task = set.tasks[index]!
    return [
      {
        task,
        paths: paths.map((path) => ({ text: path.text, score: meanLogprob(path) })),
        greedy: greedy === null ? null : firstText(greedy.bank, index),
        rewritten: summaries(bank, index, paths),
        probe: probes.get(task.name) ?? null,
      },
    ]
  })
  const runner = flags.cpython === true ? { run: runJob, close: async () => {} } : await sandbox()
  const results: TaskResult[] = []
  try {
    for (const one of recorded) {
      results.push(await scoreTask(one, widths, runner.run))
      console.error(`${results.length} of ${recorded.length}: ${one.task.name}`)
    }
  } finally {
    await runner.close()
  }
  const { seed, model, suffix, settings } = bank.info
  const rows = tableOf(results, seed)
  const pairs: [string, string][] = widths.flatMap((width) => [
    [behaviour(width), ONE],
    [behaviour(width), GREEDY],
    [behaviour(width), rewritten(width)],
    [best(width), behaviour(width)],
  ])
  const differences = pairs
    .filter((pair) => pair.every((method) => rows.some((row) => row.method === method)))
    .map((pair) => differenceOf(results, pair, seed))
  if (flags.json === true)
    return console.log(JSON.stringify({ bank: bank.info, rows, differences }, null, 1))
  const { temperature, topP } = settings.sampling
  console.log(
    [
      `${model.name} (${model.sha256})`,
      `tasks ${bank.info.data.file} (${set.sha256}), ${ranges(bank.info.problems)}, n ${recorded.length}`,
      `ids ${recorded.map(({ task }) => task.name).join(', ')}`,
      `temperature ${temperature}, top-p ${topP}, budget ${settings.budget}, seed ${seed}, suffix ${JSON.stringify(suffix)}`,
      `probes ${recorded.filter(({ probe }) => probe !== null).length}; programs run in ${flags.cpython === true ? 'CPython and Node' : 'the sandbox'}, tests in CPython and Node${WITHOUT_NETWORK.length > 0 ? ' without network' : ''}`,
      '',
      '| % | n | tests passed | tasks solved |',
      '|---|---|---|---|',
      ...rows.map(
        ({ method, n, tests, tasks }) => `| ${method} | ${n} | ${shown(tests)} | ${shown(tasks)} |`,
      ),
      '',
      '| difference, points | n | tests passed | tasks solved |',
      '|---|---|---|---|',
      ...differences.map(
        ({ methods, n, tests, tasks }) =>
          `| ${methods.join(' − ')} | ${n} | ${shown(tests)} | ${shown(tasks)} |`,
      ),
      '',
      ...widths.flatMap((width) => {
        const share = (method: string) => rows.find((row) => row.method === method)?.tests.value
        const [one, ours, most] = [share(ONE), share(behaviour(width)), share(best(width))]
        if (one === undefined || ours === undefined || most === undefined) return []
        return [
          `behaviour of ${width} goes ${percent((ours - one) / (most - one))} % of the way from one path to the best of ${width}`,
        ]
      }),
    ].join('\n'),
  )
}

/** Programs that were rewritten from the cache of the first paths. */
function summaries(bank: Bank, problem: number, paths: readonly Segment[]): Map<number, string> {
  const all = new Map<number, string>()
  for (let width = 1; width <= paths.length; width++) {
    const some = paths.slice(0, width)
    const summary = summaryOf(bank, { problem, fusion: 'cache', paths: width, asked: 'code' }, some)
    if (summary !== null) all.set(width, summary.text)
  }
  return all
}

const percent = (share: number) => (share * 100).toFixed(1)
const shown = ({ value, low, high }: Interval) =>
  `${percent(value)} (${percent(low)} to ${percent(high)})`

/** Starts Braid's sandbox. */
async function sandbox(): Promise<{ run: RunJob; close: () => Promise<void> }> {
  const { Sandbox } = await import('../../engine/sandbox/index.ts')
  const box = new Sandbox()
  const { signal } = new AbortController()
  return { run: (job) => box.run(job, signal), close: () => box.close() }
}
