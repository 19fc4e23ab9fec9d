import { create } from 'zustand'
import { toBraidError } from '../../engine/protocol/errors.ts'
import { runError, type RunError, type SegmentId } from '../../engine/protocol/events.ts'
import type { RunState } from '../../engine/protocol/fold.ts'
import { readPreferences, type Preferences } from '../../engine/protocol/preferences.ts'
import { MAX_PATHS, type RunRequest } from '../../engine/protocol/request.ts'
import { DEFAULT_JUDGEMENTS, roundsFor, summaryBudgetFor } from '../../engine/protocol/settings.ts'
import { ruleOf } from '../../engine/protocol/shapes.ts'
import type { Fit, ModelInfo } from '../../engine/protocol/wire.ts'
import { ownEntry } from '../../engine/protocol/own.ts'
import { loadAnswer } from './answers.ts'
import { NONE, useAttachments, withAttachments, type Attachment } from './attachments.ts'
import { byRun, earlierTurns } from './conversations.ts'
import { summaryFor, useHistory } from './history.ts'
import { host } from './host.ts'
import { isInfo, useModels } from './models.ts'
import { usePrefs } from './prefs.ts'
import type { SettingsDraft } from './presets.ts'
import { countTokens } from './tokens.ts'

/** The problem being written and the settings that the user changed. The model's defaults apply to the rest. */
export interface Draft {
  problem: string
  settings: SettingsDraft
  /** The preset that the settings came from, until one of them changes. */
  preset: string | null
  followUp: { run: string; segment: SegmentId; title: string } | null
  /** The first version of the turn that is made again; null: a new turn. */
  versionOf: string | null
}

interface Compose extends Draft {
  /** Tokens of what the model reads before it thinks; null while they are unknown. */
  promptTokens: number | null
  fit: Fit | null
  fitError: RunError | null
  starting: boolean
  error: RunError | null
}

const EMPTY: Draft = { problem: '', settings: {}, preset: null, followUp: null, versionOf: null }
const KEY = 'braid.draft'

function remembered(): Draft {
  try {
    const draft: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}')
    return { ...EMPTY, ...readPreferences({ draft }, 'page').draft }
  } catch {
    return EMPTY // no storage, or invalid JSON in it
  }
}

export const useCompose = create<Compose>(() => ({
  ...remembered(),
  promptTokens: null,
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

/** Settings on top of others. Their groups are merged, too. */
const onTop = <T extends SettingsDraft>(below: T, settings: SettingsDraft): T => ({
  ...below,
  ...settings,
  ...(below.sampling && { sampling: { ...below.sampling, ...settings.sampling } }),
  ...(below.controls && { controls: { ...below.controls, ...settings.controls } }),
  ...(below.engine && { engine: { ...below.engine, ...settings.engine } }),
})

/** Returns what a new run asks for: the draft's settings, else the user's defaults. The model has the rest. */
export const asked = (settings: SettingsDraft): SettingsDraft =>
  onTop(usePrefs.getState().defaults, settings)

/** Returns all settings of the draft's run, or null while the model is unknown. */
export function effective(
  draft: SettingsDraft,
  info: ModelInfo | null,
): ModelInfo['defaults'] | null {
  if (info === null) return null
  const { defaults, nativePaths } = info
  const settings = asked(draft)
  const most = nativePaths > 0 && settings.reuseTokens !== true ? nativePaths : MAX_PATHS
  const { rounds, judges } = ruleOf(settings.strategy ?? defaults.strategy)
  return {
    ...onTop(defaults, settings),
    ...(rounds && roundsFor(settings, most)),
    ...(judges && { judgements: settings.judgements ?? DEFAULT_JUDGEMENTS }),
    summaryBudget: settings.summaryBudget ?? summaryBudgetFor(settings.budget ?? defaults.budget),
  }
}

export function chosenInfo(): ModelInfo | null {
  const info = ownEntry(useModels.getState().infos, usePrefs.getState().model)
  return isInfo(info) ? info : null
}

/** Returns whether the memory is too small, as far as is known before the run. */
export const wontFit = (): boolean => useCompose.getState().fit?.verdict === 'wont-fit'

/** Returns whether the prompt alone is longer than the model can read, as far as is known before the run. */
export function tooLong(
  { fit, promptTokens }: Pick<Compose, 'fit' | 'promptTokens'> = useCompose.getState(),
): boolean {
  // The run itself refuses it by the same rule: a prompt leaves room for one token at least.
  return promptTokens !== null && fit?.positions !== undefined && promptTokens + 1 >= fit.positions
}

/** Returns the message key that says why the run cannot start, or null if it can. `anyway`: ignores whether it fits. */
export function whyNotStart(
  anyway = false,
):
  | 'compose.needProblem'
  | 'compose.needModel'
  | 'compose.badModel'
  | 'compose.starting'
  | 'compose.tooLong'
  | 'compose.wontFit'
  | null {
  const { problem, starting } = useCompose.getState()
  const { model } = usePrefs.getState()
  if (starting) return 'compose.starting'
  if (model === '') return 'compose.needModel'
  const { infos, list } = useModels.getState()
  const info = ownEntry(infos, model)
  const gone = list?.some((entry) => entry.file === model && !entry.present) === true
  if (gone || (info !== undefined && !isInfo(info))) return 'compose.badModel'
  // Asked after every change of a store, so the draft is not put together for it.
  const attached = useAttachments.getState()[''] ?? NONE
  if (problem.trim() === '' && attached.length === 0) return 'compose.needProblem'
  if (tooLong()) return 'compose.tooLong'
  return !anyway && wontFit() ? 'compose.wontFit' : null
}

/** Tokens that a chat template adds to each message, roughly. */
const PER_MESSAGE = 8

/** What decides on the tokens of a prompt. */
type Prompt = Pick<Draft, 'problem' | 'settings' | 'followUp'>

/** Returns how many tokens the model reads before it thinks. Errors: those of the host. */
async function countPrompt(
  { problem, settings, followUp }: Prompt,
  model: string,
  attached: readonly Attachment[],
): Promise<number> {
  const parts = [problem, settings.system ?? '', ...attached.map(({ text }) => text)]
  const texts = [...parts, ...(await textsBefore(followUp))]
  const tokens = await countTokens(model, texts.slice(0, 64))
  return tokens.reduce((sum, count) => sum + count + PER_MESSAGE, 0)
}

/** Returns the questions and answers of the turns that a draft follows up on. */
async function textsBefore(followUp: Draft['followUp']): Promise<string[]> {
  if (followUp === null) return []
  const byId = byRun(useHistory.getState().list)
  const last = byId.get(followUp.run)
  if (last === undefined) return []
  const turns = [...earlierTurns(last, byId), last].slice(-31)
  const answers = await Promise.all(turns.map(loadAnswer))
  return turns.flatMap(({ problem }, i) => [problem, answers[i]?.text ?? ''])
}

/** Returns the memory that a run would need, and the tokens of its prompt. Errors: those of the host. */
export async function askFit(
  draft: Prompt,
  model: string,
  attached: readonly Attachment[] = NONE,
): Promise<{ fit: Fit; promptTokens: number }> {
  const promptTokens = await countPrompt(draft, model, attached)
  const { settings } = draft
  return {
    fit: await host.call('models.fit', { file: model, settings, promptTokens }),
    promptTokens,
  }
}

/** Returns the draft as it is asked: with its attachments in the problem, and with the defaults. */
export function wholeDraft(): Draft {
  const { problem, settings, preset, followUp, versionOf } = useCompose.getState()
  const attached = useAttachments.getState()[''] ?? NONE
  return {
    problem: withAttachments(problem, attached),
    settings: asked(settings),
    preset,
    followUp,
    versionOf,
  }
}

let question = 0
/** Updates the memory that the composer's run would need. The latest request wins. */
export async function refreshFit(): Promise<void> {
  const mine = ++question
  const { model } = usePrefs.getState()
  if (chosenInfo() === null) {
    useCompose.setState({ fit: null, fitError: null, promptTokens: null })
    return
  }
  try {
    const attached = useAttachments.getState()[''] ?? NONE
    const { problem, settings, followUp } = useCompose.getState()
    const found = await askFit({ problem, settings: asked(settings), followUp }, model, attached)
    if (mine === question) useCompose.setState({ ...found, fitError: null })
  } catch (error) {
    if (mine === question)
      useCompose.setState({ fit: null, fitError: runError(toBraidError(error)) })
  }
}

export function requestOf(draft: Draft, model: string): RunRequest {
  return {
    problem: draft.problem,
    model,
    // What may run is the user's to say, whatever an earlier run or a preset had.
    settings: {
      ...draft.settings,
      system: draft.settings.system || undefined,
      runPrograms: usePrefs.getState().runPrograms ? undefined : false,
    },
    ...(draft.followUp && {
      followUp: { run: draft.followUp.run, segment: draft.followUp.segment },
    }),
    ...(draft.versionOf !== null && { versionOf: draft.versionOf }),
  }
}

/** Returns a draft with the problem and settings of a run, to edit and start again, as a version of its turn. */
export function draftOf({ run, problem, settings, followUp, versionOf }: RunState): Draft {
  const title =
    followUp === null ? '' : (summaryFor(followUp.run)?.problem.slice(0, 120) ?? followUp.run)
  return {
    problem,
    // A run without a system prompt has none when it is asked again, whatever the defaults are.
    settings: settings === null ? {} : { ...settings, system: settings.system ?? '' },
    preset: null,
    followUp: followUp === null ? null : { ...followUp, title },
    // The recorded sample is in no conversation.
    versionOf: summaryFor(run) === undefined ? null : (versionOf ?? run),
  }
}
