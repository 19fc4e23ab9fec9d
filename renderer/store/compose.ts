import { create } from 'zustand'
import { toBraidError } from '../../engine/protocol/errors.ts'
import { runError, type RunError, type SegmentId } from '../../engine/protocol/events.ts'
import type { RunState } from '../../engine/protocol/fold.ts'
import { readPreferences, type Preferences } from '../../engine/protocol/preferences.ts'
import type { RunRequest } from '../../engine/protocol/request.ts'
import type { Fit, ModelInfo } from '../../engine/protocol/wire.ts'
import { summaryFor } from './history.ts'
import { host } from './host.ts'
import { isInfo, useModels } from './models.ts'
import { usePrefs } from './prefs.ts'
import type { SettingsDraft } from './presets.ts'

/** The problem being written, and the settings changed by hand; what is left out takes the model's defaults. */
export interface Draft {
  problem: string
  settings: SettingsDraft
  /** Preset the settings came from, until one is changed. */
  preset: string | null
  followUp: { run: string; segment: SegmentId; title: string } | null
}

interface Compose extends Draft {
  fit: Fit | null
  fitError: RunError | null
  starting: boolean
  error: RunError | null
}

const EMPTY: Draft = { problem: '', settings: {}, preset: null, followUp: null }
const KEY = 'braid.draft'

function remembered(): Draft {
  try {
    const draft: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    return { ...EMPTY, ...readPreferences({ draft }, 'page').draft }
  } catch {
    return EMPTY // no storage, or no JSON in it
  }
}

export const useCompose = create<Compose>(() => ({
  ...remembered(),
  fit: null,
  fitError: null,
  starting: false,
  error: null,
}))

export function edit(change: Partial<Draft>): void {
  useCompose.setState({ ...change, error: null })
  save()
}

export function editSettings(change: SettingsDraft): void {
  const { settings } = useCompose.getState()
  const next = {
    ...settings,
    ...change,
    ...(change.sampling && { sampling: { ...settings.sampling, ...change.sampling } }),
    ...(change.controls && { controls: { ...settings.controls, ...change.controls } }),
    ...(change.engine && { engine: { ...settings.engine, ...change.engine } }),
  }
  edit({ settings: next, preset: null })
}

let saving: ReturnType<typeof setTimeout> | undefined
function save(): void {
  clearTimeout(saving)
  saving = setTimeout(() => {
    const { problem, settings } = useCompose.getState()
    try {
      localStorage.setItem(
        KEY,
        JSON.stringify({ problem, settings } satisfies Preferences<'page'>['draft']),
      )
    } catch {
      /* storage full: the draft lives until the window closes */
    }
  }, 200)
}

/** The draft's settings over the model's defaults; null while the model is unknown. */
export function effective(
  settings: SettingsDraft,
  info: ModelInfo | null,
): ModelInfo['defaults'] | null {
  if (info === null) return null
  const { defaults } = info
  return {
    ...defaults,
    ...settings,
    sampling: { ...defaults.sampling, ...settings.sampling },
    controls: { ...defaults.controls, ...settings.controls },
    engine: { ...defaults.engine, ...settings.engine },
  }
}

export function chosenInfo(): ModelInfo | null {
  const info = useModels.getState().infos[usePrefs.getState().model]
  return isInfo(info) ? info : null
}

/** The memory is short, as far as it can be told before the run. */
export const wontFit = (): boolean => useCompose.getState().fit?.verdict === 'wont-fit'

/** Why the run cannot start, as a message key; null: it can. `anyway`: whether it fits is not asked. */
export function whyNotStart(
  anyway = false,
):
  | 'compose.needProblem'
  | 'compose.needModel'
  | 'compose.badModel'
  | 'compose.starting'
  | 'compose.wontFit'
  | null {
  const { problem, starting } = useCompose.getState()
  const { model } = usePrefs.getState()
  if (starting) return 'compose.starting'
  if (model === '') return 'compose.needModel'
  const info = useModels.getState().infos[model]
  if (info !== undefined && !isInfo(info)) return 'compose.badModel'
  if (problem.trim() === '') return 'compose.needProblem'
  return !anyway && wontFit() ? 'compose.wontFit' : null
}

/** What the run would need. Errors: those of the host. */
export const askFit = (problem: string, settings: SettingsDraft, model: string): Promise<Fit> =>
  host.call('models.fit', { file: model, settings, promptTokens: Math.ceil(problem.length / 3) })

/** Asks what the composer's run would need; the latest question wins. */
let question = 0
export async function refreshFit(): Promise<void> {
  const mine = ++question
  const { model } = usePrefs.getState()
  if (chosenInfo() === null) {
    useCompose.setState({ fit: null, fitError: null })
    return
  }
  const { settings, problem } = useCompose.getState()
  try {
    const fit = await askFit(problem, settings, model)
    if (mine === question) useCompose.setState({ fit, fitError: null })
  } catch (error) {
    if (mine === question)
      useCompose.setState({ fit: null, fitError: runError(toBraidError(error)) })
  }
}

export function requestOf(draft: Draft, model: string): RunRequest {
  return {
    problem: draft.problem,
    model,
    settings: draft.settings,
    ...(draft.followUp && {
      followUp: { run: draft.followUp.run, segment: draft.followUp.segment },
    }),
  }
}

/** The composer filled with what a run was asked, to be changed and started again. */
export function draftOf({ problem, settings, followUp }: RunState): Draft {
  const title =
    followUp === null ? '' : (summaryFor(followUp.run)?.problem.slice(0, 120) ?? followUp.run)
  return {
    problem,
    settings: settings ?? {},
    preset: null,
    followUp: followUp === null ? null : { ...followUp, title },
  }
}
