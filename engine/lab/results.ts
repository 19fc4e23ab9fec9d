import { fail } from '../protocol/errors.ts'
import type { Experiment, LabCell, LabRun } from '../protocol/lab.ts'
import { cellsCsv } from './cells.ts'
import { readProblems, type Problem } from './problems.ts'
import { reportHtml } from './report.ts'
import { expectedText } from './sets.ts'
import { readResults } from './store.ts'

const MAX_TEXT = 300

/** Returns the runs behind a cell, wrong ones first. */
export function runsOf(
  folder: string,
  { id, spec }: Pick<Experiment, 'id' | 'spec'>,
  { unit, vote }: Pick<LabCell, 'unit' | 'vote'>,
): LabRun[] {
  const problems = new Map(problemsOf(spec).map((problem) => [problem.index, problem]))
  const samples = (readResults(folder)?.samples ?? []).filter((sample) => sample.unit === unit)
  return samples
    .map((sample): LabRun => {
      const problem = problems.get(sample.problem)
      const outcome = sample.outcomes.find((one) => one.vote === vote)
      return {
        run: runOf(id, spec, sample.run),
        problem: sample.problem,
        sample: sample.sample,
        text: problem?.problem.slice(0, MAX_TEXT) ?? '',
        expected: (problem === undefined ? null : expectedText(problem)) ?? '',
        answer: outcome?.answer ?? null,
        correct: outcome?.correct ?? false,
        anyPath: sample.anyPath,
        tokens: sample.promptTokens + sample.pathTokens + sample.summaryTokens,
        ms: sample.ms,
        ...(sample.error !== undefined && { error: sample.error }),
      }
    })
    .sort(
      (a, b) =>
        Number(a.correct) - Number(b.correct) || a.problem - b.problem || a.sample - b.sample,
    )
}

/** Returns the id of a run. Those of a bank have their names there, and are copied when they are opened. */
const runOf = (id: string, { plan }: Experiment['spec'], run: string | undefined): string | null =>
  run === undefined ? null : plan.kind === 'bank' ? `${id}-${run}` : run

/** Returns the problems of an experiment; none if their file was moved. */
function problemsOf({ data, fields }: Experiment['spec']): readonly Problem[] {
  try {
    return readProblems(data, fields).problems
  } catch {
    return []
  }
}

const TYPES = { csv: 'text/csv', json: 'application/json', html: 'text/html' } as const

/** Returns a file of an experiment's results so far. Throws `bad-request` if there are none. */
export function exportLab(
  folder: string,
  { cells, done, wanted, spec, title }: Experiment,
  format: keyof typeof TYPES,
  engine: string,
): { fileName: string; mimeType: string; content: string } {
  const results = readResults(folder)
  if (results === null || cells.length === 0) throw fail('bad-request/no-results')
  const { header, samples } = results
  const { threads, device } = engineOf(header.settings)
  const content = {
    csv: () => cellsCsv(cells),
    json: () => `${JSON.stringify({ ...header, spec, done, wanted, cells, samples }, null, 1)}\n`,
    html: () =>
      reportHtml({
        header,
        cells,
        done,
        wanted,
        command: 'Lab, in the window',
        jobs: spec.jobs,
        threads,
        engine: `${engine}, ${device}`,
      }),
  }[format]()
  const name = title.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '')
  return {
    fileName: `braid-lab-${name === '' ? 'results' : name.slice(0, 60)}.${format}`,
    mimeType: TYPES[format],
    content,
  }
}

function engineOf({ engine }: Record<string, unknown>): { threads: number; device: string } {
  const { threads = 0, device = 'auto' } = (engine ?? {}) as { threads?: number; device?: string }
  return { threads, device }
}
