import { filesOf, readModel } from '../models/index.ts'
import { fail } from '../protocol/errors.ts'
import { errorText, thrownError } from '../protocol/events.ts'
import { applyEvent, EMPTY_RUN, type RunState } from '../protocol/fold.ts'
import type { EngineOptions, RunRequest } from '../protocol/request.ts'
import { SUFFIX, type LabFields } from '../protocol/lab.ts'
import { resolveSettings } from '../protocol/settings.ts'
import type { Engine, RunHandle } from '../run/index.ts'
import { record } from '../transcripts/index.ts'
import {
  Bank,
  batchRun,
  batchSeed,
  isRecorded,
  problemsOf,
  type BankInfo,
  type Batch,
} from './bank.ts'
import { inParallel, ONE_RUN } from './experiment.ts'
import { hashFiles } from './open.ts'
import { readProblems, scored, type ProblemSet } from './problems.ts'

export interface BankOptions {
  folder: string
  model: string
  data: string
  fields?: LabFields
  /** Number of problems to leave out at the start of the file; absent: none. */
  skip?: number | undefined
  /** Number of problems to take from there; absent: all. */
  limit?: number | undefined
  /** Number of paths per problem. */
  paths: number
  /** Text that follows each problem; default: `SUFFIX`. */
  suffix?: string | undefined
  /** Settings of all runs, applied over the model's defaults. `seed` is that of the bank. */
  settings: RunRequest['settings']
  /** Version of Braid. */
  braid: string
}

/** A bank, the set that its problems are from, and the positions there of those that were asked for. */
export interface OpenBank {
  bank: Bank
  set: ProblemSet
  chosen: number[]
  /** How this machine computes, where it is not as when the bank was begun. */
  engine: EngineOptions
}

/**
 * Opens or begins a bank. Errors: `bad-combination` for a model that was trained for parallel
 * thinking, since its paths need each other's numbers; those of `Bank.begin`, of reading the model
 * and the data.
 */
export async function openBank(options: BankOptions): Promise<OpenBank> {
  const { info: model, metadata } = await readModel(options.model)
  if (model.nativePaths > 0) throw fail('bad-combination/bank-trained')
  const set = readProblems(options.data, options.fields)
  const settings = resolveSettings(options.settings, { metadata, nativePaths: 0 })
  const {
    budget,
    summaryBudget,
    system,
    templateVariables,
    sampling,
    alternatives,
    engine,
    probeEvery,
  } = settings
  const { skip = 0, limit = Infinity } = options
  const chosen = scored(set)
    .slice(skip, skip + limit)
    .map(({ index }) => index)
  const info: BankInfo = {
    format: 1,
    braid: options.braid,
    data: { file: options.data, sha256: set.sha256, fields: options.fields ?? {} },
    problems: chosen,
    paths: options.paths,
    model: {
      name: model.name,
      file: options.model,
      sha256: await hashFiles(filesOf(model.file)),
      headerSha256: model.headerSha256,
    },
    suffix: options.suffix ?? SUFFIX,
    seed: settings.seed,
    settings: {
      budget,
      summaryBudget,
      ...(system !== undefined && { system }),
      ...(templateVariables !== undefined && { templateVariables }),
      sampling,
      alternatives,
      engine,
      confidence: true,
      ...(probeEvery !== undefined && { probeEvery }),
    },
  }
  return { bank: Bank.begin(options.folder, info), set, chosen, engine }
}

export interface Work {
  /** Number of problems in flight. */
  jobs: number
  signal: AbortSignal
  onProgress?: (progress: WorkProgress) => void
}

export interface WorkProgress {
  /** Runs that are done, of all runs that were missing. */
  done: number
  total: number
  /** Tokens written so far. */
  tokens: number
}

/** A run that could not be made, and why; a later call tries it again. */
export interface Failure {
  run: string
  why: string
}

/** What follows a recorded batch while its paths are still in memory. */
export interface Sequel {
  /** The works that no other process may do meanwhile. */
  works: readonly string[]
  /** Number of runs that it makes of a batch. */
  count(batch: Batch): number
  /** Makes them. `handle` is that of the batch's run, which has ended. Returns those that failed. */
  make(batch: Batch, handle: RunHandle, lane: Lane): Promise<Failure[]>
}

/**
 * Records paths 1 to `paths` of the chosen problems, where the bank lacks them, each batch followed
 * by `sequel`. Rejects with `cancelled` after the signal, or with the first error that concerns all
 * runs; whole batches stay in the bank. Returns the batches that failed.
 */
export async function recordPaths(
  { bank, set, chosen, engine: options }: OpenBank,
  engine: Pick<Engine, 'think'>,
  { paths, sequel, ...work }: Work & { paths: number; sequel?: Sequel | undefined },
): Promise<Failure[]> {
  return bank.holding(['paths', ...(sequel?.works ?? [])], async () => {
    const problems = problemsOf(bank, set, bank.info.data.file)
    const text = new Map(problems.map(({ index, problem }) => [index, problem]))
    const batches = chosen.flatMap((index) => bank.missing(index, paths))
    return eachTask(batches, work, {
      count: (batch) => 1 + (sequel?.count(batch) ?? 0),
      work: (batch, lane) =>
        recordBatch(bank, engine, { batch, text: text.get(batch.problem)!, options, sequel }, lane),
    })
  })
}

async function recordBatch(
  { info, store }: Bank,
  engine: Pick<Engine, 'think'>,
  {
    batch,
    text,
    options,
    sequel,
  }: { batch: Batch; text: string; options: EngineOptions; sequel: Sequel | undefined },
  lane: Lane,
): Promise<Failure[]> {
  const run = batchRun(batch)
  store.discard(run)
  let whole = false
  try {
    const settings: RunRequest['settings'] = {
      ...info.settings,
      engine: options,
      strategy: 'majority',
      question: 'value',
      paths: batch.last - batch.first + 1,
      seed: batchSeed(info, batch),
    }
    const request = { problem: text + info.suffix, model: info.model.file, settings }
    const handle = engine.think(request, { id: run })
    lane.open(handle)
    const { events } = handle
    // Without `return`, so that leaving the loop does not close the run.
    const unclosed = { [Symbol.asyncIterator]: () => ({ next: () => events.next() }) }
    let state = EMPTY_RUN
    for await (const { event } of record(store, run, unclosed)) {
      state = applyEvent(state, event)
      if (event.type === 'tokens') lane.wrote(event.tokens.length)
      if (event.type === 'run-ended' || event.type === 'run-failed') break
    }
    whole = !lane.closed && isRecorded(state, batch)
    if (!whole) return lane.closed ? [] : [{ run, why: reasonOf(state) }]
    lane.did(1)
    return (await sequel?.make(batch, handle, lane)) ?? []
  } finally {
    if (!whole) store.discard(run)
  }
}

/**
 * Carries out tasks, each of which makes `count` runs of the bank. Returns the runs that failed.
 * Errors: `cancelled`, and errors that the next run would have too.
 */
export async function eachTask<T>(
  tasks: readonly T[],
  { jobs, signal, onProgress }: Work,
  {
    count,
    work,
  }: { count: (task: T) => number; work: (task: T, lane: Lane) => Promise<Failure[]> },
): Promise<Failure[]> {
  const failures: Failure[] = []
  const total = tasks.reduce((sum, task) => sum + count(task), 0)
  const progress: WorkProgress = { done: 0, total, tokens: 0 }
  const tell = (done: number, tokens: number) => {
    progress.done += done
    progress.tokens += tokens
    onProgress?.({ ...progress })
  }
  const lanes = Array.from({ length: Math.min(jobs, tasks.length) }, () => new Lane(tell))
  await inParallel(tasks, lanes, signal, async (task, lane) => {
    try {
      const failed = await work(task, lane)
      failures.push(...failed)
      lane.did(failed.length)
    } finally {
      await lane.handle?.close()
    }
  })
  return failures
}

/** One of the runs in flight. */
export class Lane {
  handle: RunHandle | null = null
  closed = false
  readonly #tell: (done: number, tokens: number) => void

  constructor(tell: (done: number, tokens: number) => void) {
    this.#tell = tell
  }

  /** The run in flight is now this one. */
  open(handle: RunHandle): void {
    this.handle = handle
  }

  wrote(tokens: number): void {
    this.#tell(0, tokens)
  }

  did(runs: number): void {
    this.#tell(runs, 0)
  }

  close(): void {
    this.closed = true
    void this.handle?.close()
  }
}

/** Returns why a run is not whole. Throws an error that the next run would have too. */
export function reasonOf({ error, paths, summaries }: RunState): string {
  if (error !== null && !ONE_RUN.has(error.code)) throw thrownError(error)
  if (error !== null) return errorText(error)
  const broken = [...paths, ...summaries].find(
    ({ reason }) => reason !== 'finished' && reason !== 'budget',
  )
  return broken === undefined ? 'it has no text' : `${broken.segment} ended as ${broken.reason}`
}
