import { InvalidArgumentError, Option, type Command } from 'commander'
import {
  AnswerBy,
  FinishRule,
  FinishWord,
  Fusion,
  MAX_ALTERNATIVES,
  MAX_BUDGET,
  MAX_JUDGEMENTS,
  MAX_PATHS,
  MAX_PATIENCE,
  MAX_ROUNDS,
  MAX_SEED,
  MIN_PROBE_EVERY,
  QuestionKind,
  RunRequest,
  StopRule,
  STRATEGIES,
  TemplateVariables,
  VoteRule,
  Weight,
  type RunSettings,
  type Strategy,
} from '../protocol/request.ts'
import {
  addEndpointFlags,
  addEngineFlags,
  engineOptions,
  type EndpointFlags,
  type EngineFlags,
} from './engine-flags.ts'
import { decimal, integer, UsageError, word } from './usage.ts'

export interface SolveFlags extends EngineFlags, EndpointFlags {
  strategy?: Strategy
  paths?: number
  runs?: number
  rounds?: number
  reads?: number
  judgements?: number
  answerBy?: AnswerBy
  budget?: number
  summaryBudget?: number
  finish?: FinishRule
  stop?: StopRule | 'none'
  sure?: number
  wave?: number
  probeEvery?: number
  patience?: number
  weight?: Weight | 'none'
  vote?: VoteRule
  temperature?: number
  topK?: number
  topP?: number
  minP?: number
  repetitionPenalty?: number
  repetitionWindow?: number
  seed?: number
  system?: string
  thinking?: 'on' | 'off'
  reasoningEffort?: string
  top?: number
  tail?: number
  question?: RunSettings['question']
  instruction?: string
  refineInstruction?: string
  joinThoughts?: boolean
  run?: boolean
  sameToken?: boolean
  reuseTokens?: boolean
  alone?: boolean
  fusion?: 'auto' | Fusion
  json?: boolean
  out?: string
}

export function addSolveFlags(command: Command): Command {
  addEndpointFlags(addEngineFlags(command))
    .addOption(new Option('-s, --strategy <name>', 'thinking strategy').choices(STRATEGIES))
    .option('-p, --paths <n>', 'number of paths (per run)', integer(1, MAX_PATHS))
    .option('-b, --budget <n>', 'tokens per path', integer(1, MAX_BUDGET))
    .addOption(
      new Option(
        '--vote <rule>',
        'how to compare answers; behaviour: as programs, by what they return, as for any code',
      ).choices(VoteRule.options),
    )
    .option('--no-run', 'do not run the programs that answers contain (default: in a sandbox)')
  return addThinkFlags(command)
}

/** Adds the flags for everything but strategy, paths, budget and vote, which experiments vary. */
export function addThinkFlags(command: Command): Command {
  command
    .option('--runs <n>', 'number of runs of parallel-majority', integer(1, MAX_PATHS))
    .option('--rounds <n>', 'rounds of refine (default: 2)', integer(1, MAX_ROUNDS))
    .option(
      '--reads <n>',
      'how many paths of the round before each path of refine reads (default: 3)',
      integer(1, MAX_PATHS),
    )
    .option(
      '--judgements <n>',
      'judgements per candidate of tournament, in as many rounds (default: 2)',
      integer(1, MAX_JUDGEMENTS),
    )
    .addOption(
      new Option(
        '--answer-by <rule>',
        'what answers with parallel and refine; auto: a vote over values where two paths agree and the model was not trained for summaries, else a summary',
      ).choices(AnswerBy.options),
    )
    .option('--summary-budget <n>', 'tokens per summary', integer(1, MAX_BUDGET))
    .option(
      '--finish <rule>',
      'when the summary begins: after the first, half or the last of the paths, or after this many; majority with a number: count the first ones only',
      finishRule,
    )
    .addOption(
      new Option(
        '--stop <rule>',
        'end a vote early; decided: once its answer is sure, after a wave of paths; stable: once most paths, asked on the way, keep saying the same',
      ).choices(['none', ...StopRule.options]),
    )
    .option(
      '--sure <x>',
      'decided: probability that is sure enough (default: 0.95)',
      decimal(0.5, 0.9999),
    )
    .option('--wave <n>', 'decided: paths that run at once (default: 4)', integer(1, MAX_PATHS))
    .option(
      '--probe-every <n>',
      'stable: tokens of a path between two questions (default: 256)',
      integer(MIN_PROBE_EVERY, MAX_BUDGET),
    )
    .option(
      '--patience <n>',
      'stable: how often in a row most paths must say the same (default: 3)',
      integer(1, MAX_PATIENCE),
    )
    .addOption(
      new Option(
        '--weight <rule>',
        'what an answer counts in a vote: by how confident the path was, in all or its last 2,048 tokens, or by how short it is',
      ).choices(['none', ...Weight.options]),
    )
  return addSamplingFlags(command)
    .option('--top <k>', 'alternatives to record per token', integer(0, MAX_ALTERNATIVES))
    .option('--same-token', 'open every path with <think1>')
    .option('--reuse-tokens', 'reuse control tokens if there are more paths than trained ones')
    .option(
      '--alone',
      'share the context with no other run, for the same tokens every time (default, unless several run at once)',
    )
    .option('--no-alone', 'allow other runs in the same context')
    .addOption(
      new Option('--fusion <mode>', 'how the summary reads the paths').choices([
        'auto',
        ...Fusion.options,
      ]),
    )
    .option(
      '--tail <n>',
      'tokens that a summary reads of a path that was cut in its thought (default: 512)',
      integer(1, MAX_BUDGET),
    )
    .addOption(
      new Option(
        '--question <kind>',
        'what kind of answer is asked for; auto: decided from the paths',
      ).choices(['auto', ...QuestionKind.options]),
    )
    .option(
      '--instruction <text>',
      'what the summary is asked to do with the paths (models without training; default: by the kind of the question)',
    )
    .option(
      '--refine-instruction <text>',
      'what a path of a later round of refine is asked to do (models without training)',
    )
    .option('--join-thoughts', 'let the summary also read what a model thought before its answers')
}

/** Adds the flags for the sampler, the seed and the system prompt. */
export function addSamplingFlags(command: Command): Command {
  return command
    .option('-t, --temperature <x>', 'sampler: temperature, 0 = greedy', decimal(0, 10))
    .option('--top-k <n>', 'sampler: top-k, 0 = off', integer(0, 1_000_000))
    .option('--top-p <x>', 'sampler: top-p, 1 = off', decimal(0, 1))
    .option('--min-p <x>', 'sampler: min-p, 0 = off', decimal(0, 1))
    .option(
      '--repetition-penalty <x>',
      'sampler: penalty for repeated tokens, 1 = off',
      decimal(0.1, 10),
    )
    .option(
      '--repetition-window <n>',
      'sampler: recent tokens that the penalty covers',
      integer(0, 65_536),
    )
    .option('--seed <n>', 'seed of the random numbers', integer(0, MAX_SEED))
    .option('--system <text>', 'system prompt')
    .addOption(
      new Option(
        '--thinking <switch>',
        'enable_thinking of the chat template: whether the model thinks before it answers',
      ).choices(['on', 'off']),
    )
    .option(
      '--reasoning-effort <level>',
      'reasoning_effort of the chat template: low, medium, high or what it knows',
      word(TemplateVariables.shape.reasoning_effort),
    )
}

/** Parses `--finish`: a word, or a number of paths. */
function finishRule(text: string): FinishRule {
  const { data } = FinishRule.safeParse(/^\d+$/.test(text) ? Number(text) : text)
  if (data === undefined)
    throw new InvalidArgumentError(`Use ${FinishWord.options.join(', ')} or a number of paths.`)
  return data
}

/** Returns what a flag says; `none` is the setting's absence. */
const unlessNone = <T extends string>(value: T | 'none' | undefined): T | undefined =>
  value === 'none' ? undefined : value

export function solveRequest(problem: string, flags: SolveFlags): RunRequest {
  const {
    strategy,
    paths,
    runs,
    rounds,
    reads,
    judgements,
    answerBy,
    budget,
    summaryBudget,
    finish,
    stop,
    sure,
    wave,
    probeEvery,
    patience,
    weight,
    vote,
    seed,
    system,
    thinking,
    reasoningEffort,
    reuseTokens,
    alone,
    tail,
    question,
    instruction,
    refineInstruction,
    joinThoughts,
    run: runPrograms,
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
      rounds,
      reads,
      judgements,
      answerBy,
      budget,
      summaryBudget,
      finish,
      stop: unlessNone(stop),
      sure,
      wave,
      probeEvery,
      patience,
      weight: unlessNone(weight),
      vote,
      seed,
      system,
      templateVariables:
        thinking === undefined && reasoningEffort === undefined
          ? undefined
          : {
              enable_thinking: thinking === undefined ? undefined : thinking === 'on',
              reasoning_effort: reasoningEffort,
            },
      reuseTokens,
      alone,
      tail,
      question,
      instruction,
      refineInstruction,
      joinThoughts,
      runPrograms: runPrograms === false ? false : undefined,
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
