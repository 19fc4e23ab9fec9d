import type { RunRequest } from '../../engine/protocol/request.ts'

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
