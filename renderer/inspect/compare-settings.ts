import type { RunState } from '../../engine/protocol/fold.ts'
import type { RunSettings } from '../../engine/protocol/request.ts'

export type SettingValue = string | number | boolean | undefined

/** A setting of several runs, in the order of the runs. */
export interface SettingRow {
  /** `budget`, `sampling.temperature`, ... */
  key: string
  values: readonly SettingValue[]
  same: boolean
}

/** Settings in the order in which they matter to a reader; others follow in theirs. */
const FIRST = ['model', 'strategy', 'paths', 'runs', 'budget', 'summaryBudget', 'finish', 'seed']

/** Returns every setting of these runs with its values; the model is one. Runs without settings have none. */
export function settingRows(runs: readonly RunState[]): SettingRow[] {
  const all = runs.map(({ settings, model }) =>
    settings === null
      ? new Map<string, SettingValue>()
      : new Map([['model', model?.name], ...flat(settings)]),
  )
  const keys = new Set([...FIRST, ...all.flatMap((one) => [...one.keys()])])
  return [...keys].flatMap((key) => {
    const values = all.map((one) => one.get(key))
    if (values.every((value) => value === undefined)) return []
    return [{ key, values, same: values.every((value) => value === values[0]) }]
  })
}

function flat(settings: RunSettings): [string, SettingValue][] {
  return Object.entries(settings).flatMap(([name, value]): [string, SettingValue][] =>
    typeof value === 'object'
      ? Object.entries(value as Record<string, SettingValue>).map(([inner, one]) => [
          `${name}.${inner}`,
          one,
        ])
      : [[name, value]],
  )
}

/** What a run is headed by among others, and what else is said of it. */
export interface RunHead {
  title: string
  more: string
}

/**
 * Returns a head for each run by which it can be told from the others: its title; if that is the same, the facts
 * that differ (model, strategy, paths); if none do, `rest`.
 */
export function headsOf(
  runs: readonly { title: string; facts: readonly string[]; rest: string }[],
): RunHead[] {
  const join = (list: readonly string[]) => list.join(' · ')
  if (runs.some(({ title }) => title !== runs[0]!.title))
    return runs.map(({ title, facts }) => ({ title, more: join(facts) }))
  const differs = (i: number) => runs.some(({ facts }) => facts[i] !== runs[0]!.facts[i])
  return runs.map(({ facts, rest }) => {
    const own = facts.filter((_, i) => differs(i))
    const shared = facts.filter((_, i) => !differs(i))
    return { title: own.length > 0 ? join(own) : rest, more: join(shared) }
  })
}
