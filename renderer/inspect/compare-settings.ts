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
    typeof value === 'object' && value !== null
      ? Object.entries(value).map(([inner, one]) => [`${name}.${inner}`, valueOf(one)])
      : [[name, valueOf(value)]],
  )
}

/** Returns a setting as it is shown; one that this version does not know may be any JSON. */
const valueOf = (value: unknown): SettingValue =>
  ['string', 'number', 'boolean', 'undefined'].includes(typeof value)
    ? (value as SettingValue)
    : JSON.stringify(value)

/** What a run is headed by among others, and what else is said of it. */
export interface RunHead {
  title: string
  more: string
}

export interface RunNames {
  title: string
  /** Model, strategy, paths. */
  facts: readonly string[]
  /** Other settings that differ, and the time. */
  others: readonly string[]
}

/**
 * Returns a head for each run by which it can be told from the others: its title, else the facts that differ; where
 * these are the same for some, with as many of `others` as tell them apart.
 */
export function headsOf(runs: readonly RunNames[]): RunHead[] {
  const join = (list: readonly string[]) => list.filter((one) => one !== '').join(' · ')
  const titled = runs.some(({ title }) => title !== runs[0]!.title)
  const differs = (i: number) => runs.some(({ facts }) => facts[i] !== runs[0]!.facts[i])
  const titles = runs.map(({ title, facts }) =>
    titled ? title : join(facts.filter((_, i) => differs(i))),
  )
  for (let i = 0; i < (runs[0]?.others.length ?? 0); i++) {
    const before = [...titles]
    before.forEach((title, r) => {
      const equals = before.flatMap((other, o) => (other === title ? [runs[o]!.others[i]] : []))
      if (new Set(equals).size > 1) titles[r] = join([title, runs[r]!.others[i]!])
    })
  }
  return runs.map(({ facts }, r) => ({
    title: titles[r]!,
    more: join(facts.filter((_, i) => titled || !differs(i))),
  }))
}
