import { toBraidError } from '../../engine/protocol/errors.ts'
import { runError } from '../../engine/protocol/events.ts'
import {
  askFit,
  edit,
  refreshFit,
  requestOf,
  useCompose,
  wontFit,
  type Draft,
} from '../store/compose.ts'
import { setPref, usePrefs } from '../store/prefs.ts'
import { go } from '../store/route.ts'
import { startRun } from '../store/runs.ts'

/** Starts the run that the composer holds and shows it. One that does not fit stays there, with the reason, unless it is to start `anyway`. */
export async function startDraft(anyway = false): Promise<void> {
  const draft = useCompose.getState()
  useCompose.setState({ starting: true, error: null })
  try {
    if (!anyway) {
      await refreshFit() // what is shown may be a moment old
      if (wontFit()) return
    }
    const run = await startRun(requestOf(draft, usePrefs.getState().model))
    useCompose.setState({ followUp: null })
    go({ view: 'run', run })
  } catch (error) {
    useCompose.setState({ error: runError(toBraidError(error)) })
  } finally {
    useCompose.setState({ starting: false })
  }
}

/** Starts a run like an earlier one. One that does not fit goes to the composer instead, which says what is short; then null. */
export async function startAgain(draft: Draft, model: string): Promise<string | null> {
  const fit = await askFit(draft.problem, draft.settings, model).catch(() => null) // what is wrong with the model, the run itself says
  if (fit?.verdict !== 'wont-fit') return startRun(requestOf(draft, model))
  setPref('model', model)
  edit(draft)
  useCompose.setState({ fit, fitError: null })
  go({ view: 'compose' })
  return null
}
