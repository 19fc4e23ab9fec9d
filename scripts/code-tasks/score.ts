/** Scores of ways to get one program out of recorded paths, with intervals. */
import { agree, programsIn, type RunJob } from '../../engine/agree/index.ts'
import type { Outcome } from '../../engine/protocol/agreement.ts'
import { runTests } from './run.ts'
import type { Task } from './tasks.ts'

/** A path's or a summary's text. */
export interface Written {
  text: string
  /** Mean log-probability. */
  score: number | null
}

/** What was recorded for one task. */
export interface Recorded {
  task: Task
  paths: readonly Written[]
  greedy: string | null
  /** Programs rewritten from the first paths, by the number of paths. */
  rewritten: ReadonlyMap<number, string>
  probe: string | null
}

/** Tests passed by the program that one method gives for one task. */
export interface Passed {
  passed: number
  tests: number
}
const solved = ({ passed, tests }: Passed): boolean => passed === tests

/** By method, what it passes for this task. */
export type TaskResult = Map<string, Passed[]>

export const ONE = 'one path'
export const GREEDY = 'greedy'
export const best = (paths: number) => `best of ${paths}`
export const behaviour = (paths: number) => `behaviour of ${paths}`
export const rewritten = (paths: number) => `rewritten from ${paths}`
/** With the calls of the tests themselves: what better calls could give. */
export const oracle = (paths: number) => `behaviour of ${paths}, calls of the tests`

/**
 * Returns what every method passes for a task; `one path` has one entry per path. Where nothing can be
 * compared, `behaviour` is the first path.
 */
export async function scoreTask(
  recorded: Recorded,
  widths: readonly number[],
  run: RunJob,
): Promise<TaskResult> {
  const { task, paths, greedy, probe } = recorded
  const seen = new Map<string, Promise<Passed>>()
  const pass = (text: string): Promise<Passed> => {
    const found = seen.get(text) ?? passedBy(task, text)
    seen.set(text, found)
    return found
  }
  const results: TaskResult = new Map()
  const each: Passed[] = []
  for (const { text } of paths) each.push(await pass(text))
  results.set(ONE, each)
  if (greedy !== null) results.set(GREEDY, [await pass(greedy)])
  for (const [width, text] of recorded.rewritten) results.set(rewritten(width), [await pass(text)])
  const jobs = remembered(run)
  for (const width of widths.filter((width) => width <= paths.length)) {
    const some = paths.slice(0, width)
    const chosen = async (question: string, more: string) => {
      const { winner } = await agree(
        {
          question,
          attempts: some.map(({ text }) => text),
          scores: some.map(({ score }) => score),
          probe: more,
        },
        jobs,
      )
      return each[winner ?? 0]!
    }
    results.set(behaviour(width), [await chosen(task.prompt, probe ?? '')])
    const calls = task.tests.map(({ call }) => call).join('\n')
    results.set(oracle(width), [await chosen(`\`${task.name}(\`\n${calls}`, '')])
    results.set(best(width), [
      each.slice(0, width).reduce((most, one) => (one.passed > most.passed ? one : most)),
    ])
  }
  return results
}

async function passedBy(task: Task, text: string): Promise<Passed> {
  const [program] = programsIn(`\`${task.name}(\``, [text]).programs
  const tests = task.tests.length
  if (program === undefined || !('source' in program)) return { passed: 0, tests }
  const passed = await runTests(task, program.source)
  return { passed: passed.filter(Boolean).length, tests }
}

/** Runs each program on each list of calls once. */
function remembered(run: RunJob): RunJob {
  const known = new Map<string, Promise<readonly Outcome[]>>()
  return (job) => {
    const key = JSON.stringify(job)
    const found = known.get(key) ?? run(job)
    known.set(key, found)
    return found
  }
}

export interface Interval {
  value: number
  low: number
  high: number
}

export interface Row {
  method: string
  /** Number of tasks. */
  n: number
  /** Share of tests passed, 0..1. */
  tests: Interval
  /** Share of tasks solved. */
  tasks: Interval
}

/** Returns one row per method. */
export function tableOf(results: readonly TaskResult[], seed: number): Row[] {
  const methods = [...new Set(results.flatMap((result) => [...result.keys()]))]
  return methods.map((method) => {
    const tasks = results.flatMap((result) => (result.has(method) ? [result.get(method)!] : []))
    return {
      method,
      n: tasks.length,
      tests: interval(tasks, testShare, seed),
      tasks: interval(tasks, taskShare, seed),
    }
  })
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
const testShare = (tasks: readonly Passed[][]) =>
  sum(tasks.map((all) => sum(all.map(({ passed }) => passed)) / all.length)) /
  sum(tasks.map((all) => all[0]!.tests))
const taskShare = (tasks: readonly Passed[][]) =>
  sum(tasks.map((all) => all.filter(solved).length / all.length)) / tasks.length

type Pair = readonly [first: Passed[], second: Passed[]]

export interface Difference {
  methods: [first: string, second: string]
  n: number
  tests: Interval
  tasks: Interval
}

/** Returns the first method minus the second one on the tasks that both have. */
export function differenceOf(
  results: readonly TaskResult[],
  methods: [string, string],
  seed: number,
): Difference {
  const both = results.flatMap((result): Pair[] => {
    const [first, second] = methods.map((method) => result.get(method))
    return first === undefined || second === undefined ? [] : [[first, second]]
  })
  const minus = (share: (tasks: readonly Passed[][]) => number) => (pairs: readonly Pair[]) =>
    share(pairs.map(([first]) => first)) - share(pairs.map(([, second]) => second))
  return {
    methods,
    n: both.length,
    tests: interval(both, minus(testShare), seed),
    tasks: interval(both, minus(taskShare), seed),
  }
}

const RESAMPLES = 10_000

/** Returns a value with its 95 % interval by bootstrap over tasks (percentiles). */
function interval<T>(
  tasks: readonly T[],
  value: (tasks: readonly T[]) => number,
  seed: number,
): Interval {
  const random = mulberry32(seed)
  const values = Array.from({ length: RESAMPLES }, () =>
    value(tasks.map(() => tasks[Math.floor(random() * tasks.length)]!)),
  ).sort((a, b) => a - b)
  const at = (share: number) => values[Math.round(share * (RESAMPLES - 1))]!
  return { value: value(tasks), low: at(0.025), high: at(0.975) }
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
