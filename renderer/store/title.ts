import { doingOfAll } from '../../engine/protocol/doing.ts'
import type { RunProgress } from '../../engine/protocol/wire.ts'
import { t } from '../i18n/index.ts'
import { plainAnswer } from '../ui/AnswerText.tsx'
import { doingWords } from '../ui/doing.ts'
import { useActivity } from './activity.ts'
import { usePrefs } from './prefs.ts'

const MOST = 60
const short = (text: string): string => (text.length > MOST ? `${text.slice(0, MOST)}…` : text)
const line = (...parts: string[]): string => [...parts, 'Braid'].filter(Boolean).join(' – ')

/**
 * Returns the title of the window: what runs are doing, with the fraction that the taskbar shows, or
 * how the run ended that the user has not seen yet.
 */
export function titleOf(runs: readonly RunProgress[], unseen: RunProgress | null): string {
  const [only] = runs
  if (runs.length === 1 && only?.doing)
    return line(doingWords(only.doing, only.model, t, true), short(only.title))
  if (runs.length > 1) {
    const percent = Math.round(100 * (doingOfAll(runs).fraction ?? 0))
    return line(t('doing.percent', { words: t('title.runs', { count: runs.length }), percent }))
  }
  return unseen === null ? line() : line(endWords(unseen), short(unseen.title))
}

const endWords = ({ status, outcome, answer }: RunProgress): string =>
  outcome !== undefined
    ? t(`outcome.${outcome}`)
    : status === 'failed' || status === 'interrupted'
      ? t(`run.status.${status}`)
      : answer === null
        ? t('run.status.ended')
        : t('announce.answer', { answer: short(plainAnswer(answer)) })

/** Whether the user is not looking at the window. */
export const isAway = (): boolean => document.hidden || !document.hasFocus()

export function startTitle(): void {
  const draw = () => {
    const { runs, unseen } = useActivity.getState()
    document.title = titleOf(Object.values(runs), unseen)
  }
  const seen = () => {
    if (!isAway() && useActivity.getState().unseen !== null) useActivity.setState({ unseen: null })
  }
  useActivity.subscribe(draw)
  usePrefs.subscribe(draw) // the language
  addEventListener('focus', seen)
  document.addEventListener('visibilitychange', seen)
}
