import { Option, type Command } from 'commander'
import {
  FinishRule,
  Fusion,
  MAX_ALTERNATIVES,
  MAX_BUDGET,
  MAX_PATHS,
  MAX_SEED,
  RunRequest,
  STRATEGIES,
  VoteRule,
  type Strategy,
} from '../protocol/request.ts'
import { addEngineFlags, engineOptions, type EngineFlags } from './engine-flags.ts'
import { decimal, integer, UsageError } from './usage.ts'

export interface SolveFlags extends EngineFlags {
  strategy?: Strategy
  paths?: number
  runs?: number
  budget?: number
  summaryBudget?: number
  finish?: FinishRule
  vote?: VoteRule
  temperature?: number
  topK?: number
  topP?: number
  minP?: number
  repetitionPenalty?: number
  repetitionWindow?: number
  seed?: number
  system?: string
  top?: number
  sameToken?: boolean
  reuseTokens?: boolean
  fusion?: 'auto' | Fusion
  json?: boolean
  out?: string
}

export function addSolveFlags(command: Command): Command {
  addEngineFlags(command)
    .addOption(new Option('-s, --strategy <name>', 'how to think').choices(STRATEGIES))
    .option('-p, --paths <n>', 'paths (of one run)', integer(1, MAX_PATHS))
    .option('-b, --budget <n>', 'tokens of one path', integer(1, MAX_BUDGET))
    .addOption(new Option('--vote <rule>', 'how answers are compared').choices(VoteRule.options))
  return addThinkFlags(command)
}

/** What a run has beside its strategy, paths, budget and vote, which experiments vary. */
export function addThinkFlags(command: Command): Command {
  return command
    .option('--runs <n>', 'runs of parallel-majority', integer(1, MAX_PATHS))
    .option('--summary-budget <n>', 'tokens of the summary', integer(1, MAX_BUDGET))
    .addOption(
      new Option(
        '--finish <rule>',
        'when the summary begins: first, half or last path ended',
      ).choices(FinishRule.options),
    )
    .option('-t, --temperature <x>', 'of the sampler; 0: greedy', decimal(0, 10))
    .option('--top-k <n>', 'of the sampler; 0: the whole vocabulary', integer(0, 1_000_000))
    .option('--top-p <x>', 'of the sampler', decimal(0, 1))
    .option('--min-p <x>', 'of the sampler', decimal(0, 1))
    .option('--repetition-penalty <x>', 'of the sampler; 1: none', decimal(0.1, 10))
    .option('--repetition-window <n>', 'tokens that the penalty looks at', integer(0, 65_536))
    .option('--seed <n>', 'of the random numbers', integer(0, MAX_SEED))
    .option('--system <text>', 'system prompt')
    .option('--top <k>', 'alternatives recorded for each token', integer(0, MAX_ALTERNATIVES))
    .option('--same-token', 'every path is opened by <think1>')
    .option('--reuse-tokens', 'more paths than trained control tokens: use them again')
    .addOption(
      new Option('--fusion <mode>', 'how the summary reads the paths').choices([
        'auto',
        ...Fusion.options,
      ]),
    )
}

export function solveRequest(problem: string, flags: SolveFlags): RunRequest {
  const {
    strategy,
    paths,
    runs,
    budget,
    summaryBudget,
    finish,
    vote,
    seed,
    system,
    reuseTokens,
    top: alternatives,
  } = flags
  const {
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    repetitionWindow,
    thoughtEmbedding,
    sameToken,
    fusion,
  } = flags
  const request = {
    problem,
    model: flags.model,
    settings: {
      strategy,
      paths,
      runs,
      budget,
      summaryBudget,
      finish,
      vote,
      seed,
      system,
      reuseTokens,
      alternatives,
      sampling: { temperature, topK, topP, minP, repetitionPenalty, repetitionWindow },
      controls: {
        thoughtEmbedding: thoughtEmbedding === undefined ? undefined : thoughtEmbedding === 'on',
        sameToken,
        fusion,
      },
      engine: engineOptions(flags),
    },
  }
  const parsed = RunRequest.safeParse(request)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  if (issue?.path[0] === 'problem')
    throw new UsageError(
      problem === ''
        ? 'The problem is empty.'
        : `The problem is longer than ${1 << 20} characters.`,
    )
  throw new UsageError(`${issue?.path.join('.')}: ${issue?.message}`)
}
