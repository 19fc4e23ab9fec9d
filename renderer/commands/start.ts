import { toBraidError } from '../../engine/protocol/errors.ts'
import { runError } from '../../engine/protocol/events.ts'
import {
  askFit,
  edit,
  refreshFit,
  requestOf,
  tooLong,
  useCompose,
  wholeDraft,
  wontFit,
  type Draft,
} from '../store/compose.ts'
import { detach } from '../store/attachments.ts'
import { setPref, usePrefs } from '../store/prefs.ts'
import { invalidFields } from '../store/invalid.ts'
import { go } from '../store/route.ts'
import { useUi } from '../store/ui.ts'
import { startRun } from '../store/runs.ts'

/**
 * Starts the run in the composer and shows it. One that is too long or does not fit stays in the composer with the reason, unless
 * `anyway` is set.
 */
export async function startDraft(anyway = false): Promise<void> {
  const [wrong] = invalidFields
  if (wrong !== undefined) {
    useUi.setState({ settingsOpen: true })
    requestAnimationFrame(() => document.getElementById(wrong)?.focus())
    return
  }
  useCompose.setState({ starting: true, error: null })
  try {
    if (!anyway) {
      await refreshFit() // the figures shown may be out of date
      if (wontFit() || tooLong()) return
    }
    const run = await startRun(requestOf(wholeDraft(), usePrefs.getState().model))
    detach('')
    edit({ problem: '', followUp: null, versionOf: null }) // the next question starts empty
    go({ view: 'run', run })
  } catch (error) {
    useCompose.setState({ error: runError(toBraidError(error)) })
  } finally {
    useCompose.setState({ starting: false })
  }
}

/**
 * Starts a run like an earlier one. If it is too long or does not fit, opens it in the composer, which says what is missing, and
 * returns null.
 */
export async function startAgain(draft: Draft, model: string): Promise<string | null> {
  const asked = await askFit(draft, model).catch(() => null) // the run reports what is wrong with the model
  if (asked === null || (asked.fit.verdict !== 'wont-fit' && !tooLong(asked)))
    return startRun(requestOf(draft, model))
  setPref('model', model)
  edit(draft)
  useCompose.setState({ ...asked, fitError: null })
  go({ view: 'compose' })
  return null
}
