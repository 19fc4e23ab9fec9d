import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail } from '../protocol/errors.ts'
import type { LabEvent, LabSpec } from '../protocol/lab.ts'
import { runBank, type BankEngine } from './bank-lab.ts'
import { CellTable, cellsCsv } from './cells.ts'
import { emitted } from './emitted.ts'
import { runExperiment, tasksOf, type Experiment, type Runner } from './experiment.ts'
import { hashModel, openLab, unitsOf, type Lab } from './open.ts'
import { unscoredIn } from './problems.ts'
import { EngineProcess } from './process.ts'
import { Remaining } from './progress.ts'
import { reportHtml } from './report.ts'
import { fileError, ResultStore, type Header } from './store.ts'
import { collectWrongPaths } from './tunnel.ts'
import type { Unit } from './unit.ts'

/** Where an experiment is carried out. */
export interface LabPlace {
  /** Folder for results.jsonl, results.json, results.csv and report.html. */
  out: string
  /** What made the experiment, for the report: a command line, or the window. */
  command: string
  /** Engine versions, for the report. */
  engine: string
  /** Returns one runner per run at once; default: engine processes. */
  runners?: (jobs: number) => Runner[]
  /** What path banks are recorded with. Without it, they are refused. */
  bank?: BankEngine
}

/** One runner per concurrent run; all belong to one engine process. */
function engineProcesses(jobs: number): Runner[] {
  const engine = new EngineProcess(jobs)
  return Array.from({ length: jobs }, () => engine)
}

/**
 * Carries out an experiment and yields what happens. It continues where an earlier call stopped,
 * and writes the results even if it is stopped or fails. Throws the errors of the runs; `cancelled`
 * after the signal; `bad-request` if the folder holds another experiment; and the errors of
 * `openLab` and `unitsOf`.
 */
export function runLab(
  spec: LabSpec,
  signal: AbortSignal,
  place: LabPlace,
): AsyncGenerator<LabEvent, void, undefined> {
  return emitted(signal, (emit, stopped) => work(spec, stopped, place, emit))
}

async function work(
  spec: LabSpec,
  signal: AbortSignal,
  { out, command, engine, runners: make = engineProcesses, bank }: LabPlace,
  emit: (event: LabEvent) => void,
): Promise<void> {
  const lab = await openLab(spec, { out, runners: () => make(spec.jobs) })
  emit({ type: 'opened', model: lab.model.name, unscored: unscoredIn(lab.set) })
  const units = unitsOf(lab)
  const header = headerOf(lab, await hashModel(lab.model))
  const store = ResultStore.open(out, header)
  if (spec.plan.kind === 'bank') {
    if (bank === undefined) throw fail('bad-request/bank-elsewhere')
    return runBank(lab, spec.plan, bank, signal, emit, (samples, done, wanted) => {
      for (const sample of samples)
        if (!store.has(sample.unit, sample.problem, sample.sample)) store.append(sample)
      write(new CellTable(units, samples), done, wanted)
    })
  }
  const experiment: Experiment = {
    model: spec.model,
    units,
    problems: lab.problems,
    samples: spec.samples,
    seed: lab.seed,
    answer: spec.answer,
    order: spec.order,
    // Only once the folder is known to belong to this experiment.
    ...(spec.plan.kind === 'tunnel' && {
      wrongPath: await collectWrongPaths(lab, units[0]!, longest(units), signal, emit),
    }),
  }
  const tasks = tasksOf(experiment)
  if (tasks.length === 0) throw fail('bad-request/nothing-to-run')
  const keyOf = (unit: string, problem: number, sample: number) => `${unit}|${problem}|${sample}`
  const asked = new Set(
    tasks.map(({ unit, problem, sample }) => keyOf(unit.key, problem.index, sample)),
  )
  const made = store.samples.filter((one) => asked.has(keyOf(one.unit, one.problem, one.sample)))
  const left = tasks.filter(
    ({ unit, problem, sample }) => !store.has(unit.key, problem.index, sample),
  )
  const table = new CellTable(units, made)
  const remaining = new Remaining(left, Math.min(spec.jobs, left.length))
  const wanted = tasks.length
  let done = made.length
  emit({ type: 'began', done, wanted, cells: table.cells })
  const runners = lab.runners()
  let failure: unknown
  try {
    await runExperiment(experiment, store, runners, {
      signal,
      onSample(sample) {
        done++
        table.add(sample)
        remaining.add(sample)
        const msLeft = remaining.milliseconds()
        emit({ type: 'sample', unit: sample.unit, msLeft, done, wanted, cells: table.cells })
      },
    })
  } catch (error) {
    failure = error
  } finally {
    for (const runner of runners) runner.close()
  }
  write(table, done, wanted)
  if (failure !== undefined) throw failure

  function write({ cells }: CellTable, done: number, wanted: number): void {
    const files = {
      json: join(out, 'results.json'),
      csv: join(out, 'results.csv'),
      report: join(out, 'report.html'),
    }
    const { threads, device } = units[0]!.settings.engine
    replace(files.json, `${JSON.stringify({ cells }, null, 1)}\n`)
    replace(files.csv, cellsCsv(cells))
    replace(
      files.report,
      reportHtml({
        header,
        cells,
        done,
        wanted,
        command,
        jobs: spec.jobs,
        threads,
        engine: `${engine}, ${device}`,
      }),
    )
    emit({ type: 'written', files, done, wanted, cells })
  }
}

const longest = (units: readonly Unit[]): number =>
  Math.max(...units.map(({ prefix = 0 }) => prefix))

function headerOf({ spec, set, seed, settle, model }: Lab, sha256: string): Header {
  // What a cell names (strategy, paths, budget, vote) may differ between calls; the other settings
  // must stay the same.
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
  const { plan, suffix, answer } = spec
  return {
    format: 1,
    experiment: plan.kind,
    seed,
    settings: {
      ...shared,
      answer,
      ...(suffix !== undefined && { suffix }),
      ...(plan.kind === 'tunnel' && { longestPrefix: Math.max(...plan.prefixes) }),
    },
    model: { name: model.name, file: spec.model, sha256 },
    data: { file: spec.data, sha256: set.sha256 },
  }
}

/** Replaces a file atomically: a reader sees the old file or the new one, never a part. */
function replace(file: string, content: string): void {
  try {
    writeFileSync(`${file}.new`, content)
    renameSync(`${file}.new`, file)
  } catch (error) {
    throw fileError(error, file)
  }
}
