import { basename, extname, join } from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import { bundledModel } from '../models/index.ts'
import { BraidError } from '../protocol/errors.ts'
import type { AnswerRule, LabCell, LabEvent, LabPlan, LabSpec } from '../protocol/lab.ts'
import { MAX_BUDGET, MAX_PATHS, STRATEGIES, ValueRule, type Strategy } from '../protocol/request.ts'
import { braidVersion } from '../programs/index.ts'
import { withChosenDevice } from './engine.ts'
import { addEngineFlags } from './engine-flags.ts'
import { addThinkFlags, solveRequest, type SolveFlags } from './solve-flags.ts'
import { SampleLine } from './sample-line.ts'
import { table } from './table.ts'
import { EXIT, integer, print, say, UsageError } from './usage.ts'

interface LabFlags extends Omit<SolveFlags, 'strategy' | 'paths' | 'budget' | 'vote'> {
  data?: string
  samples: number
  answer: AnswerRule
  limit?: number
  jobs?: number
  problemField?: string
  answerField?: string
}

interface EvalFlags extends LabFlags {
  strategies: Strategy[]
  paths?: number[]
  budgets?: number[]
  sequentialBudgets?: number[]
  vote: ValueRule[]
}

/**
 * Adds `braid eval`, `braid eval tunnel` and `braid eval ablate`: the accuracy of a model on a set
 * of problems.
 */
export function addEval(program: Command): void {
  // A flag belongs to the command before it: `eval tunnel --paths` is not `eval --paths`.
  const command = program
    .enablePositionalOptions()
    .command('eval')
    .description('measure accuracy on a set of problems, over strategies, paths and budgets')
  addLabFlags(command)
    .option(
      '--strategies <list>',
      `strategies to compare: ${STRATEGIES.join(', ')}`,
      list(one(STRATEGIES)),
      ['parallel'],
    )
    .option(
      '--paths <list>',
      'numbers of paths (default: powers of two up to the model\u2019s default)',
      list(integer(1, MAX_PATHS)),
    )
    .option(
      '--budgets <list>',
      'tokens per path (default: the model\u2019s default)',
      list(integer(1, MAX_BUDGET)),
    )
    .option(
      '--sequential-budgets <list>',
      'budgets for sequential, such as paths times budget',
      list(integer(1, MAX_BUDGET)),
    )
    .option(
      '--vote <list>',
      'vote rules for majorities, one row each',
      list(one(ValueRule.options)),
      ['equality'],
    )
    .action((flags: EvalFlags) =>
      experiment(flags, {
        kind: 'eval',
        strategies: flags.strategies,
        paths: flags.paths,
        budgets: flags.budgets,
        sequentialBudgets: flags.sequentialBudgets,
        votes: flags.vote,
      }),
    )

  addLabFlags(
    command
      .command('tunnel')
      .description(
        'measure how paths recover from a wrong beginning, by its length, alone and with free paths',
      ),
  )
    .option(
      '--prefixes <list>',
      'numbers of tokens taken from a wrong path',
      list(integer(0, MAX_BUDGET)),
      [0, 10, 20, 40, 80],
    )
    .option(
      '--paths <n>',
      'paths if the others are free (default: the model\u2019s default)',
      integer(1, MAX_PATHS),
    )
    .option(
      '--budget <n>',
      'tokens per path after its prefix (default: the model\u2019s default)',
      integer(1, MAX_BUDGET),
    )
    .action((flags: LabFlags & { prefixes: number[]; paths?: number; budget?: number }) =>
      experiment(flags, {
        kind: 'tunnel',
        prefixes: flags.prefixes,
        paths: flags.paths,
        budget: flags.budget,
      }),
    )

  addLabFlags(
    command
      .command('ablate')
      .description(
        'measure what each part contributes: thought table, control tokens, finish rule, fusion',
      ),
  )
    .option(
      '--paths <list>',
      'numbers of paths (default: the model\u2019s default)',
      list(integer(1, MAX_PATHS)),
    )
    .option(
      '--budgets <list>',
      'tokens per path (default: the model\u2019s default)',
      list(integer(1, MAX_BUDGET)),
    )
    .action((flags: LabFlags & { paths?: number[]; budgets?: number[] }) =>
      experiment(flags, { kind: 'ablate', paths: flags.paths, budgets: flags.budgets }),
    )
}

function addLabFlags(command: Command): Command {
  return addAnswerFlag(addDataFlags(addThinkFlags(addEngineFlags(command))))
    .option('--samples <n>', 'runs per problem', integer(1, 100_000), 1)
    .option('--limit <n>', 'use only the first n problems', integer(1, 100_000_000))
    .option(
      '--jobs <n>',
      'runs in flight, as many as fit (default: 8); 1: each alone, for the same tokens every time',
      integer(1, 256),
    )
    .option(
      '--out <folder>',
      'folder for results; a stopped experiment resumes there (default: a folder under braid-eval)',
    )
}

/** Adds the flag for what counts as an answer. */
export function addAnswerFlag(command: Command): Command {
  return command.option(
    '--answer <rule>',
    'what counts as an answer: stated, or last-number (the last number of a text that states none)',
    one<AnswerRule>(['stated', 'last-number']),
    'stated',
  )
}

/** Adds the flags that name a set of problems. */
export function addDataFlags(command: Command): Command {
  return command
    .option(
      '--data <file>',
      'problems (required): .jsonl or a .json array; each with problem and answer (also as GSM8K, MATH and sets of multiple choice have them), or numbers and target',
    )
    .option(
      '--problem-field <name>',
      'field that holds the problem (default: problem, else question)',
    )
    .option(
      '--answer-field <name>',
      'field that holds the answer (default: answer, or numbers and target)',
    )
}

/** Default number of concurrent runs; fewer work at once if they do not fit. */
const JOBS = 8

async function experiment(flags: LabFlags, plan: LabPlan): Promise<void> {
  // Checked here: commander would also demand a required option of a parent command from its
  // subcommands.
  const { data } = flags
  if (data === undefined) throw new UsageError('Give a file of problems with --data.')
  const model = flags.model ?? bundledModel()
  if (model === null)
    throw new BraidError(
      'model-not-found',
      'This Braid has no bundled model: give a GGUF file with --model.',
    )
  const stem = (file: string) => basename(file, extname(file))
  const { settings } = solveRequest('any', {
    ...(await withChosenDevice(flags)),
    strategy: undefined,
    paths: undefined,
    budget: undefined,
    vote: undefined,
  } as SolveFlags)
  const spec: LabSpec = {
    model,
    data,
    fields: { problem: flags.problemField, answer: flags.answerField },
    limit: flags.limit,
    samples: flags.samples,
    answer: flags.answer,
    settings,
    jobs: flags.jobs ?? JOBS,
    order: 'unit',
    plan,
  }
  const stop = new AbortController()
  const interrupt = () => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    say('Stopping. Press Ctrl-C again to quit at once.')
    stop.abort()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  const { runLab, strategyName, timeLeft, unscoredNote } = await import('../lab/index.ts')
  const line = new SampleLine(process.stderr, timeLeft)
  try {
    let last: LabEvent | undefined
    for await (const event of runLab(spec, stop.signal, {
      out: flags.out ?? join('braid-eval', `${plan.kind}-${stem(data)}-${stem(model)}`),
      command: ['braid', ...process.argv.slice(2).map(quoted)].join(' '),
      engine: `Braid ${braidVersion()}`,
    })) {
      if (event.type === 'sample') line.show(event)
      else tell(event, unscoredNote)
      last = event
    }
    line.end()
    if (last?.type !== 'written') return
    await print(cellTable(last.cells, strategyName))
    const { json, csv, report } = last.files
    say(`Results: ${json}, ${csv}. Report: ${report}`)
  } finally {
    line.end()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

/** Prints what happens before the runs. */
function tell(
  event: LabEvent,
  unscoredNote: (unscored: Extract<LabEvent, { type: 'opened' }>['unscored']) => string | null,
): void {
  if (event.type === 'opened') {
    const note = unscoredNote(event.unscored)
    if (note !== null) say(note)
  } else if (event.type === 'searching')
    say(`Looking for wrong paths: ${event.runs} runs of one path.`)
  else if (event.type === 'searched')
    say(
      `${event.usable} of ${event.of} paths alone went wrong and have ${event.least} tokens or more.`,
    )
}

function cellTable(cells: readonly LabCell[], strategyName: (cell: LabCell) => string): string {
  const share = (value: number) => (value * 100).toFixed(1)
  const named = cells.some(({ variant }) => variant !== undefined)
  const head = [
    ...(named ? ['variant'] : []),
    'strategy',
    'paths',
    'budget',
    'n',
    'accuracy %',
    '95 %',
    'some path %',
    'tokens',
    'median ms',
    'KV MiB',
    'failed',
  ]
  const rows = cells.map((c) => [
    ...(named ? [c.variant ?? ''] : []),
    strategyName(c),
    String(c.paths),
    String(c.budget),
    String(c.n),
    share(c.accuracy),
    `${share(c.low)} to ${share(c.high)}`,
    share(c.anyPath),
    c.tokens.toFixed(0),
    c.medianMs.toFixed(0),
    (c.peakKvBytes / 2 ** 20).toFixed(2),
    String(c.failed),
  ])
  return table(
    head,
    rows,
    new Set(head.flatMap((name, i) => (['variant', 'strategy'].includes(name) ? [] : [i]))),
  )
}

const quoted = (argument: string) =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`

/** Parses comma-separated values, each with `item`, and drops repeats. */
function list<T>(item: (text: string) => T): (text: string) => T[] {
  return (text) => [...new Set(text.split(',').map((part) => item(part.trim())))]
}

function one<T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text)
    if (found === undefined) throw new InvalidArgumentError(`Choose from ${choices.join(', ')}.`)
    return found
  }
}
