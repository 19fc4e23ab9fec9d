import { join } from 'node:path'
import { fail } from '../protocol/errors.ts'
import type { AnswerRule, LabEvent, PlanOf } from '../protocol/lab.ts'
import type { Engine } from '../run/index.ts'
import { fusedRun, type Bank } from './bank.ts'
import { fusedAtOnce, fusePaths, summaryOf } from './bank-fuse.ts'
import { openBank, recordPaths, type Failure, type WorkProgress } from './bank-record.ts'
import { CellTable } from './cells.ts'
import { ballots, elected, isCorrect, statement, type Statement } from './check.ts'
import type { Sample } from './measure.ts'
import type { Lab } from './open.ts'
import { scored } from './problems.ts'
import { rulesOf, SCORE_DEFAULTS, scoredPaths, type Rule } from './bank-score.ts'
import { makeUnit, type Unit } from './unit.ts'

/** What records a bank and writes its summaries. */
export type BankEngine = Pick<Engine, 'think' | 'resume'>

/** How often the table is counted again at most, since that reads the whole bank. */
const COUNTS = 50

/** A row of a bank's table: the paths alone, a vote over the first ones by some rule, or a summary of them. */
type Way = { unit: Unit } & (
  | { way: 'path' }
  | { way: 'vote'; width: number }
  | { way: 'rule'; width: number; rule: Rule }
  | { way: 'merge'; width: number; fusion: 'cache' | 'reread' }
)

/** The rules of a vote that a recording has what they need for; plain majority is a row of its own. */
const RULES = rulesOf(SCORE_DEFAULTS).filter(
  ({ name, needs }) => name !== 'majority' && needs !== 'probes',
)

function waysOf({ settle }: Pick<Lab, 'settle'>, plan: PlanOf<'bank'>): Way[] {
  const { budget, paths: widths, fusions } = plan
  const of = { ...(budget !== undefined && { budget }) }
  return [
    {
      way: 'path',
      unit: makeUnit(settle({ ...of, strategy: 'sequential' }), [], { variant: 'one path' }),
    },
    ...widths.flatMap((width): Way[] => [
      {
        way: 'vote',
        width,
        unit: makeUnit(settle({ ...of, strategy: 'majority', paths: width }), ['equality'], {
          variant: 'vote',
        }),
      },
      // Every rule makes the same of one path.
      ...(width === 1 ? [] : RULES).map((rule): Way => ({
        way: 'rule',
        width,
        rule,
        unit: makeUnit(settle({ ...of, strategy: 'majority', paths: width }), ['equality'], {
          variant: rule.name,
        }),
      })),
      ...fusions.map((fusion): Way => ({
        way: 'merge',
        width,
        fusion,
        unit: makeUnit(
          settle({ ...of, strategy: 'parallel', paths: width, controls: { fusion } }),
          [],
          { variant: fusion === 'cache' ? 'merge from the cache' : 'merge by re-reading' },
        ),
      })),
    ]),
  ]
}

/** Returns the units of a bank: one path, then a vote and each way of merging per width. */
export const bankUnits = (lab: Pick<Lab, 'settle'>, plan: PlanOf<'bank'>): Unit[] =>
  waysOf(lab, plan).map(({ unit }) => unit)

/**
 * Records paths once, in `bank` of the result folder, and scores what a vote and each way of merging
 * make of the same ones. Emits progress, and calls `keep` with the samples at the end, also if it is
 * stopped. Errors: those of `openBank`, `recordPaths` and `fusePaths`; `bad-request` if runs failed.
 */
export async function runBank(
  lab: Lab,
  plan: PlanOf<'bank'>,
  engine: BankEngine,
  signal: AbortSignal,
  emit: (event: LabEvent) => void,
  keep: (samples: readonly Sample[], done: number, wanted: number) => void,
): Promise<void> {
  const { spec } = lab
  const ways = waysOf(lab, plan)
  const { budget, summaryBudget } = ways[0]!.unit.settings
  const opened = await openBank({
    folder: join(lab.out, 'bank'),
    model: spec.model,
    data: spec.data,
    fields: spec.fields,
    limit: spec.limit,
    paths: Math.max(...plan.paths),
    suffix: spec.suffix ?? '',
    settings: { ...spec.settings, budget, summaryBudget },
    braid: 'the lab',
  })
  const { bank } = opened
  const count = lab.problems.length
  const wanted = count * (1 + plan.paths.length * plan.fusions.length)
  const samples = () => samplesOf(bank, lab, ways, spec.answer)
  const cells = (all = samples()) =>
    new CellTable(
      ways.map(({ unit }) => unit),
      all,
    ).cells
  const first = samples()
  const had = runsIn(first, ways)
  let shown = cells(first)
  let done = had
  let counted = had
  const began = performance.now()
  const progress = (unit: string) => {
    const base = done
    return (work: WorkProgress) => {
      if (base + work.done === done) return
      done = base + work.done
      if (done - counted >= Math.ceil(wanted / COUNTS)) {
        counted = done
        shown = cells()
      }
      const msLeft = ((performance.now() - began) / (done - had)) * (wanted - done)
      emit({ type: 'sample', unit, msLeft, done, wanted, cells: shown })
    }
  }
  emit({ type: 'began', done, wanted, cells: shown })
  const failures: Failure[] = []
  try {
    const work = { jobs: spec.jobs, signal }
    const summaries = { fusions: plan.fusions, widths: plan.paths }
    // What an earlier attempt recorded and did not fuse.
    const { failures: unfused } = await fusePaths(bank, engine, {
      ...work,
      ...summaries,
      limit: spec.limit,
      model: spec.model,
      engine: {},
      onProgress: progress('summaries'),
    })
    const unrecorded = await recordPaths(opened, engine, {
      ...work,
      paths: Math.max(...plan.paths),
      sequel: fusedAtOnce(bank, summaries),
      onProgress: progress('paths'),
    })
    failures.push(...unfused, ...unrecorded)
    done = wanted - failures.length
  } finally {
    keep(samples(), done, wanted)
  }
  if (failures.length > 0)
    throw fail('bad-request/bank-runs', {
      count: failures.length,
      run: failures[0]!.run,
      reason: failures[0]!.why,
    })
}

/** Returns how many runs samples are of: recordings and summaries, whose rows have one sample each with the number 0. */
function runsIn(samples: readonly Sample[], ways: readonly Way[]): number {
  const made = ways.filter(({ way }) => way === 'path' || way === 'merge')
  const units = new Set(made.map(({ unit }) => unit.key))
  return samples.filter(({ unit, sample }) => sample === 0 && units.has(unit)).length
}

/** Scores what is in the bank. Times are not known, since paths of a batch were written together. */
function samplesOf(
  bank: Bank,
  { problems }: Lab,
  ways: readonly Way[],
  rule: AnswerRule,
): Sample[] {
  return scored({ problems }).flatMap(({ index, problem, expected }) => {
    const recorded = bank.recorded(index)
    if (recorded === null) return []
    const { run, runs } = recorded
    const paths = recorded.paths.slice(0, bank.info.paths)
    const said = ballots(paths, rule, problem)
    const right = (one: Statement | undefined) => one !== undefined && isCorrect(expected, one)
    const tokens = (width: number) =>
      paths.slice(0, width).reduce((sum, path) => sum + path.tokens.length, 0)
    const sample = (
      unit: Unit,
      number: number,
      answer: Statement | undefined,
      figures: { run: string; width: number; pathTokens: number; summaryTokens?: number },
    ): Sample => ({
      run: figures.run,
      unit: unit.key,
      problem: index,
      sample: number,
      seed: bank.info.seed,
      outcomes: [
        {
          vote: unit.votes[0] ?? null,
          answer: answer?.answer?.text ?? null,
          correct: right(answer),
        },
      ],
      anyPath: figures.width === 1 ? right(answer) : said.slice(0, figures.width).some(right),
      promptTokens: run.promptTokens.length,
      pathTokens: figures.pathTokens,
      summaryTokens: figures.summaryTokens ?? 0,
      kvBytes: 0,
      ms: 0,
      pathsMs: 0,
      summaryMs: 0,
    })
    const { paths: rated, every } = scoredPaths(recorded, said, bank, expected)
    return ways.flatMap((way): Sample[] => {
      const { unit } = way
      if (way.way === 'path')
        return said.map((one, i) =>
          sample(unit, i, one, {
            run: runs[i]!,
            width: 1,
            pathTokens: paths[i]!.tokens.length,
          }),
        )
      const { width } = way
      if (paths.length < width) return []
      const figures = { run: runs[0]!, width, pathTokens: tokens(width) }
      if (way.way === 'rule') {
        const verdict = way.rule.apply({ every }, rated.slice(0, width))
        if (verdict === null) return []
        const one = sample(unit, 0, undefined, { ...figures, pathTokens: verdict.tokens })
        const outcome = { vote: unit.votes[0]!, answer: verdict.answer, correct: verdict.right }
        return [{ ...one, outcomes: [outcome] }]
      }
      if (way.way === 'vote')
        return [sample(unit, 0, elected(said.slice(0, width), 'equality'), figures)]
      const fused = { problem: index, fusion: way.fusion, paths: width, asked: 'value' }
      const summary = summaryOf(bank, fused, paths.slice(0, width))
      return summary === null
        ? []
        : [
            sample(unit, 0, statement(summary.text, rule, problem), {
              ...figures,
              run: fusedRun(fused),
              summaryTokens: summary.tokens.length,
            }),
          ]
    })
  })
}
