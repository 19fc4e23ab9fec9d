import { SUFFIX } from '../../engine/protocol/lab.ts'
import { MAX_BUDGET, MAX_PATHS } from '../../engine/protocol/request.ts'
import type { LabPlan, LabSet, LabSpec, ModelInfo, Result } from '../../engine/protocol/wire.ts'
import type { MessageKey, Vars } from '../i18n/index.ts'

export const PRESETS = ['eval', 'tunnel', 'ablate', 'bank'] as const satisfies LabPlan['kind'][]
export type Preset = (typeof PRESETS)[number]

/** Runs at once: one fewer than the engine works on, so that a run of one's own need not wait. */
const JOBS = 3

/** What the form of a new experiment holds. Lists are as typed. */
export interface Draft {
  preset: Preset
  title: string
  strategies: LabPlanOf<'eval'>['strategies']
  paths: string
  budgets: string
  prefixes: string
  /** null: all problems. */
  limit: number | null
  samples: number
  jobs: number
  /** 0: as the engine chooses. */
  threads: number
  answer: LabSpec['answer']
  suffix: string
}
type LabPlanOf<K extends LabPlan['kind']> = Extract<LabPlan, { kind: K }>

/** Returns the draft that a model begins with. */
export function draftFor(preset: Preset, info: ModelInfo | null): Draft {
  const most = info?.defaults.paths ?? 4
  const budget = info?.defaults.budget ?? 1024
  return {
    preset,
    title: '',
    strategies: ['sequential', 'parallel'],
    paths:
      preset === 'eval'
        ? [2, 4, 8, 16].filter((paths) => paths <= Math.max(4, most)).join(', ')
        : preset === 'bank'
          ? '4, 8'
          : String(most),
    budgets: String(budget),
    prefixes: '0, 10, 20, 40, 80',
    limit: 40,
    samples: 1,
    jobs: JOBS,
    threads: 0,
    answer: 'stated',
    suffix: suffixFor(info),
  }
}

/** A model that was trained for parallel thinking has its own way to ask. */
const suffixFor = (info: ModelInfo | null): string =>
  info === null || info.nativePaths > 0 ? '' : SUFFIX

/** Returns the numbers of a list as it was typed, without repeats; null if it is none. */
export function listOf(text: string, least: number, most: number): number[] | null {
  const parts = text.split(/[\s,，;]+/).filter((part) => part !== '')
  const numbers = [...new Set(parts.map(Number))]
  const good = numbers.every((n) => Number.isInteger(n) && n >= least && n <= most)
  return good && numbers.length > 0 && numbers.length <= 32 ? numbers : null
}

/** Returns what keeps a draft from being run: a message, and the field that it is about. */
export function faultOf(
  draft: Draft,
  info: ModelInfo | null,
): { field: keyof Draft; message: [MessageKey, Vars?] } | null {
  const list = (field: 'paths' | 'budgets' | 'prefixes', min: number, max: number) =>
    listOf(draft[field], min, max) === null
      ? { field, message: ['new.badList', { min, max }] as [MessageKey, Vars] }
      : null
  if (draft.preset === 'ablate' && info !== null && info.nativePaths === 0)
    return { field: 'preset', message: ['new.notNative'] }
  if (draft.preset === 'bank' && info !== null && info.nativePaths > 0)
    return { field: 'preset', message: ['new.native'] }
  if (draft.preset === 'eval' && draft.strategies.length === 0)
    return { field: 'strategies', message: ['new.noStrategy'] }
  return (
    list('paths', 1, MAX_PATHS) ??
    list('budgets', 1, MAX_BUDGET) ??
    (draft.preset === 'tunnel' ? list('prefixes', 0, MAX_BUDGET) : null)
  )
}

/** Returns the experiment that a draft without fault describes. */
export function specOf(
  draft: Draft,
  info: ModelInfo,
  set: LabSet,
  fields: LabSpec['fields'],
): LabSpec {
  const paths = listOf(draft.paths, 1, MAX_PATHS)!
  const budgets = listOf(draft.budgets, 1, MAX_BUDGET)!
  const plan: Record<Preset, () => LabPlan> = {
    eval: () => ({
      kind: 'eval',
      strategies: draft.strategies,
      paths,
      budgets,
      votes: ['equality'],
    }),
    tunnel: () => ({
      kind: 'tunnel',
      prefixes: listOf(draft.prefixes, 0, MAX_BUDGET)!,
      paths: Math.max(...paths),
      budget: budgets[0]!,
    }),
    ablate: () => ({ kind: 'ablate', paths, budgets }),
    bank: () => ({
      kind: 'bank',
      paths,
      budget: budgets[0]!,
      fusions: info.cannotJoin === undefined ? ['reread', 'cache'] : ['reread'],
    }),
  }
  return {
    ...shared(draft.jobs, draft.suffix),
    ...(draft.threads > 0 && { settings: { seed: 0, engine: { threads: draft.threads } } }),
    model: info.file,
    data: set.file,
    fields,
    ...(draft.limit !== null && { limit: draft.limit }),
    samples: draft.samples,
    answer: draft.answer,
    plan: plan[draft.preset](),
  }
}

const shared = (jobs: number, suffix: string) => ({
  jobs,
  order: 'problem' as const,
  settings: { seed: 0 },
  ...(suffix !== '' && { suffix }),
})

/** Returns Braid's own set of everyday problems, or that of the numbers game. */
export const ownSet = (
  sets: Result<'lab.sets'>,
  numbers: boolean,
): Result<'lab.sets'>[number] | undefined =>
  sets.find(({ own, name }) => own && name.startsWith('numbers') === numbers)

export interface Worth {
  paths: number
  budget: number
  problems: number
  /** The strategy that one path is compared with. */
  strategy: 'parallel' | 'majority'
}

/** Returns what "Is it worth it?" asks by default: a model that thinks first needs room for it. */
export const worthFor = (info: ModelInfo | null): Worth => ({
  paths: Math.max(2, info?.defaults.paths ?? 4),
  budget:
    info !== null && info.nativePaths > 0
      ? info.defaults.budget
      : info?.thinks === true
        ? 2048
        : 512,
  problems: 40,
  strategy: 'parallel',
})

/** Returns the experiment "Is it worth it?": one path against several, on the same problems and seeds. */
export const worthSpec = (
  { paths, budget, problems, strategy }: Worth,
  model: string,
  data: string,
  info: ModelInfo | null,
): LabSpec => ({
  ...shared(JOBS, suffixFor(info)),
  model,
  data,
  fields: {},
  limit: problems,
  samples: 1,
  answer: 'last-number',
  plan: {
    kind: 'eval',
    strategies: ['sequential', strategy],
    paths: [paths],
    budgets: [budget],
    votes: ['equality'],
  },
})
