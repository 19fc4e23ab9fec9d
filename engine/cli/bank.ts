import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { bundledModel } from '../models/index.ts'
import type * as LabModule from '../lab/index.ts'
import type {
  Bank,
  BankReport,
  BankScore,
  Failure,
  NamedScore,
  WorkProgress,
} from '../lab/index.ts'
import { BraidError } from '../protocol/errors.ts'
import type { AnswerRule } from '../protocol/lab.ts'
import {
  Fusion,
  MAX_BUDGET,
  MAX_PATHS,
  MAX_PATIENCE,
  MAX_SEED,
  MIN_PROBE_EVERY,
  QuestionKind,
  type Strategy,
} from '../protocol/request.ts'
import { GOING_ON } from '../protocol/shapes.ts'
import { braidVersion } from '../programs/index.ts'
import type { Engine } from '../run/index.ts'
import { openEngine, withChosenDevice } from './engine.ts'
import { addEngineFlags, engineOptions, type EngineFlags } from './engine-flags.ts'
import { addAnswerFlag, addDataFlags } from './eval.ts'
import { ProgressLine } from './progress-line.ts'
import { addSamplingFlags, solveRequest, type SolveFlags } from './solve-flags.ts'
import { table } from './table.ts'
import { decimal, EXIT, integer, print, say, UsageError } from './usage.ts'

interface RecordFlags extends Omit<SolveFlags, 'paths'> {
  data?: string
  problemField?: string
  answerField?: string
  skip?: number
  limit?: number
  paths: number
  suffix?: string
  out?: string
  jobs: number
  fuse?: Fusion[]
  fusePaths?: number[]
}

interface FuseFlags extends EngineFlags {
  question?: QuestionKind
  instruction?: string
  as?: string
  fusion: Fusion[]
  paths: number[]
  limit?: number
  jobs: number
}

interface FinishFlags extends EngineFlags {
  strategy: Strategy[]
  paths: number[]
  limit?: number
  jobs: number
}

interface ScoreFlags {
  data?: string
  paths?: number[]
  answer: AnswerRule
  sure?: number
  wave?: number
  patience?: number
  orders: number
  seed: number
  json?: boolean
  html?: string
}

interface ReportFlags {
  data?: string
  paths?: number[]
  answer: AnswerRule
  json?: boolean
  save?: string
}

/** Problems in flight, as in the window. */
const JOBS = 4

const widthsOf = (text: string): number[] => text.split(',').map(integer(1, MAX_PATHS))

const fusionsOf = (text: string): Fusion[] =>
  text.split(',').map((name) => {
    const { data } = Fusion.safeParse(name)
    if (data === undefined)
      throw new InvalidArgumentError(`Use ${Fusion.options.join(' and ')}, separated by commas.`)
    return data
  })

function goingOnOf(text: string): Strategy {
  const strategy = GOING_ON.find((one) => one === text)
  if (strategy === undefined)
    throw new InvalidArgumentError(`Use ${GOING_ON.join(', ')}, separated by commas.`)
  return strategy
}

/** Adds `braid bank` and its subcommands. */
export function addBank(program: Command): void {
  const command = program
    .command('bank')
    .description('record paths once, to compare what is made of them on the same paths')
  addDataFlags(addSamplingFlags(addEngineFlags(command)))
    .option('-p, --paths <n>', 'paths per problem', integer(1, MAX_PATHS), 8)
    .option('-b, --budget <n>', 'tokens per path', integer(1, MAX_BUDGET))
    .option('--summary-budget <n>', 'tokens per summary', integer(1, MAX_BUDGET))
    .option(
      '--suffix <text>',
      'text after each problem (default: asks for steps and for a boxed answer)',
    )
    .option(
      '--probe-every <n>',
      'also ask each path for its answer every n tokens',
      integer(MIN_PROBE_EVERY, MAX_BUDGET),
    )
    .option('--skip <n>', 'leave out the first n problems', integer(0, 100_000_000))
    .option(
      '--limit <n>',
      'use only the first n problems, behind those left out',
      integer(1, 100_000_000),
    )
    .option('--jobs <n>', 'problems in flight', integer(1, 256), JOBS)
    .option(
      '--fuse <list>',
      'also write summaries, sooner than `fuse` later since the paths are still in memory: cache, reread',
      fusionsOf,
    )
    .option(
      '--fuse-paths <list>',
      'how many of the paths these summaries read (default: 4)',
      widthsOf,
    )
    .option('--out <folder>', 'folder of the bank (required); a stopped recording resumes there')
    .action(recordBank)

  addEngineFlags(
    command
      .command('fuse')
      .description('write summaries of recorded paths')
      .argument('<folder>', 'folder of the bank'),
  )
    .requiredOption('--fusion <list>', 'how a summary reads the paths: cache, reread', fusionsOf)
    .option('-p, --paths <list>', 'how many of the paths it reads', widthsOf, [4])
    .addOption(
      new Option(
        '--question <kind>',
        'kind of question, which decides the instruction (default: value)',
      ).choices(QuestionKind.options),
    )
    .option(
      '--instruction <text>',
      'another instruction, instead or with --question beside the usual one; needs --as',
    )
    .option(
      '--as <name>',
      'name of that instruction in the bank and in its report',
      (name: string) => {
        if (!/^[\w.]{1,32}$/.test(name) || QuestionKind.safeParse(name).success)
          throw new InvalidArgumentError(
            'Use letters, digits, _ and . only, and no name of a kind.',
          )
        return name
      },
    )
    .option('--limit <n>', 'use only the first n problems', integer(1, 100_000_000))
    .option('--jobs <n>', 'problems in flight', integer(1, 256), JOBS)
    .action(fuseBank)

  addEngineFlags(
    command
      .command('finish')
      .description('let strategies go on from recorded paths, as if they had begun with them')
      .argument('<folder>', 'folder of the bank'),
  )
    .requiredOption('--strategy <list>', `what goes on: ${GOING_ON.join(', ')}`, (text: string) =>
      text.split(',').map(goingOnOf),
    )
    .option('-p, --paths <list>', 'how many of the paths it begins with', widthsOf, [4])
    .option('--limit <n>', 'use only the first n problems', integer(1, 100_000_000))
    .option('--jobs <n>', 'problems in flight', integer(1, 256), JOBS)
    .action(finishBank)

  addAnswerFlag(
    command
      .command('report')
      .description('compare votes and summaries on the same paths; several banks are also pooled')
      .argument('<banks...>', 'folders of banks, and files made with --save'),
  )
    .option('--data <file>', 'the problems, if the file was moved')
    .option('-p, --paths <list>', 'numbers of paths (default: 4,8)', widthsOf)
    .option('--json', 'print as JSON')
    .option('--save <file>', 'also write what was right, without any text of the problems')
    .action(reportBanks)

  addAnswerFlag(
    command
      .command('score')
      .description(
        'compare every way to vote, to weigh and to stop early on the same paths, with the tokens that each would have used',
      )
      .argument('<folders...>', 'folders of banks'),
  )
    .option('--data <file>', 'the problems, if the file was moved')
    .option('-p, --paths <list>', 'numbers of paths (default: 1,2,4,...)', widthsOf)
    .option('--sure <x>', 'decided: probability that is sure enough', decimal(0.5, 0.9999))
    .option('--wave <n>', 'decided: paths per wave', integer(1, MAX_PATHS))
    .option('--patience <n>', 'stable: probes in a row', integer(1, MAX_PATIENCE))
    .option('--orders <n>', 'random orders of the paths', integer(1, 10_000), 50)
    .option('--seed <n>', 'seed of these orders', integer(0, MAX_SEED), 0)
    .option('--json', 'print as JSON')
    .option('--html <file>', 'also write a report with plots')
    .action(scoreBanks)
}

async function recordBank(flags: RecordFlags): Promise<void> {
  const { data, out, paths, skip, limit, fuse: fusions, fusePaths: widths = [4] } = flags
  if (data === undefined) throw new UsageError('Give a file of problems with --data.')
  if (out === undefined) throw new UsageError('Give the folder of the bank with --out.')
  if (fusions === undefined && flags.fusePaths !== undefined)
    throw new UsageError('Give --fuse with --fuse-paths.')
  const widest = Math.max(...widths)
  if (fusions !== undefined && widest > paths)
    throw new UsageError(`Summaries of ${widest} paths need --paths ${widest} at least.`)
  const model = flags.model ?? bundledModel()
  if (model === null)
    throw new BraidError(
      'model-not-found',
      'This Braid has no bundled model: give a GGUF file with --model.',
    )
  const lab = await import('../lab/index.ts')
  const { settings } = solveRequest('any', { ...(await withChosenDevice(flags)) })
  const opened = await lab.openBank({
    folder: out,
    model: resolve(model),
    data: resolve(data),
    fields: { problem: flags.problemField, answer: flags.answerField },
    skip,
    limit,
    paths,
    suffix: flags.suffix,
    settings,
    braid: braidVersion(),
  })
  const note = lab.unscoredNote(lab.unscoredIn(opened.set))
  if (note !== null) say(note)
  const { jobs } = flags
  const sequel = fusions && lab.fusedAtOnce(opened.bank, { fusions, widths })
  const failures = await working(lab, { device: settings.engine?.device, jobs }, (engine, work) =>
    lab.recordPaths(opened, engine, { ...work, paths, sequel }),
  )
  say(`${out}: ${opened.chosen.length} problems, ${paths} paths each.`)
  tell(failures)
}

async function fuseBank(folder: string, flags: FuseFlags): Promise<void> {
  const lab = await import('../lab/index.ts')
  const bank = lab.Bank.open(folder)
  const { fusion: fusions, paths: widths, limit, jobs, question, instruction, as: name } = flags
  if ((instruction === undefined) !== (name === undefined))
    throw new UsageError('Give --instruction and --as together.')
  const usual = { question: question ?? 'value' }
  const asked =
    instruction === undefined
      ? [usual]
      : [...(question === undefined ? [] : [usual]), { instruction, name: name! }]
  const { model, engine, device } = await modelOf(bank, flags)
  const { failures, skipped } = await working(lab, { device, jobs }, (open, work) =>
    lab.fusePaths(bank, open, { ...work, fusions, widths, limit, model, engine, asked }),
  )
  tellSkipped(skipped)
  tell(failures)
}

async function finishBank(folder: string, flags: FinishFlags): Promise<void> {
  const lab = await import('../lab/index.ts')
  const bank = lab.Bank.open(folder)
  const { strategy: strategies, paths: widths, limit, jobs } = flags
  const { model, engine, device } = await modelOf(bank, flags)
  const { failures, skipped } = await working(lab, { device, jobs }, (open, work) =>
    lab.finishRuns(bank, open, { ...work, strategies, widths, limit, model, engine }),
  )
  tellSkipped(skipped)
  tell(failures)
}

/** Returns the model that reads the paths of a bank, and how this machine computes. */
async function modelOf(bank: Bank, flags: EngineFlags) {
  const model = flags.model === undefined ? bank.info.model.file : resolve(flags.model)
  const engine = engineOptions(await withChosenDevice({ ...flags, model }))
  return { model, engine, device: engine.device ?? bank.info.settings.engine.device }
}

function tellSkipped(skipped: number): void {
  if (skipped > 0)
    say(`${skipped} times, a problem has fewer recorded paths: run \`braid bank\` first.`)
}

/** Opens the engine and works with it until all is done, or until Ctrl-C. */
async function working<T>(
  { timeLeft }: typeof LabModule,
  { device, jobs }: { device: string | undefined; jobs: number },
  work: (
    engine: Engine,
    options: { jobs: number; signal: AbortSignal; onProgress: (progress: WorkProgress) => void },
  ) => Promise<T>,
): Promise<T> {
  const stop = new AbortController()
  const interrupt = () => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    say('Stopping. Press Ctrl-C again to quit at once.')
    stop.abort()
  }
  const line = new ProgressLine()
  const began = performance.now()
  const onProgress = ({ done, total, tokens }: WorkProgress) => {
    const ms = performance.now() - began
    const left = done === 0 || done === total ? '' : `, ${timeLeft((ms / done) * (total - done))}`
    line.show(
      done / total,
      `${done}/${total}, ${((tokens / ms) * 1000).toFixed(1)} tokens/s${left}`,
    )
  }
  const engine = await openEngine(device, { jobs, watched: false })
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    return await work(engine, { jobs, signal: stop.signal, onProgress })
  } finally {
    line.done()
    await engine.close()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

/** Reports runs that failed, which fails the command. */
function tell(failures: readonly Failure[]): void {
  if (failures.length === 0) return
  for (const { run, why } of failures) say(`${run}: ${why}`)
  say(`${failures.length} runs failed. The same command tries them again.`)
  process.exitCode = EXIT.failed
}

async function reportBanks(places: string[], flags: ReportFlags): Promise<void> {
  const { mergedOutcomes, outcomesAt, ranges, reportOf, savedOutcomes } =
    await import('../lab/index.ts')
  const { answer: rule, data, paths } = flags
  const banks = mergedOutcomes(
    places.flatMap((place) => outcomesAt(place, { rule, widths: paths, data })),
  )
  if (flags.save !== undefined) writeFileSync(flags.save, savedOutcomes(banks))
  const widths = paths ?? [...new Set(banks.flatMap((one) => one.widths))].sort((a, b) => a - b)
  const reports = banks.map(({ info, outcomes }) => ({
    name: info.model.name,
    report: reportOf(outcomes, widths),
  }))
  if (banks.length > 1)
    reports.push({
      name: 'pooled',
      report: reportOf(
        banks.flatMap(({ outcomes }) => outcomes),
        widths,
      ),
    })
  if (flags.json === true)
    return print(`${JSON.stringify({ banks: banks.map(({ info }) => info), reports }, null, 1)}\n`)
  for (const { info, outcomes } of banks) {
    const { model, data, suffix, seed, settings } = info
    const { temperature, topP } = settings.sampling
    await print(
      `${model.name} (${model.sha256})\n` +
        `  data ${data.sha256}, problems ${ranges(outcomes.map(({ problem }) => problem))}\n` +
        `  temperature ${temperature}, top-p ${topP}, budget ${settings.budget}, summary budget ${settings.summaryBudget}, seed ${seed}, suffix ${JSON.stringify(suffix)}\n`,
    )
  }
  await print(`\n${accuracyTable(reports)}`)
  if (reports.some(({ report }) => report.differences.length > 0))
    await print(`\n${differenceTable(reports)}`)
}

async function scoreBanks(folders: string[], flags: ScoreFlags): Promise<void> {
  const lab = await import('../lab/index.ts')
  const { SCORE_DEFAULTS, scoreHtml, scoreOf, scoredProblems, usualWidths } = lab
  const { sure, wave, patience, orders, seed } = flags
  const options = {
    sure: sure ?? SCORE_DEFAULTS.sure,
    wave: wave ?? SCORE_DEFAULTS.wave,
    patience: patience ?? SCORE_DEFAULTS.patience,
  }
  const banks = folders.map((folder): NamedScore => {
    const bank = lab.Bank.open(folder)
    const { data, paths } = bank.info
    const file = flags.data ?? data.file
    const problems = scoredProblems(bank, lab.readProblems(file, data.fields), file, flags.answer)
    const score = scoreOf(problems, flags.paths ?? usualWidths(paths), options, { orders, seed })
    return { info: bank.info, score }
  })
  if (flags.html !== undefined) writeFileSync(flags.html, scoreHtml(banks))
  if (flags.json === true) return print(`${JSON.stringify({ options, banks }, null, 1)}\n`)
  for (const { info, score } of banks) {
    await print(`${info.model.name} (${info.model.sha256})\n\n${scoreTable(score)}`)
    for (const one of score.lacking) say(lab.lackingText(one))
  }
}

function scoreTable({ rows }: BankScore): string {
  const head = [
    'rule',
    'paths',
    'n',
    '%',
    '95 %',
    'tokens',
    'saved %',
    'any order %',
    'points',
    '95 %',
    'better',
    'worse',
    'McNemar p',
  ]
  const cells = rows.map(({ against, ...row }) => [
    row.rule,
    String(row.paths),
    String(row.n),
    percent(row.share),
    interval(row),
    row.tokens.toFixed(0),
    percent(row.saved),
    percent(row.orders.share),
    ...(against === undefined
      ? ['', '', '', '', '']
      : [
          percent(against.difference),
          interval(against),
          String(against.first),
          String(against.second),
          against.p.toPrecision(2),
        ]),
  ])
  return table(head, cells, new Set(head.map((_, i) => i).slice(1)))
}

type Named = { name: string; report: BankReport }

const percent = (share: number) => (share * 100).toFixed(1)
const interval = ({ low, high }: { low: number; high: number }) =>
  `${percent(low)} to ${percent(high)}`

function accuracyTable(reports: readonly Named[]): string {
  const rows = reports.flatMap(({ name, report }) =>
    report.accuracy.map((row) => [
      name,
      row.method,
      String(row.paths),
      String(row.n),
      percent(row.share),
      interval(row),
      row.tokens === null ? '' : row.tokens.toFixed(0),
    ]),
  )
  const head = ['bank', 'answer', 'paths', 'n', '%', '95 %', 'tokens']
  return table(head, rows, new Set([2, 3, 4, 5, 6]))
}

function differenceTable(reports: readonly Named[]): string {
  const rows = reports.flatMap(({ name, report }) =>
    report.differences.map((row) => [
      name,
      row.methods.join(' - '),
      String(row.paths),
      String(row.n),
      String(row.first),
      String(row.second),
      percent(row.difference),
      interval(row),
      row.p.toPrecision(2),
    ]),
  )
  const head = [
    'bank',
    'difference',
    'paths',
    'n',
    'better',
    'worse',
    'points',
    '95 %',
    'McNemar p',
  ]
  return table(head, rows, new Set([2, 3, 4, 5, 6, 7, 8]))
}
