import { basename, extname, join } from 'node:path'
import { InvalidArgumentError, type Command } from 'commander'
import { bundledModel } from '../models/index.ts'
import type { Cell } from '../lab/index.ts'
import type * as LabModule from '../lab/index.ts'
import type { Lab, LabResult } from '../lab/index.ts'
import { BraidError } from '../protocol/errors.ts'
import { MAX_BUDGET, MAX_PATHS, STRATEGIES, VoteRule, type Strategy } from '../protocol/request.ts'
import { braidVersion } from '../programs/index.ts'
import { withChosenDevice } from './engine.ts'
import { addEngineFlags } from './engine-flags.ts'
import { addThinkFlags, solveRequest, type SolveFlags } from './solve-flags.ts'
import { table } from './table.ts'
import { EXIT, integer, print, say, UsageError } from './usage.ts'

interface LabFlags extends Omit<SolveFlags, 'strategy' | 'paths' | 'budget' | 'vote'> {
  data?: string
  samples: number
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
  vote: VoteRule[]
}

/** `braid eval`, `braid eval tunnel`, `braid eval ablate`: accuracy of a model on a set of problems. */
export function addEval(program: Command): void {
  // A flag belongs to the command before it: `eval tunnel --paths` is not `eval --paths`.
  const command = program
    .enablePositionalOptions()
    .command('eval')
    .description('accuracy on a set of problems, over strategies, paths and budgets')
  addLabFlags(command)
    .option('--strategies <list>', `of ${STRATEGIES.join(', ')}`, list(one(STRATEGIES)), [
      'parallel',
    ])
    .option(
      '--paths <list>',
      'numbers of paths (default: powers of two up to the model\u2019s own)',
      list(integer(1, MAX_PATHS)),
    )
    .option(
      '--budgets <list>',
      'tokens of a path (default: the model\u2019s own)',
      list(integer(1, MAX_BUDGET)),
    )
    .option(
      '--sequential-budgets <list>',
      'budgets of sequential alone, such as paths times budget',
      list(integer(1, MAX_BUDGET)),
    )
    .option(
      '--vote <list>',
      'rules that majorities are counted by, each a row of its own',
      list(one(VoteRule.options)),
      ['equality'],
    )
    .action((flags: EvalFlags) =>
      experiment('eval', flags, (lab, { gridUnits, runLab }) => {
        const own = lab.settle({ strategy: 'parallel' })
        const paths = flags.paths ?? [1, 2, 4, 8, 16, 32, 64].filter((p) => p <= own.paths)
        const units = gridUnits(
          {
            strategies: flags.strategies,
            paths,
            budgets: flags.budgets ?? [own.budget],
            sequentialBudgets: flags.sequentialBudgets,
            votes: flags.vote,
          },
          lab.settle,
        )
        return runLab(lab, 'eval', units)
      }),
    )

  addLabFlags(
    command
      .command('tunnel')
      .description(
        'does a path get out of a wrong beginning? accuracy by its length, alone and with free paths',
      ),
  )
    .option(
      '--prefixes <list>',
      'tokens of wrong paths to begin with',
      list(integer(0, MAX_BUDGET)),
      [0, 10, 20, 40, 80],
    )
    .option(
      '--paths <n>',
      'paths where the others are free (default: the model\u2019s own)',
      integer(1, MAX_PATHS),
    )
    .option(
      '--budget <n>',
      'tokens of a path after its prefix (default: the model\u2019s own)',
      integer(1, MAX_BUDGET),
    )
    .action((flags: LabFlags & { prefixes: number[]; paths?: number; budget?: number }) =>
      experiment('tunnel', flags, (lab, { collectWrongPaths, runLab, tunnelUnits }) => {
        const units = tunnelUnits(lab, flags)
        const least = Math.max(...flags.prefixes)
        return runLab(lab, 'tunnel', units, {
          settings: { longestPrefix: least },
          wrongPaths: () => collectWrongPaths(lab, units[0]!, least),
        })
      }),
    )

  addLabFlags(
    command
      .command('ablate')
      .description('what each part is worth: thought table, control tokens, finish rule, fusion'),
  )
    .option(
      '--paths <list>',
      'numbers of paths (default: the model\u2019s own)',
      list(integer(1, MAX_PATHS)),
    )
    .option(
      '--budgets <list>',
      'tokens of a path (default: the model\u2019s own)',
      list(integer(1, MAX_BUDGET)),
    )
    .action((flags: LabFlags & { paths?: number[]; budgets?: number[] }) =>
      experiment('ablate', flags, (lab, { ablationUnits, runLab }) =>
        runLab(lab, 'ablate', ablationUnits(lab, flags)),
      ),
    )
}

function addLabFlags(command: Command): Command {
  return addThinkFlags(addEngineFlags(command))
    .option(
      '--data <file>',
      'problems (needed): .jsonl, or a .json array; each with problem and answer, or numbers and target',
    )
    .option('--problem-field <name>', 'field of the problem (default: problem)')
    .option('--answer-field <name>', 'field of the answer (default: answer, or numbers and target)')
    .option('--samples <n>', 'runs of each problem', integer(1, 100_000), 1)
    .option('--limit <n>', 'only the first problems', integer(1, 100_000_000))
    .option(
      '--jobs <n>',
      'runs at once (default: one a core for a small model on the CPU, else 1)',
      integer(1, 256),
    )
    .option(
      '--out <folder>',
      'results; an experiment that was stopped goes on there (default: a folder under braid-eval)',
    )
}

async function experiment(
  kind: 'eval' | 'tunnel' | 'ablate',
  flags: LabFlags,
  run: (lab: Lab, module: typeof LabModule) => Promise<LabResult>,
): Promise<void> {
  // Options that a parent command requires, commander would ask of its subcommands too.
  const { data } = flags
  if (data === undefined) throw new UsageError('Name a file of problems with --data.')
  const model = flags.model ?? bundledModel()
  if (model === null)
    throw new BraidError(
      'model-not-found',
      'No model is bundled with this Braid: name a GGUF file with --model.',
    )
  const stem = (file: string) => basename(file, extname(file))
  const { settings } = solveRequest('any', {
    ...(await withChosenDevice(flags)),
    strategy: undefined,
    paths: undefined,
    budget: undefined,
    vote: undefined,
  } as SolveFlags)
  const stop = new AbortController()
  const interrupt = () => {
    if (stop.signal.aborted) process.exit(EXIT.interrupted)
    say('Stopping. Once more ends at once.')
    stop.abort()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    const module = await import('../lab/index.ts') // mathjs takes a moment to load
    const lab = await module.openLab({
      model,
      data,
      fields: { problem: flags.problemField, answer: flags.answerField },
      limit: flags.limit,
      samples: flags.samples,
      out: flags.out ?? join('braid-eval', `${kind}-${stem(data)}-${stem(model)}`),
      settings,
      jobs: flags.jobs,
      command: ['braid', ...process.argv.slice(2).map(quoted)].join(' '),
      engine: `Braid ${braidVersion()}`,
      stderr: process.stderr,
      signal: stop.signal,
    })
    const { cells, files } = await run(lab, module)
    await print(cellTable(cells, module.strategyName))
    say(`Results: ${files.json}, ${files.csv}. Report: ${files.report}`)
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

function cellTable(cells: readonly Cell[], strategyName: (cell: Cell) => string): string {
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

/** Comma-separated values, each read by `item`, without repeats. */
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
