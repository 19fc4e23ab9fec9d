import { createHash } from 'node:crypto'
import { createReadStream, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesOf, readModel } from '../models/index.ts'
import { BraidError, toBraidError } from '../protocol/errors.ts'
import type { RunRequest, RunSettings } from '../protocol/request.ts'
import type { ModelInfo } from '../protocol/wire.ts'
import { resolveSettings } from '../protocol/settings.ts'
import { thoughtRows } from '../run/index.ts'
import type { AnswerRule } from './check.ts'
import { cellsCsv, cellsOf, type Cell } from './cells.ts'
import { runExperiment, tasksOf, type Experiment, type Runner } from './experiment.ts'
import { readProblems, scored, unscoredNote, type Fields, type ProblemSet } from './problems.ts'
import { EngineProcess } from './process.ts'
import { Progress } from './progress.ts'
import { reportHtml } from './report.ts'
import { ResultStore, type Header } from './store.ts'
import type { Unit } from './unit.ts'

/** Default number of concurrent runs; fewer work at once if they do not fit. */
const JOBS = 8

export interface LabOptions {
  model: string
  data: string
  fields?: Fields
  /** Number of problems to take from the start of the file; absent: all. */
  limit?: number
  samples: number
  /** What counts as an answer; default: `stated`. */
  answer?: AnswerRule
  /** Folder for results.jsonl, results.json, results.csv and report.html. */
  out: string
  /**
   * Settings that all units share, applied over the model's defaults. `seed` determines the seeds
   * of the samples.
   */
  settings: RunRequest['settings']
  /** Number of concurrent runs; 1: each alone, for the same tokens every time. Default: 8. */
  jobs?: number
  /** Command line, for the report. */
  command: string
  /** Engine versions, for the report. */
  engine: string
  stderr: NodeJS.WriteStream
  signal: AbortSignal
  /** Tests provide their own runner instead of engine processes. */
  runner?: () => Runner
}

/** The parts of an experiment that are known before its units. */
export interface Lab {
  options: LabOptions
  model: ModelInfo
  set: ProblemSet
  settle: (asked: RunRequest['settings']) => RunSettings
  jobs: number
  seed: number
  answer: AnswerRule
  /**
   * SHA-256 in hex of the model's complete files, because checkpoints with the same shape have the
   * same headers.
   */
  sha256: string
}

/**
 * Reads model and problems, and decides how runs share the machine. Throws `bad-model`,
 * `model-not-found`, `io` or `bad-request`.
 */
export async function openLab(options: LabOptions): Promise<Lab> {
  const { info: model, metadata } = await readModel(options.model)
  const set = readProblems(options.data, options.fields)
  const note = unscoredNote(set)
  if (note !== null) options.stderr.write(`${note}\n`)
  const { jobs = JOBS, answer = 'stated' } = options
  // A run that shares its context gives other tokens from time to time: see `RunSettings.alone`.
  const shared = {
    ...options.settings,
    alone: options.settings.alone ?? jobs === 1,
    // Problems of a set have one short answer each, which is scored.
    question: options.settings.question ?? 'value',
  }
  const defaults = { metadata, nativePaths: model.nativePaths }
  return {
    options,
    model,
    jobs,
    answer,
    sha256: await hashFiles(filesOf(model.file)),
    seed: options.settings.seed ?? 0,
    set: { ...set, problems: scored(set).slice(0, options.limit) },
    settle: (more) =>
      resolveSettings(
        {
          ...shared,
          ...more,
          seed: 0,
          sampling: { ...shared.sampling, ...more.sampling },
          controls: { ...shared.controls, ...more.controls },
          engine: { ...shared.engine, ...more.engine },
        },
        defaults,
      ),
  }
}

/** Returns one runner per concurrent run; all belong to one engine process. */
export function runnersOf({ jobs, options }: Lab): Runner[] {
  const engine = options.runner === undefined ? new EngineProcess(jobs) : null
  return Array.from({ length: jobs }, () => engine ?? options.runner!())
}

/**
 * Ensures the model has control tokens for every unit, before anything runs. Throws
 * `too-many-paths`.
 */
export function checkUnits({ model }: Lab, units: readonly Unit[]): void {
  const pairs = Array.from({ length: model.nativePaths }, () => ({ open: 0, close: 0 }))
  for (const { settings } of units)
    thoughtRows(settings, { tokens: { pairs }, thoughtRows: model.thoughtRows })
}

export interface LabResult {
  cells: readonly Cell[]
  /** Numbers of samples made and requested. */
  done: number
  wanted: number
  files: { json: string; csv: string; report: string }
}

/**
 * Runs the units over the problems, continuing where an earlier call stopped, and writes the
 * results, even if it is stopped or fails. Looks for `wrongPaths` only once the result folder is
 * known to belong to this experiment. Throws the errors of the runs, or `cancelled`.
 */
export async function runLab(
  lab: Lab,
  kind: Header['experiment'],
  units: readonly Unit[],
  extra: {
    settings?: Record<string, unknown>
    wrongPaths?: () => Promise<Experiment['wrongPath']>
  } = {},
): Promise<LabResult> {
  const { options, model, set, seed } = lab
  checkUnits(lab, units)
  const header = headerOf(lab, kind, units, extra.settings)
  const store = ResultStore.open(options.out, header)
  const experiment: Experiment = {
    model: options.model,
    units,
    problems: set.problems,
    samples: options.samples,
    seed,
    answer: lab.answer,
    wrongPath: await extra.wrongPaths?.(),
  }
  const tasks = tasksOf(experiment)
  if (tasks.length === 0) throw new BraidError('bad-request', 'There is nothing to run.')
  const left = tasks.filter(
    ({ unit, problem, sample }) => !store.has(unit.key, problem.index, sample),
  )
  const progress = new Progress(
    left,
    tasks.length - left.length,
    Math.min(lab.jobs, left.length),
    options.stderr,
  )
  const runners = runnersOf(lab)
  let failure: unknown
  try {
    await runExperiment(experiment, store, runners, {
      signal: options.signal,
      onSample: (sample) => progress.add(sample),
    })
  } catch (error) {
    failure = error
  } finally {
    progress.end()
    for (const runner of runners) runner.close()
  }
  const asked = new Set(
    tasks.map(({ unit, problem, sample }) => `${unit.key}|${problem.index}|${sample}`),
  )
  const samples = store.samples.filter(({ unit, problem, sample }) =>
    asked.has(`${unit}|${problem}|${sample}`),
  )
  const cells = cellsOf(units, samples)
  const files = {
    json: join(options.out, 'results.json'),
    csv: join(options.out, 'results.csv'),
    report: join(options.out, 'report.html'),
  }
  replace(files.json, `${JSON.stringify({ cells }, null, 1)}\n`)
  replace(files.csv, cellsCsv(cells))
  replace(
    files.report,
    reportHtml({
      header,
      cells,
      done: samples.length,
      wanted: tasks.length,
      command: options.command,
      jobs: lab.jobs,
      threads: units[0]!.settings.engine.threads,
      engine: `${options.engine}, ${units[0]!.settings.engine.device}`,
    }),
  )
  if (failure !== undefined) throw failure
  return { cells, done: samples.length, wanted: tasks.length, files }

  function headerOf(
    { settle }: Lab,
    experiment: Header['experiment'],
    all: readonly Unit[],
    more?: Record<string, unknown>,
  ): Header {
    // What a cell names (strategy, paths, budget, vote) may differ between calls; the other
    // settings must stay the same.
    const {
      strategy: _s,
      paths: _p,
      runs: _r,
      budget: _b,
      vote: _v,
      seed: _seed,
      alternatives: _a,
      ...shared
    } = settle({})
    return {
      format: 1,
      experiment,
      seed,
      settings: { ...shared, answer: lab.answer, ...more },
      model: { name: model.name, file: options.model, sha256: lab.sha256 },
      data: { file: options.data, sha256: set.sha256 },
    }
  }
}

/** Returns the SHA-256 of files, one after another, in hex. */
export async function hashFiles(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files)
    for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 }))
      hash.update(chunk as Buffer)
  return hash.digest('hex')
}

/** Replaces a file atomically: a reader sees the old file or the new one, never a part. */
function replace(file: string, content: string): void {
  try {
    writeFileSync(`${file}.new`, content)
    renameSync(`${file}.new`, file)
  } catch (error) {
    const typed = toBraidError(error)
    throw typed.code === 'internal'
      ? new BraidError('io', `Cannot write ${file}: ${typed.message}`, { cause: error })
      : typed
  }
}
