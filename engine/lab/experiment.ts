import { BraidError, toBraidError } from '../protocol/errors.ts'
import { thrownError } from '../protocol/events.ts'
import type { RunRequest } from '../protocol/request.ts'
import type { Digest } from './digest.ts'
import { measure, type Sample } from './measure.ts'
import type { Problem } from './problems.ts'
import type { ResultStore } from './store.ts'
import { sampleSeed, type Unit } from './unit.ts'

/** One run that an engine is asked for. */
export interface Job {
  request: RunRequest
  /** First tokens of path 1, given instead of sampled. */
  prefix?: readonly number[]
  /** The digest holds the ids of every path's tokens. */
  tokens?: boolean
}

/** An engine that makes one run at a time. */
export interface Runner {
  /** Rejects when no engine can be had; a run that fails resolves with its error. */
  run(job: Job): Promise<Digest>
  /** Ends a run in progress as well. */
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
  /** Samples of each problem and unit. */
  samples: number
  seed: number
  /** A wrong path of that problem and sample; asked for by units with a prefix only. Absent or null: nothing to run. */
  wrongPath?: (problem: number, sample: number) => readonly number[] | null
}

/** What goes wrong with one problem and may be right with the next: counted as wrong. Anything else ends the experiment. */
const ONE_RUN = new Set([
  'context-too-small',
  'out-of-cells',
  'decode-failed',
  'engine-lost',
  'template-failed',
])

/** Unit by unit, so that early rows are whole early. */
export function tasksOf({ units, problems, samples, seed, wrongPath }: Experiment): Task[] {
  return units
    .flatMap((unit) =>
      problems.flatMap((problem) =>
        Array.from({ length: samples }, (_, sample) => ({
          unit,
          problem,
          sample,
          seed: sampleSeed(seed, problem.index, sample),
        })),
      ),
    )
    .filter(
      ({ unit, problem, sample }) =>
        unit.prefix === undefined || (wrongPath?.(problem.index, sample) ?? null) !== null,
    )
}

/**
 * Makes every sample that the store lacks, with all runners at once; the results do not depend on how many there are.
 * Errors: of the first run that cannot go on; the signal ends it with `cancelled`. What was made is in the store.
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
      })
      if (signal.aborted) return
      const measured = measure(unit, problem, sample, seed, checked(digest))
      store.append(measured)
      onSample?.(measured)
    },
  )
}

/** A digest whose run is over; a failure that the next run would share is thrown. */
export function checked(digest: Digest): Digest {
  if (digest.error !== null && !ONE_RUN.has(digest.error.code)) throw thrownError(digest.error)
  if (digest.error === null && digest.status !== 'ended')
    throw new BraidError('internal', `A run stopped as ${digest.status}.`)
  return digest
}

/** Works tasks off in order, one at a time a runner. The first error, or the signal, closes the runners. */
export async function inParallel<T>(
  tasks: readonly T[],
  runners: readonly Runner[],
  signal: AbortSignal,
  work: (task: T, runner: Runner) => Promise<void>,
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
  if (signal.aborted)
    throw new BraidError(
      'cancelled',
      'Stopped. The samples made so far are kept: the same command goes on from here.',
    )
  if (failure !== undefined) throw failure
}
