import { BraidError, fail, toBraidError } from '../protocol/errors.ts'
import { thrownError } from '../protocol/events.ts'
import type { AnswerRule, LabSpec } from '../protocol/lab.ts'
import type { RunRequest } from '../protocol/request.ts'
import type { Digest } from './digest.ts'
import { measure, type Sample } from './measure.ts'
import type { Problem } from './problems.ts'
import type { ResultStore } from './store.ts'
import { sampleSeed, type Unit } from './unit.ts'

/** One run that an engine is asked to make. */
export interface Job {
  request: RunRequest
  /** Names the run within its experiment, where its transcript is kept. */
  name?: string
  /** First tokens of path 1, given instead of sampled. */
  prefix?: readonly number[]
  /** Whether the digest includes the token ids of every path. */
  tokens?: boolean
}

/** An engine, or a share of one, that is asked for one run at a time. */
export interface Runner {
  /**
   * Makes a run. Resolves even if the run fails, with its error in the digest; rejects if no engine
   * is available.
   */
  run(job: Job): Promise<Digest>
  /** Closes the engine and ends a run in progress. */
  close(): void
}

export interface Task {
  unit: Unit
  problem: Problem
  sample: number
  seed: number
}

export interface Experiment {
  model: string
  units: readonly Unit[]
  problems: readonly Problem[]
  /** Number of samples per problem and unit. */
  samples: number
  seed: number
  /** Default: `stated`. */
  answer?: AnswerRule
  /** Default: `unit`. */
  order?: LabSpec['order']
  /**
   * Returns a wrong path for a problem and sample; called only for units with a prefix. If it is
   * absent or returns null, that sample is skipped.
   */
  wrongPath?: (problem: number, sample: number) => readonly number[] | null
}

/**
 * Errors that affect one run only; that run counts as wrong. Any other error ends the experiment.
 */
export const ONE_RUN: ReadonlySet<string> = new Set([
  'context-too-small',
  'out-of-cells',
  'decode-failed',
  'engine-lost',
  'template-failed',
])

/**
 * Returns the tasks unit by unit, so that the first rows of the table are complete early, or problem
 * by problem, so that its rows can be compared at any time.
 */
export function tasksOf(experiment: Experiment): Task[] {
  const { units, problems, samples, seed, wrongPath, order = 'unit' } = experiment
  const cases = problems.flatMap((problem) =>
    Array.from({ length: samples }, (_, sample) => ({
      problem,
      sample,
      seed: sampleSeed(seed, problem.index, sample),
    })),
  )
  const all =
    order === 'unit'
      ? units.flatMap((unit) => cases.map((one) => ({ unit, ...one })))
      : cases.flatMap((one) => units.map((unit) => ({ unit, ...one })))
  return all.filter(
    ({ unit, problem, sample }) =>
      unit.prefix === undefined || (wrongPath?.(problem.index, sample) ?? null) !== null,
  )
}

/**
 * Makes every sample that the store lacks, using all runners at once. Samples made so far stay in the store. Rejects with the error of the first
 * run that cannot continue, or with `cancelled` after the signal.
 */
export async function runExperiment(
  experiment: Experiment,
  store: ResultStore,
  runners: readonly Runner[],
  options: { signal: AbortSignal; onSample?: (sample: Sample) => void },
): Promise<void> {
  const { signal, onSample } = options
  await inParallel(
    tasksOf(experiment).filter(
      ({ unit, problem, sample }) => !store.has(unit.key, problem.index, sample),
    ),
    runners,
    signal,
    async (task, runner) => {
      const { unit, problem, sample, seed } = task
      const prefix =
        unit.prefix === undefined
          ? undefined
          : experiment.wrongPath!(problem.index, sample)!.slice(0, unit.prefix)
      const digest = await runner.run({
        request: {
          problem: problem.problem,
          model: experiment.model,
          settings: { ...unit.settings, seed },
        },
        prefix,
        name: `u${experiment.units.indexOf(unit)}-p${problem.index}-s${sample}`,
      })
      if (signal.aborted) return
      const measured = measure(unit, problem, sample, seed, checked(digest), experiment.answer)
      store.append(measured)
      onSample?.(measured)
    },
  )
}

/** Returns the digest of a run that ended. Throws an error that the next run would also have. */
export function checked(digest: Digest): Digest {
  if (digest.error !== null && !ONE_RUN.has(digest.error.code)) throw thrownError(digest.error)
  if (digest.error === null && digest.status !== 'ended')
    throw new BraidError('internal', `A run stopped as ${digest.status}.`)
  return digest
}

/**
 * Carries out tasks in order, one at a time per runner. The first error, or the signal, closes the
 * runners.
 */
export async function inParallel<T, R extends Pick<Runner, 'close'> = Runner>(
  tasks: readonly T[],
  runners: readonly R[],
  signal: AbortSignal,
  work: (task: T, runner: R) => Promise<void>,
): Promise<void> {
  let next = 0
  let failure: BraidError | undefined
  const stop = () => runners.forEach((runner) => runner.close())
  signal.addEventListener('abort', stop)
  await Promise.all(
    runners.map(async (runner) => {
      while (next < tasks.length && failure === undefined && !signal.aborted) {
        try {
          await work(tasks[next++]!, runner)
        } catch (error) {
          failure ??= toBraidError(error)
          stop()
        }
      }
    }),
  )
  signal.removeEventListener('abort', stop)
  if (signal.aborted) throw fail('cancelled/lab')
  if (failure !== undefined) throw failure
}
