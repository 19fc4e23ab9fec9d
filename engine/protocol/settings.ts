import { DEFAULT_TAIL, MAX_BUDGET, MAX_PATHS, RunSettings, type RunRequest } from './request.ts'
import type { ForkForm } from './forks.ts'
import { ruleOf, takesAnswerBy } from './shapes.ts'

/** Settings that a model's file provides for its runs (docs/method.md, "The GGUF contract"). */
export interface ModelDefaults {
  /** Scalar metadata, keyed as in the file; values may be text. */
  metadata: Readonly<Record<string, unknown>>
  /** Trained pairs of control tokens; 0: the model does not think in parallel natively. */
  nativePaths: number
  /** Whose marks of forks its vocabulary has. */
  forks?: ForkForm | undefined
}

/** Braid's own defaults; a model's keys override them. */
export const DEFAULTS: RunSettings = {
  strategy: 'parallel',
  paths: 4,
  runs: 1,
  budget: 2048,
  summaryBudget: 2048,
  finish: 'first',
  vote: 'equality',
  sampling: {
    temperature: 0.5,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    repetitionWindow: 64,
  },
  seed: 0,
  tail: DEFAULT_TAIL,
  question: 'auto',
  runPrograms: true,
  alternatives: 0,
  reuseTokens: false,
  controls: { thoughtEmbedding: true, sameToken: false, fusion: 'auto' },
  engine: {
    device: 'auto',
    gpuLayers: -1,
    kvType: 'f16',
    flashAttention: 'auto',
    threads: 0,
    context: 0,
  },
}

/** The default number of groups of `parallel-majority`: the fewest that can outvote one. */
const DEFAULT_RUNS = 3

/** The defaults of `refine`. */
const REFINE = { paths: 8, rounds: 2, reads: 3 } as const

/** The default number of judgements per candidate: enough for one winner of four. */
export const DEFAULT_JUDGEMENTS = 2

type Rounds = Pick<RunSettings, 'paths' | 'rounds' | 'reads'>

/**
 * Returns the paths and rounds of a run whose strategy takes rounds. `most`: the paths that the model
 * was trained for.
 */
export function roundsFor({ paths, rounds, reads }: Partial<Rounds>, most: number): Rounds {
  const width = paths ?? Math.min(REFINE.paths, most)
  return {
    paths: width,
    rounds: rounds ?? REFINE.rounds,
    reads: reads ?? Math.min(REFINE.reads, width),
  }
}

const LEAST_SUMMARY = 1024

/** Returns the default budget of a summary: at least a path's, since it may have to be as long. */
export const summaryBudgetFor = (budget: number): number => Math.max(LEAST_SUMMARY, budget)

/** Returns the largest budget that fits into `tokens` with the default budget of its summary. */
export const budgetWithin = (tokens: number): number =>
  Math.min(tokens - LEAST_SUMMARY, Math.floor(tokens / 2))

/**
 * Returns the settings of a run: the requested settings override the model's keys, which override
 * Braid's defaults. Pure, so `resolveSettings({}, model)` gives a model's defaults without loading
 * it.
 */
export function resolveSettings(asked: RunRequest['settings'], model: ModelDefaults): RunSettings {
  const strategy = asked.strategy ?? (model.forks === undefined ? DEFAULTS.strategy : 'fork-join')
  const takes = ruleOf(strategy)
  const preferred = key(model, 'parathinker.paths', 1, MAX_PATHS, Math.round) ?? DEFAULTS.paths
  const trained =
    model.nativePaths > 0 && !takes.single && asked.reuseTokens !== true
      ? model.nativePaths
      : MAX_PATHS
  const given = withoutUndefined(asked)
  const settings: RunSettings = {
    ...DEFAULTS,
    paths: Math.min(preferred, trained),
    budget: key(model, 'parathinker.budget', 1, MAX_BUDGET, Math.round) ?? DEFAULTS.budget,
    runs: DEFAULT_RUNS,
    // Answers in a schema are compared as they stand.
    ...(asked.schema !== undefined && { vote: 'text' as const }),
    // A model that was not trained for paths to be cut off needs each path's end.
    finish: model.nativePaths > 0 ? DEFAULTS.finish : 'last',
    ...given,
    sampling: {
      ...DEFAULTS.sampling,
      temperature:
        key(model, 'parathinker.temperature', 0, 10, shortest) ?? DEFAULTS.sampling.temperature,
      ...withoutUndefined(asked.sampling ?? {}),
    },
    controls: { ...DEFAULTS.controls, ...withoutUndefined(asked.controls ?? {}) },
    engine: { ...DEFAULTS.engine, ...withoutUndefined(asked.engine ?? {}) },
    strategy,
  }
  settings.summaryBudget = asked.summaryBudget ?? summaryBudgetFor(settings.budget)
  settleVote(settings, takes)
  if (!takes.paths) settings.paths = 1
  if (!takes.runs) settings.runs = 1
  if (takes.rounds) Object.assign(settings, roundsFor(given, trained))
  else {
    delete settings.rounds
    delete settings.reads
  }
  if (takes.judges) settings.judgements ??= DEFAULT_JUDGEMENTS
  else delete settings.judgements
  if (takesAnswerBy(strategy)) settings.answerBy = answerByFor(settings)
  else delete settings.answerBy
  return RunSettings.parse(settings)
}

/** Returns what answers. With a schema, what paths write freely is not counted: `auto` is the summary. */
const answerByFor = ({ answerBy = 'auto', schema }: RunSettings): RunSettings['answerBy'] =>
  answerBy === 'auto' && schema !== undefined ? 'summary' : answerBy

/** Defaults of the rules by which a vote ends early. */
export const STOP_DEFAULTS = { sure: 0.95, wave: 4, probeEvery: 256, patience: 3 } as const

/** Completes the rule by which a vote ends early; settings that have no effect are removed. */
function settleVote(settings: RunSettings, { votes, rounds }: ReturnType<typeof ruleOf>): void {
  if (!votes) delete settings.weight
  // Rounds of paths have no waves, and none is over before its paths are.
  if (!votes || rounds) delete settings.stop
  const { sure, wave, probeEvery, patience } = STOP_DEFAULTS
  if (settings.stop === 'decided') {
    settings.sure ??= sure
    settings.wave ??= wave
  } else {
    delete settings.sure
    delete settings.wave
  }
  if (settings.stop === 'stable') {
    settings.probeEvery ??= probeEvery
    settings.patience ??= patience
  } else delete settings.patience
}

/** Returns a numeric key of the model, if it is a number in range. */
function key(
  model: ModelDefaults,
  name: string,
  least: number,
  most: number,
  tidy: (value: number) => number,
): number | undefined {
  const raw = model.metadata[name]
  const value = raw === undefined || raw === '' ? NaN : Number(raw)
  return value >= least && value <= most ? tidy(value) : undefined
}

/** Returns the shortest decimal with the same float32 value: 0.6, not 0.6000000238418579. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === Math.fround(value)) return short
  }
  return value
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T
}
