import type { RunSettings } from '../../engine/protocol/request.ts'
import { asked } from './compose.ts'
import { usePrefs } from './prefs.ts'
import { presetSettings, type SettingsDraft } from './presets.ts'
import { useUi } from './ui.ts'

/** Returns the settings of the next turn: those of the run before it, with what was changed for it. */
export function nextSettings(run: string, before: RunSettings): SettingsDraft {
  const { preset, system } = useUi.getState().nextTurns[run] ?? {}
  const chosen =
    preset === undefined ? undefined : presetSettings(preset, usePrefs.getState().presets)
  return {
    ...(chosen === undefined ? before : asked(chosen)),
    seed: undefined,
    question: 'auto',
    system: system ?? chosen?.system ?? before.system ?? '',
  }
}
