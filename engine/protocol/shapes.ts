import {
  STRATEGIES,
  type FinishRule,
  type Fusion,
  type RunSettings,
  type Strategy,
} from './request.ts'
import type { Layout, Role } from './segments.ts'

/**
 * What a strategy opens: `groups` groups of `size` paths. Each group is fused by a summary or takes
 * part in a vote.
 */
export interface Shape {
  groups: number
  /** Paths per group; of `refine`, per round. */
  size: number
  /** How often paths are opened; each round after the first reads paths of the one before. */
  rounds: number
  /** How many paths each path of a later round reads. */
  reads: number
  /** How many paths of a group must end by themselves before the others are cut; 0: all. */
  finish: number
  /** Whether each group ends in a summary. */
  summaries: boolean
  /** In how many rounds judges compare the answers two at a time; 0: in none. */
  judgements: number
}

type Asked = Pick<
  RunSettings,
  'strategy' | 'paths' | 'runs' | 'finish' | 'rounds' | 'reads' | 'answerBy' | 'judgements'
>

interface StrategyRule {
  groups: (asked: Asked) => number
  size: (asked: Asked) => number
  /**
   * A model that was trained for parallel thinking always ends a group in a summary, since its answer stands there;
   * another one does so if there is something to fuse; with `asked`, unless a vote answers (`answerBy`).
   */
  summaries: 'always' | 'trained' | 'asked' | 'never'
  /** It takes a number of paths, or of runs; without one, that number is 1. */
  paths: boolean
  runs: boolean
  /** It takes a number of rounds, and of paths that each path of a later round reads. */
  rounds: boolean
  /** It counts votes: over paths, or over the summaries of its groups. */
  votes: boolean
  /** Each path is a group of its own, so that none needs a control token of its own. */
  single: boolean
  /** Its answer is decoded from the mean of its paths, instead of being written behind them. */
  merges: boolean
  /** The model splits its text into paths itself (forks.ts): only one of the paths answers. */
  forks: boolean
  /** Judges compare its answers two at a time, instead of a vote or a summary. */
  judges: boolean
}

/** What a strategy has that takes no numbers and does nothing special with its paths. */
const NONE = {
  paths: false,
  runs: false,
  rounds: false,
  votes: false,
  single: false,
  merges: false,
  forks: false,
  judges: false,
} as const

const STRATEGY_RULES: Record<Strategy, StrategyRule> = {
  parallel: {
    ...NONE,
    groups: () => 1,
    size: ({ paths }) => paths,
    summaries: 'asked',
    paths: true,
  },
  sequential: {
    ...NONE,
    groups: () => 1,
    size: () => 1,
    summaries: 'trained',
  },
  majority: {
    ...NONE,
    groups: ({ paths }) => paths,
    size: () => 1,
    summaries: 'trained',
    paths: true,
    votes: true,
    single: true,
  },
  'parallel-majority': {
    ...NONE,
    groups: ({ runs }) => runs,
    size: ({ paths }) => paths,
    summaries: 'always',
    paths: true,
    runs: true,
    votes: true,
  },
  refine: {
    ...NONE,
    groups: () => 1,
    size: ({ paths }) => paths,
    summaries: 'asked',
    paths: true,
    rounds: true,
    votes: true,
  },
  'fork-join': {
    ...NONE,
    groups: () => 1,
    size: () => 1,
    summaries: 'never',
    forks: true,
  },
  merge: {
    ...NONE,
    groups: () => 1,
    size: ({ paths }) => paths,
    summaries: 'always',
    paths: true,
    merges: true,
  },
  tournament: {
    ...NONE,
    groups: ({ paths }) => paths,
    size: () => 1,
    summaries: 'trained',
    paths: true,
    single: true,
    judges: true,
  },
}

/**
 * Returns the shape of a run. `trained`: the model was trained for parallel thinking (it has pairs
 * of control tokens).
 */
export function shapeOf(asked: Asked, trained: boolean): Shape {
  const { groups, size, summaries, rounds, judges } = STRATEGY_RULES[asked.strategy]
  return {
    groups: groups(asked),
    size: size(asked),
    rounds: rounds ? (asked.rounds ?? 1) : 1,
    reads: rounds ? (asked.reads ?? 1) : 0,
    finish: finishCount(asked.finish, size(asked)),
    summaries:
      summaries === 'asked'
        ? asked.answerBy !== 'vote'
        : summaries === 'always' || (summaries === 'trained' && trained),
    judgements: judges ? (asked.judgements ?? 1) : 0,
  }
}

/**
 * Returns whether what a segment writes is an answer, which a schema holds for: that of a summary, and
 * of a path if no summaries follow.
 */
export const writesAnswer = (role: Role, asked: Asked, trained: boolean): boolean =>
  role === 'summary' || (role === 'path' && !shapeOf(asked, trained).summaries)

function finishCount(rule: FinishRule, size: number): number {
  if (typeof rule === 'number') return rule < size ? rule : 0
  return rule === 'last' ? 0 : rule === 'half' ? Math.ceil(size / 2) : 1
}

/**
 * Returns how many paths must end by themselves before the others of a vote over single paths are
 * cut, and take no part in it (short-m@k, arXiv 2505.17813); 0: all.
 */
export function firstOf(asked: Asked): number {
  const { groups, size } = STRATEGY_RULES[asked.strategy]
  const [paths, one] = [groups(asked), size(asked) === 1]
  return one && typeof asked.finish === 'number' && asked.finish < paths ? asked.finish : 0
}

/** How many children a plan usually has. */
const USUAL_CHILDREN = 4

/** Returns how many paths a run is given room for: those that it opens, or the usual ones of a model that forks. */
export const roomFor = (
  strategy: Strategy,
  { groups, size }: Pick<Shape, 'groups' | 'size'>,
): number => groups * size * (STRATEGY_RULES[strategy].forks ? USUAL_CHILDREN : 1)

/** Returns how many judges a round has at most: each pair is judged in both orders. */
export const judgesPerRound = ({ groups, size, judgements }: Shape): number =>
  judgements === 0 ? 0 : 2 * Math.floor((groups * size) / 2)

/** Returns how many paths a run opens by itself. */
export const pathsOf = ({ groups, size, rounds }: Shape): number => groups * size * rounds

/** Returns the numbers of a run's groups. */
export const groupsOf = ({ groups }: Pick<Shape, 'groups'>): number[] =>
  Array.from({ length: groups }, (_, i) => i + 1)

/** Returns the groups of a run's paths that are fused or counted: the last round, or every group. */
export const lastGroups = (shape: Pick<Shape, 'groups' | 'rounds'>): number[] =>
  shape.rounds > 1 ? [shape.rounds] : groupsOf(shape)

/** Returns the strategies that a model can follow. `forks`: it has the marks to fork its own text. */
export const strategiesFor = (forks: boolean): readonly Strategy[] =>
  STRATEGIES.filter((strategy) => forks || !STRATEGY_RULES[strategy].forks)

/** Returns whether this version knows a strategy; a newer one may have others. */
export const isStrategy = (name: string): name is Strategy => Object.hasOwn(STRATEGY_RULES, name)

/** The strategies that go on from paths which any other would have begun with. */
export const GOING_ON: readonly Strategy[] = STRATEGIES.filter((strategy) => {
  const { rounds, merges, judges } = STRATEGY_RULES[strategy]
  return rounds || merges || judges
})

/** Returns what a strategy takes and does. Whoever needs to know asks for that, not for its name. */
export const ruleOf = (strategy: Strategy): Readonly<StrategyRule> => STRATEGY_RULES[strategy]

/** Returns whether the model of a run splits its text into paths itself. */
export const forksText = ({
  settings,
}: {
  settings: Pick<RunSettings, 'strategy'> | null
}): boolean => settings !== null && STRATEGY_RULES[settings.strategy].forks

/** Returns whether a strategy answers by a vote or by a summary, as it is asked to. */
export const takesAnswerBy = (strategy: Strategy): boolean =>
  STRATEGY_RULES[strategy].summaries === 'asked'

/** Returns whether a run is asked to count votes, whatever its question turns out to be. */
export const asksForVotes = ({
  strategy,
  answerBy,
}: Pick<RunSettings, 'strategy' | 'answerBy'>): boolean =>
  takesAnswerBy(strategy) ? answerBy === 'vote' : STRATEGY_RULES[strategy].votes

/** Returns the numbers of a run under another strategy: as they are if that one takes them, but enough to differ. */
export function numbersFor(
  strategy: Strategy,
  { paths, runs }: Pick<RunSettings, 'paths' | 'runs'>,
): { paths?: number; runs?: number } {
  const takes = ruleOf(strategy)
  return {
    ...(takes.paths && { paths: takes.runs ? paths : Math.max(2, paths) }),
    ...(takes.runs && { runs: Math.max(2, runs) }),
  }
}

/** Returns how paths are fused. `auto` reads the cache if the model's cells can be joined. */
export function fusionOf(asked: RunSettings['controls']['fusion'], joins: boolean): Fusion {
  if (asked !== 'auto') return asked
  return joins ? 'cache' : 'reread'
}

/**
 * Returns the layout of a join: models that were trained for parallel thinking read paths at equal
 * positions, all others read them one behind another.
 */
export const layoutOf = (trained: boolean): Layout => (trained ? 'shared' : 'consecutive')
