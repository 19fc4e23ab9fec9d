import { showsValues } from '../../engine/protocol/question.ts'
import { doingOf, NOTHING, summarising, type Doing } from '../../engine/protocol/doing.ts'
import { isOpen, type RunState } from '../../engine/protocol/fold.ts'
import type { t as translate } from '../i18n/index.ts'
import { integer } from '../i18n/format.ts'
import { errorWords } from '../i18n/wording.ts'
import { plainAnswer } from './AnswerText.tsx'
import { outcomeOf } from '../../engine/protocol/outcome.ts'
import { doingWords } from './doing.ts'

/**
 * Returns a run in one sentence, for the status bar and screen readers. `place`: its place in the queue, if it waits
 * for room in its context. `doing`: with what the host says of it.
 */
export function describeRun(
  state: RunState,
  t: typeof translate,
  place: number | null = null,
  doing: Doing | null = doingOf(state, NOTHING, 0),
  model = '',
): string {
  if (place !== null) return t('run.place', { count: place })
  const count = [...state.paths, ...state.summaries].reduce(
    (sum, segment) => sum + segment.tokens.length,
    0,
  )
  const tokens = t('unit.tokens', { count, shown: integer(count) })
  if (doing?.phase === 'loading' || doing?.phase === 'reading') return doingWords(doing, model, t)
  switch (state.status) {
    case 'empty':
      return t('announce.waiting')
    case 'failed':
      return t('announce.failed', {
        message: state.error === null ? '' : errorWords(state.error),
      })
    case 'interrupted':
      return t('run.interrupted')
    case 'ended': {
      const outcome = outcomeOf(state)
      if (outcome !== null) return t(`outcome.${outcome}`)
      if (!showsValues(state)) return t('announce.done')
      return state.answer === null
        ? t('announce.ended')
        : t('announce.answer', { answer: plainAnswer(state.answer).slice(0, 200) })
    }
    case 'running': {
      if (state.paths.length === 0) return t('run.prefill')
      if (summarising(state)) return t('announce.summary', { tokens })
      if (state.others.some(isOpen)) return t('programs.asking')
      if (count === 0) return t('doing.thinking')
      const live = state.paths.filter(isOpen).length
      if (live === 0 && state.others.length > 0 && state.agreement === null)
        return t('programs.running')
      return t('announce.paths', { count: live, done: state.paths.length - live, tokens })
    }
  }
}
