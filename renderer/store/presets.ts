import type { RunRequest, RunSettings } from '../../engine/protocol/request.ts'
import type { Prefs } from './prefs.ts'

export type SettingsDraft = RunRequest['settings']

/** Presets that come with Braid. Their names are messages. */
export const BUILT_IN = [
  {
    id: 'quick',
    settings: { strategy: 'parallel', paths: 2, budget: 512, finish: 'first' },
  },
  {
    id: 'balanced',
    settings: { strategy: 'parallel', paths: 4, budget: 2048, finish: 'first' },
  },
  {
    id: 'thorough',
    settings: { strategy: 'parallel', paths: 8, budget: 8192, finish: 'half' },
  },
  {
    id: 'vote',
    settings: { strategy: 'majority', paths: 8, budget: 2048, finish: 'last' },
  },
  { id: 'single', settings: { strategy: 'sequential', budget: 4096 } },
] as const satisfies readonly { id: string; settings: SettingsDraft }[]

/** Returns the settings of a preset; undefined if there is none of this id. */
export const presetSettings = (id: string, own: Prefs['presets']): SettingsDraft | undefined =>
  [...BUILT_IN, ...own].find((one) => one.id === id)?.settings

/** Returns the preset whose settings a run has, the one that sets most of them; '' if there is none. */
export function presetOf(settings: RunSettings, own: Prefs['presets']): string {
  const sizeOf = (preset: SettingsDraft) => JSON.stringify(preset).length
  const fitting = [...BUILT_IN, ...own]
    .filter((one) => Object.keys(one.settings).length > 0 && covers(settings, one.settings))
    .sort((a, b) => sizeOf(b.settings) - sizeOf(a.settings))
  return fitting[0]?.id ?? ''
}

/** Returns whether a value has all that a part of it has. */
const covers = (whole: unknown, part: unknown): boolean =>
  part === undefined ||
  (typeof part === 'object' && part !== null
    ? typeof whole === 'object' &&
      whole !== null &&
      Object.entries(part).every(([key, value]) =>
        covers((whole as Record<string, unknown>)[key], value),
      )
    : Object.is(whole, part))
